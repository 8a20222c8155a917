"""The decision as a form in a notebook."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from course_utils.decide.engine import Recommendation, recommend
from course_utils.decide.questions import Answer, Question, guide
from course_utils.decide.reasons import SUPPORT, Reason
from course_utils.errors import CourseError
from course_utils.forms import keep_keys, text_html

if TYPE_CHECKING:
    from ipywidgets import Box, Dropdown, Text

# JupyterLab's colours where it has them, in light and dark; else those of the page.
_STYLE = """<style>
.course-decide { line-height: 1.45; color: var(--jp-ui-font-color1, inherit); }
.course-decide h3, .course-decide h4, .course-decide p { margin: 0; }
.course-decide h3 { font-size: 1.4em; }
.course-decide h4 { margin-top: 0.9em; font-size: 1.05em; }
.course-decide ul { margin: 0; padding-left: 1.2em; }
.course-decide li { margin: 0.3em 0; }
.course-decide small { color: var(--jp-ui-font-color2, inherit); font-size: 0.92em; }
.course-decide .wrong { color: var(--jp-error-color0, #b00020); }
</style>"""
_PANE = {
    "flex": "1 1 20em",
    "max_height": "38em",
    "overflow": "hidden auto",
    "padding": "4px 8px 12px",
}


def ask(measured: Mapping[str, Any] | None = None) -> "Box":
    """Show the questions as a form, and the recommendation beside it after every change.

    Args:
        measured: A bake-off's report, which counts before the rules of thumb.

    Returns:
        The widget; as the last line of a cell it is displayed.

    Raises:
        CourseError: The report has no scored approach.
    """
    import ipywidgets

    questions = guide().question
    controls = [_control(question) for question in questions]
    result = ipywidgets.HTML(layout=_PANE)

    def render(_change: object = None) -> None:
        answers: dict[str, Answer] = {}
        wrong = []
        for question, control in zip(questions, controls, strict=True):
            try:
                answers[question.id] = question.parse(control.value)
            except CourseError as error:
                wrong.append(f"{question.label}: {error.cure}")
        result.value = _html(recommend(answers, measured), wrong)

    for control in controls:
        control.observe(render, names="value")
    render()
    rows = [row for q, c in zip(questions, controls, strict=True) for row in (_text(q), c)]
    return ipywidgets.HBox(
        [ipywidgets.VBox([keep_keys(), *rows], layout=_PANE), result],
        layout={"flex_flow": "row wrap"},
    )


def _control(question: Question) -> "Dropdown | Text":
    import ipywidgets

    look = {
        "description": question.label,
        "style": {"description_width": "13em"},
        "layout": {"width": "auto", "margin": "0 2px 14px"},
    }
    if question.type == "number":
        return ipywidgets.Text(placeholder=f"don't know ({question.unit})", **look)
    choices = question.options or {"yes": "yes", "no": "no"}
    options = [("don't know", ""), *((shown, value) for value, shown in choices.items())]
    return ipywidgets.Dropdown(options=options, **look)


def _text(question: Question) -> object:
    import ipywidgets

    return ipywidgets.HTML(
        f'<div class="course-decide"><b>{escape(question.text)}</b><br>'
        f"<small>{escape(question.why)}</small></div>"
    )


def _html(result: Recommendation, wrong: Sequence[str]) -> str:
    """The recommendation; ``wrong`` says which entries could not be read and count as unknown."""
    parts = [f'<p class="wrong">{text_html(text)}</p>' for text in wrong]
    parts += [
        f"<h3>{text_html(result.title)}</h3>",
        f"<p>Confidence: <b>{result.confidence}</b> "
        f"<small>({text_html(result.confidence_because)})</small></p>",
        _section("For it", [_reason(reason) for reason in result.reasons]),
        _section("Against it", [_reason(reason) for reason in result.against]),
        _section("What would change it", [text_html(text) for text in result.would_change]),
        f"<h4>Next step</h4><p>{text_html(result.next_step)}</p>",
        f"<h4>Cost</h4><p>{text_html(result.cost)}</p>",
    ]
    return f'{_STYLE}<div class="course-decide" role="status">{"".join(parts)}</div>'


def _section(heading: str, items: Sequence[str]) -> str:
    if not items:
        return ""
    return f"<h4>{heading}</h4><ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"


def _reason(reason: Reason) -> str:
    if not reason.evidence:
        return text_html(reason.text)
    evidence = f"<b>{SUPPORT[reason.support]}</b>: {text_html(reason.evidence)}"
    return f"{text_html(reason.text)}<br><small>{evidence}</small>"
