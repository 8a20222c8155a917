"""The quizzes: ``data/quizzes/NN.toml`` as a form in a notebook, or as a page that unfolds.

``quiz("02")`` in a notebook shows the form while a kernel runs. What is saved is the page, so that
it also works on GitHub, on the site and in a notebook that has not been run.

python -m course_utils.teach.quiz stores the pages in the lessons anew
"""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from course_utils.errors import CourseError
from course_utils.forms import NO_SHORTCUTS, keep_keys, text_html
from course_utils.settings import DATA, NOTEBOOKS, write_atomic
from course_utils.teach.cells import code_cells, lesson_files, source
from course_utils.teach.progress import record

if TYPE_CHECKING:
    from ipywidgets import VBox

QUIZZES = DATA / "quizzes"
# Colours only accompany words, and are readable on white and on black.
_STYLE = """<style>
.course-quiz { max-width: 46em; line-height: 1.45; }
.course-quiz h3 { margin: 1.4em 0 0.3em; color: inherit; }
.course-quiz p, .course-quiz label { font-size: var(--jp-content-font-size1, inherit);
  line-height: 1.45; }
.course-quiz p { margin: 0.3em 0; }
.course-quiz pre { margin: 0.5em 0; padding: 0.3em 0.6em; overflow-x: auto; }
.course-quiz details { margin: 0.35em 0; padding: 0.3em 0.6em; border: 1px solid #888888;
  border-radius: 4px; }
.course-quiz summary { cursor: pointer; }
.course-quiz .right, .course-quiz .wrong { padding-left: 0.6em; border-left: 4px solid #c8501e; }
.course-quiz .right { border-left-color: #2e8b57; }
.course-quiz .widget-radio, .course-quiz .widget-radio-box { width: 100%; height: auto; }
.course-quiz .widget-radio-box label { display: flex; align-items: center; height: auto;
  margin: 0.2em 0; white-space: normal; overflow: visible; }
.course-quiz .widget-radio-box input { order: -1; margin: 0 0.6em 0 0.3em; }
</style>"""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)


class Option(_Strict):
    """One answer to choose; ``why`` it is right, or which misconception it is and why it fails."""

    text: str = Field(min_length=1)
    why: str = Field(min_length=1)
    right: bool = False


class Question(_Strict):
    """One question.

    Attributes:
        id: The lesson and a number, such as ``02.q1``.
        text: What is asked.
        shows: Lines that the lesson prints, which the question is about.
        options: In the order in which they are shown, one of them right.
    """

    id: str = Field(pattern=r"^\d\d\.q\d+$")
    text: str = Field(min_length=1)
    shows: str = ""
    options: Annotated[tuple[Option, ...], Field(alias="option", min_length=3, max_length=4)]

    @model_validator(mode="after")
    def _one_is_right(self) -> "Question":
        right = sum(option.right for option in self.options)
        if right != 1:
            raise ValueError(f"{self.id}: {right} options are right, and it has to be one")
        if len({option.text for option in self.options}) < len(self.options):
            raise ValueError(f"{self.id}: two options read the same")
        return self


class Quiz(_Strict):
    """The questions of a lesson, such as ``02``."""

    lesson: str
    questions: Annotated[tuple[Question, ...], Field(alias="question", min_length=5)]

    @model_validator(mode="after")
    def _ids_are_its_own(self) -> "Quiz":
        expected = [f"{self.lesson}.q{n}" for n in range(1, len(self.questions) + 1)]
        if (found := [question.id for question in self.questions]) != expected:
            raise ValueError(f"the ids are {', '.join(found)}, not {', '.join(expected)}")
        return self


def load_quiz(lesson: str, folder: Path = QUIZZES) -> Quiz:
    """The quiz of a lesson.

    Args:
        lesson: Its number, such as ``02``.
        folder: Where the files are.

    Raises:
        CourseError: There is none, or its file breaks a rule.
    """
    path = folder / f"{lesson}.toml"
    try:
        return Quiz(lesson=lesson, **tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        known = ", ".join(sorted(file.stem for file in folder.glob("*.toml"))) or "none"
        raise CourseError(f"no quiz for lesson {lesson!r}", f"there are: {known}") from None
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"data/quizzes/{path.name}: {error}", "correct the file") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        what = f"data/quizzes/{path.name}: {place} {first['msg']}"
        raise CourseError(what, "correct the file") from None


def quiz(lesson: str) -> None:
    """Show the quiz of a lesson in a notebook, such as ``quiz("02")``.

    Right answers count in ``course progress``.

    Raises:
        CourseError: There is none.
    """
    from IPython.display import display

    questions = load_quiz(lesson)
    # Both in one output: whoever has no kernel shows the second.
    view = {"application/vnd.jupyter.widget-view+json": form(questions).get_view_spec()}
    display({**view, **_saved(questions)}, raw=True)


def as_html(lesson: str) -> str:
    """The quiz of a lesson as HTML without scripts: each option unfolds its reason.

    Raises:
        CourseError: There is none.
    """
    parts = []
    for number, question in enumerate(load_quiz(lesson).questions, start=1):
        parts += [f"<h3>Question {number}</h3>", _asked(question)]
        parts += [
            f"<details><summary {NO_SHORTCUTS}>{text_html(option.text)}</summary>"
            f"{_reason(option)}</details>"
            for option in question.options
        ]
    return f'{_STYLE}<div class="course-quiz">{"".join(parts)}</div>'


def form(questions: Quiz) -> "VBox":
    """The quiz as a widget: choosing an option shows its reason, and what is right is counted."""
    import ipywidgets

    score = ipywidgets.HTML()
    right: set[str] = set()

    def count() -> None:
        done = f"<b>{len(right)} of {len(questions.questions)}</b> answered right"
        score.value = f'{_STYLE}<p role="status">{done}</p>'

    def ask(number: int, question: Question) -> list[ipywidgets.Widget]:
        options = {option.text: option for option in question.options}
        heading = ipywidgets.HTML(f"<h3>Question {number}</h3>{_asked(question)}")
        choice = ipywidgets.RadioButtons(options=list(options), value=None)
        reason = ipywidgets.HTML()

        def answered(change: dict) -> None:
            chosen = options[change["new"]]
            reason.value = f'<div role="status">{_reason(chosen)}</div>'
            if chosen.right:
                right.add(question.id)
                count()
                record("quiz", question.id)

        choice.observe(answered, names="value")
        return [heading, choice, reason]

    count()
    asked = [part for n, q in enumerate(questions.questions, start=1) for part in ask(n, q)]
    box = ipywidgets.VBox([keep_keys(), *asked, score])
    box.add_class("course-quiz")
    return box


def store(folder: Path = NOTEBOOKS) -> list[str]:
    """Write the pages into the cells of the lessons that show a quiz; returns what changed."""
    changed = []
    for path in lesson_files(folder):
        notebook = json.loads(text := path.read_text(encoding="utf-8"))
        for cell in quiz_cells(notebook):
            cell["outputs"] = [
                {
                    "data": {
                        kind: content.splitlines(keepends=True)
                        for kind, content in sorted(_saved(load_quiz(path.name[:2])).items())
                    },
                    "metadata": {},
                    "output_type": "display_data",
                }
            ]
        now = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        if now != text:
            write_atomic(path, now)
            changed.append(path.name)
    return changed


def quiz_cells(notebook: dict) -> Iterator[dict]:
    """The code cells of a notebook (as JSON) that show a quiz."""
    for cell in code_cells(notebook):
        if "teach.quiz import" in source(cell):
            yield cell


def _saved(questions: Quiz) -> dict[str, str]:
    count = len(questions.questions)
    text = f"The quiz of lesson {questions.lesson}: {count} questions, shown in a notebook."
    return {"text/html": as_html(questions.lesson), "text/plain": text}


def _asked(question: Question) -> str:
    lines = question.shows.strip("\n")
    # What can be scrolled has to be reached by keyboard.
    shown = f'<pre tabindex="0">{text_html(lines)}</pre>' if lines else ""
    return f"<p>{text_html(question.text)}</p>{shown}"


def _reason(option: Option) -> str:
    kind, verdict = ("right", "✓ Right.") if option.right else ("wrong", "✗ Not right.")
    return f'<p class="{kind}"><b>{verdict}</b> {text_html(option.why)}</p>'


if __name__ == "__main__":
    print("stored in:", ", ".join(store()) or "none, all are as they should be")
