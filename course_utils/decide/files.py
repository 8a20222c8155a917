"""Files that ``course decide`` reads: answers, and a bake-off's report."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from course_utils.decide.measured import Bakeoff
from course_utils.decide.questions import Answer, check_answers, guide
from course_utils.errors import CourseError

T = TypeVar("T")


def read_answers(path: Path) -> dict[str, Answer]:
    """Read a JSON object of question ids and answers.

    Raises:
        CourseError: The file cannot be read, or an id or a value is none; the message names the
            file, the cure the possible ones.
    """
    answers = _read_object(path, f'write {{"id": answer, …}}; ids: {", ".join(guide().questions)}')
    return _naming(path, check_answers, answers)


def read_report(path: Path) -> dict:
    """Read the ``report.json`` of a bake-off.

    Raises:
        CourseError: The file cannot be read, or holds no scored approach.
    """
    report = _read_object(path, "give the report.json that `course bakeoff` wrote")
    _naming(path, Bakeoff, report)
    return report


def _read_object(path: Path, cure: str) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CourseError(f"{path}: {error.strerror}", cure) from None
    except UnicodeDecodeError:
        raise CourseError(f"{path}: not UTF-8", cure) from None
    except json.JSONDecodeError as error:
        raise CourseError(f"{path}, line {error.lineno}: no JSON ({error.msg})", cure) from None
    if not isinstance(content, dict):
        raise CourseError(f"{path}: no JSON object", cure)
    return content


def _naming(path: Path, check: Callable[[dict], T], content: dict) -> T:
    """What the check returns; where it fails, the file's name stands in front."""
    try:
        return check(content)
    except CourseError as error:
        raise CourseError(f"{path}: {error.what}", error.cure) from None
