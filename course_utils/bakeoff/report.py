"""A bake-off's report as files: ``report.json`` for scripts, ``report.html`` for people.

The page needs nothing but itself: no script, font, style or image from elsewhere.
"""

import base64
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import jinja2
import matplotlib.pyplot as plt
from matplotlib import rc_context
from matplotlib.figure import Figure

from course_utils.bakeoff import figures, report_words
from course_utils.settings import write_atomic

# So that the page stays under 1 MB whatever the answers are; report.json has all of them whole.
MAX_EXAMPLES = 40
MAX_TEXT = 1200

# The page's own text colours (see its style sheet).
_THEMES = {"light": "#1c2126", "dark": "#e6e8eb"}


def write_report(report: dict, folder: Path) -> Path:
    """Write ``report.json`` and ``report.html``.

    Args:
        report: What ``run_bakeoff`` returns; JSON types only.
        folder: Is made if it does not exist.

    Returns:
        The path of the HTML file.
    """
    write_atomic(folder / "report.json", json.dumps(report, indent=1, allow_nan=False) + "\n")
    write_atomic(folder / "report.html", render(report))
    return folder / "report.html"


def render(report: Mapping) -> str:
    """The report as one HTML page.

    Args:
        report: As for ``write_report``.
    """
    page = jinja2.Environment(
        loader=jinja2.PackageLoader("course_utils.bakeoff", "."),
        autoescape=True,  # answers come from models, documents and questions from strangers
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    page.filters |= report_words.FILTERS
    return page.get_template("report.html.j2").render(
        report=report,
        approaches=report["approaches"],
        examples=report["examples"][:MAX_EXAMPLES],
        max_text=MAX_TEXT,
        max_examples=MAX_EXAMPLES,
        figures=_figures(report),
        titles=report_words.titles(report),
        columns=report_words.COLUMNS,
        footnotes=report_words.footnotes(report),
        differences=report_words.differences(report),
        failures=report_words.failures(report),
        missing=report_words.missing_recommendation(report),
        caveats=report_words.caveats(report),
        glossary=report_words.GLOSSARY,
    )


def _figures(report: Mapping) -> dict[str, dict]:
    """The figures that the report has figures for, each as SVG in both themes with alt text."""
    rows = report["approaches"]
    measured = {name for row in rows for name in ("correct", "style") if row[name] is not None}
    drawings: dict[str, Callable[[], tuple[Figure, str]]] = {}
    if "correct" in measured:
        drawings["correct"] = lambda: figures.scores_by_approach(report)
    if "style" in measured:
        drawings["style"] = lambda: figures.scores_by_approach(report, "style")
    if "correct" in measured:
        drawings["cost"] = lambda: figures.cost_against_quality(report)
    if any(row["kinds"] for row in rows):
        drawings["kinds"] = lambda: figures.scores_by_kind(report)
    return {name: _drawn(draw) for name, draw in drawings.items()}


def _drawn(draw: Callable[[], tuple[Figure, str]]) -> dict:
    drawn = {}
    for theme, colour in _THEMES.items():
        colours = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
        look = dict.fromkeys(colours, colour) | {"font.size": 11, "svg.fonttype": "none"}
        # A fixed salt: the same report gives the same bytes.
        with rc_context(look | {"svg.hashsalt": theme, "legend.labelcolor": colour}):
            figure, drawn["alt"] = draw()
            drawn[theme] = _data_url(figure)
        plt.close(figure)  # or a notebook would show it
    drawn["width"], drawn["height"] = (round(96 * inches) for inches in figure.get_size_inches())
    return drawn


def _data_url(figure: Figure) -> str:
    file = io.BytesIO()
    nothing = {"Creator": None, "Date": None, "Format": None, "Type": None}
    figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode()
