"""Figures of the lessons, drawn by code: one look, units on the axes, alt text on all."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from IPython.display import DisplayHandle, display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from course_utils.evaluate.stats import Interval

# Colour-blind safe (Okabe and Ito): one colour per approach, the same in every lesson.
COLOURS = {
    "prompt": "#0072B2",
    "rag": "#009E73",
    "fine-tuned": "#D55E00",
    "both": "#CC79A7",
    "neutral": "#7F7F7F",
}
_CURVES = {"train_loss": COLOURS["fine-tuned"], "valid_loss": COLOURS["prompt"]}


def show(figure: Figure, alt: str, place: DisplayHandle | None = None) -> None:
    """Display a figure with alternative text, for readers who cannot see it.

    Args:
        figure: The figure; it is closed afterwards.
        alt: What the figure says, in a sentence or two.
        place: An earlier output to draw it in, for figures that grow.
    """
    (place.update if place else display)(figure, metadata={"image/png": {"alt": alt}})
    plt.close(figure)


def bars_with_intervals(
    scores: Mapping[str, Interval],
    title: str,
    ylabel: str = "share of questions (%)",
    colours: Sequence[str] | None = None,
) -> Figure:
    """One bar per approach, with its confidence interval and its value written above.

    Args:
        scores: Label → interval with values in 0..1.
        title: Says what was measured.
        ylabel: With its unit.
        colours: One per bar; the default is one neutral blue.
    """
    figure, axes = plt.subplots(figsize=(1.6 + 1.35 * len(scores), 3.6), layout="constrained")
    means = [100 * interval.mean for interval in scores.values()]
    errors = [[100 * interval.errors[side] for interval in scores.values()] for side in (0, 1)]
    axes.bar(
        list(scores), means, yerr=errors, capsize=5, width=0.6,
        color=colours or COLOURS["prompt"], edgecolor="white",
    )  # fmt: skip
    for place, interval in enumerate(scores.values()):
        axes.text(
            place, 100 * interval.high + 1.5, f"{interval.mean:.0%}", ha="center", va="bottom"
        )
    axes.set(title=title, ylabel=ylabel, ylim=(0, 112), yticks=range(0, 101, 20))
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def loss_curve(metrics: Sequence[Mapping[str, float]], title: str) -> Figure:
    """Training loss by step, and validation loss where it was measured.

    Args:
        metrics: Data of a job's metric events, in order of their steps.
        title: Says whose curve it is.
    """
    figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    for name, style, label in (
        ("train_loss", "-", "training examples"),
        ("valid_loss", "o--", "validation examples"),
    ):
        points = [(m["step"], m[name]) for m in metrics if name in m]
        if points:
            axes.plot(*zip(*points, strict=True), style, label=label, color=_CURVES[name])
    axes.set(title=title, xlabel="step", ylabel="loss (nats per token)")
    axes.set_xlim(0, max((m.get("total_steps", m["step"]) for m in metrics), default=1))
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def learning_curve(points: Sequence[Mapping]) -> Figure:
    """Score by number of training examples, on held-out and on seen questions.

    Args:
        points: ``{"n", "held_out", "seen"}`` each, the last two with ``mean``, ``low``, ``high``.
    """
    figure, axes = plt.subplots(figsize=(6.8, 3.6), layout="constrained")
    sizes = [point["n"] for point in points]
    for name, style, colour, label in (
        ("held_out", "o-", COLOURS["fine-tuned"], "products never seen in training"),
        ("seen", "s--", COLOURS["neutral"], "questions seen in training"),
    ):
        scores = [point[name] for point in points]
        axes.plot(sizes, [100 * s["mean"] for s in scores], style, color=colour, label=label)
        band = ([100 * s[end] for s in scores] for end in ("low", "high"))
        axes.fill_between(sizes, *band, color=colour, alpha=0.15, linewidth=0)
    axes.set(xscale="log", ylim=(0, 104), xlabel="training examples (log scale)")
    axes.set(ylabel="perfect replies (%)", title="How many examples does a style need?")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.legend(frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_approaches() -> Figure:
    """The three approaches in one picture: what each one changes on the way to an answer."""
    figure, axes = plt.subplots(figsize=(9.5, 4.6), layout="constrained")
    axes.set(xlim=(0, 10), ylim=(0, 6.2))
    axes.axis("off")
    # Height, name, colour, texts of the two middle boxes, which of them one changes, effect.
    rows = (
        (5.0, "Prompting", "prompt", ("instructions\nand examples", "model"), 0, "is told"),
        (3.0, "RAG", "rag", ("documents found\nfor this question", "model"), 0, "sees"),
        (1.0, "Fine-tuning", "fine-tuned", ("nothing\nadded", "weights trained\non examples"), 1,
         "does by itself"),
    )  # fmt: skip
    for y, name, colour, middle, changed, effect in rows:
        axes.text(0.05, y, name, fontsize=13, fontweight="bold", color=COLOURS[colour], va="center")
        _box(axes, 1.75, y, 1.3, "question")
        for place, (x, width) in enumerate(((3.65, 1.75), (6.0, 1.6))):
            _box(axes, x, y, width, middle[place], COLOURS[colour] if place == changed else None)
        _box(axes, 8.2, y, 1.2, "answer")
        for start, end in ((3.05, 3.65), (5.4, 6.0), (7.6, 8.2)):
            axes.add_patch(
                FancyArrowPatch(
                    (start, y), (end, y), arrowstyle="-|>", mutation_scale=13, color="#444444"
                )
            )
        effect = f"changes what the model {effect}"
        axes.text(5.55, y - 0.85, effect, ha="center", fontsize=10, style="italic", color="#444444")
    axes.set_title("Three ways to a better answer: the coloured part is what you change")
    return figure


def _box(axes: Axes, x: float, y: float, width: float, text: str, fill: str | None = None) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x, y - 0.5), width, 1.0, boxstyle="round,pad=0.02,rounding_size=0.12",
            linewidth=1.6, edgecolor=fill or COLOURS["neutral"], facecolor=fill or "white",
        )
    )  # fmt: skip
    axes.text(
        x + width / 2, y, text, ha="center", va="center", fontsize=9.5,
        color="white" if fill else "#222222",
    )  # fmt: skip
