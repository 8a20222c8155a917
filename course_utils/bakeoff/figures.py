"""Figures of a bake-off's report, for the HTML page and for notebooks.

Each function returns the figure with its alt text, made from the same numbers, so that a notebook
shows it by ``plots.show(*scores_by_approach(report))``. Text and lines take their colours from
matplotlib's rcParams, so that a dark page can have a dark figure.
"""

import textwrap
from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from course_utils.bakeoff.report_words import count, dollars, kind_label, percent
from course_utils.evaluate.stats import Interval
from course_utils.plots import COLOURS

# Colour and marker of each approach; the markers tell them apart where colours cannot.
_LOOKS = {
    "prompt": (COLOURS["prompt"], "o"),
    "rag": (COLOURS["rag"], "s"),
    "rag_few_shot": ("#2A8C8C", "P"),
    "fine_tuned": (COLOURS["fine-tuned"], "^"),
    "rag_fine_tuned": (COLOURS["both"], "D"),
    "rag_fine_tuned_bare": ("#A6761D", "v"),
}
_OTHER = (COLOURS["neutral"], "X")
WIDTH = 5.4  # inches; on a phone the text is then still about 10 px high


def scores_by_approach(report: Mapping, measure: str = "correct") -> tuple[Figure, str]:
    """One bar per approach of a bake-off with its confidence interval, and the same in words.

    Args:
        report: A bake-off's report; approaches without the measure are left out.
        measure: ``correct`` or ``style``.

    Returns:
        The figure and its alt text: ``show(*scores_by_approach(report))``.
    """
    prefix, title = {
        "correct": ("ci", "Right answers, of the answerable questions"),
        "style": ("style", "Replies that keep every rule of style"),
    }[measure]
    rows = [row for row in report["approaches"] if row[measure] is not None]
    scores = [_interval(row[measure], row[f"{prefix}_low"], row[f"{prefix}_high"]) for row in rows]
    figure, axes = plt.subplots(figsize=(WIDTH, 0.9 + 0.52 * len(rows)), layout="constrained")
    for place, (row, score) in enumerate(zip(rows, scores, strict=True)):
        axes.barh(
            place, 100 * score.mean, xerr=_percent_errors(score), capsize=4, height=0.62,
            color=_LOOKS.get(row["name"], _OTHER)[0], ecolor=rcParams["text.color"],
        )  # fmt: skip
        axes.text(100 * score.high + 2.5, place, percent(score.mean), va="center")
    axes.set_yticks(range(len(rows)), [_wrapped(row["title"]) for row in rows])
    axes.set(xlim=(0, 118), xlabel="share (%), with 95% interval")
    axes.spines["bottom"].set_bounds(0, 100)
    _finish(axes)
    told = (f"{row['title']} {_told(score)}" for row, score in zip(rows, scores, strict=True))
    return figure, f"{title}: {'; '.join(told)}."


def cost_against_quality(report: Mapping) -> tuple[Figure, str]:
    """What an answer costs against how often it is right, one point per approach.

    Args:
        report: A bake-off's report. Cost is in US dollars where all approaches have a price, else
            in tokens.

    Returns:
        The figure and its alt text.
    """
    rows = report["approaches"]
    priced = all(row["usd_per_1000"] is not None for row in rows)
    unit = "US dollars per 1,000 answers" if priced else "tokens per answer, in and out"
    figure, axes = plt.subplots(figsize=(WIDTH, 3.9), layout="constrained")
    told = []
    for row in rows:
        cost = row["usd_per_1000"] if priced else row["tokens_in"] + row["tokens_out"]
        score = _interval(row["correct"], row["ci_low"], row["ci_high"])
        _dot(axes, cost, score, row, vertical=True)
        written = dollars(cost) if priced else f"{count(cost)} tokens"
        told.append(f"{row['title']} {written}, {_told(score)} right")
    axes.set(xlabel=unit, ylabel="right answers (%)", ylim=(-4, 104))
    axes.set_xlim(0, 1.08 * axes.dataLim.xmax)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    _finish(axes, grid="both", legend=True)
    return figure, f"Cost ({unit}) and right answers: {'; '.join(told)}."


def scores_by_kind(report: Mapping) -> tuple[Figure, str]:
    """Share of right answers of each approach, by kind of question, with intervals.

    Args:
        report: A bake-off's report; of unanswerable questions it has the share refused.

    Returns:
        The figure and its alt text.
    """
    rows, kinds = report["approaches"], list(report["questions"]["kinds"])
    step = 0.8 / len(rows)
    height = 1.1 + len(kinds) * max(0.45, 0.15 * len(rows)) + 0.13 * len(rows)
    figure, axes = plt.subplots(figsize=(WIDTH, height), layout="constrained")
    told = []
    for place, kind in enumerate(kinds):
        found = []
        for at, row in enumerate(rows):
            if score := row["kinds"].get(kind):
                score = _interval(score["mean"], score["low"], score["high"])
                _dot(axes, place + step * (at - (len(rows) - 1) / 2), score, row)
                found.append(f"{row['title']} {_told(score)}")
        told.append(f"{kind_label(kind)}: {', '.join(found)}")
        if place:
            axes.axhline(place - 0.5, color=rcParams["text.color"], alpha=0.25, linewidth=0.8)
    labels = [f"{_wrapped(kind_label(k))}\nn={report['questions']['kinds'][k]}" for k in kinds]
    axes.set_yticks(range(len(kinds)), labels)
    axes.set(xlim=(-3, 103), ylim=(-0.5, len(kinds) - 0.5), xlabel="right (%), with 95% interval")
    _finish(axes, legend=True)
    return figure, f"Right answers by kind of question. {'; '.join(told)}."


def _dot(axes: Axes, place: float, score: Interval, row: Mapping, vertical: bool = False) -> None:
    """A point with its interval, along the axis that has the score."""
    colour, marker = _LOOKS.get(row["name"], _OTHER)
    value, errors = 100 * score.mean, _percent_errors(score)
    axes.errorbar(
        *((place, value) if vertical else (value, place)),
        **{"yerr" if vertical else "xerr": errors},
        fmt=marker, markersize=7, color=colour, elinewidth=1.5, capsize=3, label=row["title"],
    )  # fmt: skip


def _interval(mean: float, low: float | None, high: float | None) -> Interval:
    """Without known ends, an interval of no width."""
    return Interval(mean, mean if low is None else low, mean if high is None else high, 0)


def _percent_errors(score: Interval) -> list[list[float]]:
    # Rounding may leave an end a hair inside the mean, and matplotlib refuses negative lengths.
    return [[100 * max(0.0, length)] for length in score.errors]


def _told(score: Interval) -> str:
    return f"{percent(score.mean)} [{percent(score.low)}, {percent(score.high)}]"


def _wrapped(text: str, width: int = 18) -> str:
    # A dollar sign would start a formula.
    lines = textwrap.wrap(text.replace("$", r"\$"), width, max_lines=3, placeholder=" …")
    return "\n".join(lines)


def _finish(axes: Axes, grid: str = "x", legend: bool = False) -> None:
    axes.grid(axis=grid, color=rcParams["text.color"], alpha=0.15)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if grid == "x":
        axes.invert_yaxis()  # first row on top
        axes.tick_params(axis="y", length=0)
    if legend:
        handles, labels = axes.get_legend_handles_labels()
        once = {label: bar.lines[0] for label, bar in zip(labels, handles, strict=True)}
        axes.figure.legend(
            once.values(), [_wrapped(label, 32) for label in once], frameon=False,
            loc="outside lower center", ncols=2 if len(once) > 1 else 1, fontsize="small",
        )  # fmt: skip
