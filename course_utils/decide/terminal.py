"""``course decide``: the questions and the recommendation in a terminal."""

from textwrap import fill

from rich.console import Console

from course_utils.decide.engine import Recommendation
from course_utils.decide.questions import Answer, Question, guide
from course_utils.decide.reasons import SUPPORT
from course_utils.errors import CourseError


def ask_all(console: Console) -> dict[str, Answer]:
    """Ask every question; nothing but Enter means "don't know".

    Args:
        console: Where the questions are shown; answers come from standard input.
    """
    _say(console, "Enter alone means: don't know. Ctrl+C stops.", "dim")
    questions = guide().questions
    return {
        id: _ask(console, question, f"{number}/{len(questions)}")
        for number, (id, question) in enumerate(questions.items(), start=1)
    }


def _ask(console: Console, question: Question, number: str) -> Answer:
    _say(console, f"\n{number}  {question.text}", "bold")
    _say(console, question.why, "dim")
    if question.type == "choice":
        for place, shown in enumerate(question.options.values(), start=1):
            _say(console, f"  {place}  {shown}")
    hint = {"choice": "number", "yes_no": "y/n", "number": question.unit}[question.type]
    while True:
        try:
            return question.parse(console.input(f"{hint}: ", markup=False))
        except CourseError as error:
            _say(console, error.cure + ", or nothing", "red")


def show(console: Console, result: Recommendation) -> None:
    """Print a recommendation.

    Args:
        console: Where to.
        result: The recommendation.
    """
    _say(console, f"\nRecommendation: {result.title}", "bold green")
    _say(console, f"Confidence: {result.confidence} ({result.confidence_because})")
    for heading, reasons in (("For it", result.reasons), ("Against it", result.against)):
        if reasons:
            _heading(console, heading)
            for reason in reasons:
                _item(console, reason.text)
                if reason.evidence:
                    _say(console, f"{SUPPORT[reason.support]}: {reason.evidence}", "dim", "  ")
    if result.would_change:
        _heading(console, "What would change it")
        for line in result.would_change:
            _item(console, line)
    for heading, text in (("Next step", result.next_step), ("Cost", result.cost)):
        _heading(console, heading)
        _say(console, text)
    _say(console, "\nFigures and intervals of this course: `course claims`", "dim")


def _heading(console: Console, text: str) -> None:
    _say(console, f"\n{text}", "bold")


def _item(console: Console, text: str) -> None:
    _say(console, f"- {text}", indent="  ")


def _say(console: Console, text: str, style: str | None = None, indent: str = "") -> None:
    first = "" if text.startswith("- ") else indent
    lines = (
        fill(line, console.width - 1, initial_indent=first, subsequent_indent=indent)
        for line in text.split("\n")
    )
    # Texts hold brackets, such as intervals, and must not be read as rich's markup.
    console.print("\n".join(lines), style=style, markup=False, highlight=False)
