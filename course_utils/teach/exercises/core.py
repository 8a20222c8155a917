"""What all exercises share: an id, a tier, hints, and a judge that explains."""

import importlib.util
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from course_utils.errors import CourseError
from course_utils.teach import progress

TIERS = ("warm-up", "core", "stretch")


class NotYet(Exception):  # noqa: N818 - what a judge raises is no error of the program
    """What an answer lacks, in a sentence that helps to go on without giving the answer away."""


class Open(Exception):  # noqa: N818
    """Nothing has been written yet: a ``...`` still stands where the answer goes."""


@dataclass(frozen=True)
class Exercise:
    """One task of a lesson.

    Attributes:
        id: Lesson and number, such as ``02.1``.
        tier: One of ``TIERS``.
        goal: What the learner is to do, in one line.
        hints: From a nudge to nearly the answer.
        judge: Takes the learner's values; returns a sentence on what a right answer shows, raises
            ``NotYet`` for any other.
    """

    id: str
    tier: str
    goal: str
    hints: tuple[str, ...]
    judge: Callable[..., str]


_exercises: dict[str, Exercise] = {}


def exercise(
    id: str, tier: str, goal: str, hints: Iterable[str]
) -> Callable[[Callable[..., str]], Callable[..., str]]:
    """Make a judge the check of an exercise.

    Raises:
        CourseError: The id is taken or there is no such tier.
    """
    if id in _exercises or tier not in TIERS:
        raise CourseError(f"exercise {id}, {tier}", f"ids differ, tiers are {', '.join(TIERS)}")

    def register(judge: Callable[..., str]) -> Callable[..., str]:
        _exercises[id] = Exercise(id, tier, goal, tuple(hints), judge)
        return judge

    return register


def exercises_of(lesson: str) -> list[Exercise]:
    """The exercises of a lesson such as ``02``, in order; none where it has none."""
    name = f"{__package__}.lesson_{lesson}"
    if importlib.util.find_spec(name):
        importlib.import_module(name)
    return [one for id, one in sorted(_exercises.items()) if id.startswith(f"{lesson}.")]


def find(id: str) -> Exercise:
    """The exercise of an id such as ``02.1``.

    Raises:
        CourseError: There is none.
    """
    lesson = id.split(".")[0] if re.fullmatch(r"\d\d\.\d+", str(id)) else None
    known = {one.id: one for one in exercises_of(lesson)} if lesson else {}
    if id not in known:
        there = f"there are: {', '.join(known)}" if known else ""
        cure = there or 'write lesson and number, as in check("02.1", answer)'
        raise CourseError(f"no exercise {id!r}", cure)
    return known[id]


def check(id: str, *answer: Any) -> None:
    """Print whether an answer is right, and if not, what is missing; remember it when it is.

    Args:
        id: The exercise, such as ``02.1``.
        answer: What the exercise asks for. A ``...`` means "not tried yet".

    Raises:
        CourseError: There is no such exercise.
    """
    task = find(id)
    try:
        if any(_is_open(value) for value in answer):
            raise Open
        learnt = task.judge(*answer)
    except Open:
        print(f'{id} is open: {task.goal}\nFor help: hint("{id}")')
    except NotYet as missing:
        print(f'{id} not yet: {missing}\nFor help: hint("{id}")')
    except Exception as error:  # an answer of a form that its judge did not foresee
        problem = f"{type(error).__name__}: {error}"
        print(f"{id} not yet: this answer cannot be read ({problem}). The task: {task.goal}")
    else:
        progress.record("exercise", id)
        print(f"{id} done: {learnt}")


def hint(id: str, number: int = 1) -> None:
    """Print a hint of an exercise.

    Args:
        id: The exercise, such as ``02.1``.
        number: Which one, from 1; a later one says more.

    Raises:
        CourseError: There is no such exercise.
    """
    hints = find(id).hints
    number = min(max(number, 1), len(hints))
    print(f"{id}, hint {number} of {len(hints)}: {hints[number - 1]}")
    if number < len(hints):
        print(f'One more: hint("{id}", {number + 1})')


def call(function: Any, *arguments: Any, **named: Any) -> Any:
    """What a learner's function returns, for judges.

    Raises:
        NotYet: It is no function, or it fails; the message says how.
        Open: It returns ``...``.
    """
    shown = ", ".join(
        [*map(_short, arguments), *(f"{name}={_short(value)}" for name, value in named.items())]
    )
    if not callable(function):
        raise NotYet(f"a function is wanted, this is {describe(function)}")
    try:
        result = function(*arguments, **named)
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise NotYet(f"with ({shown}) your function stops with {problem}") from error
    if _is_open(result):
        raise Open
    if result is None:
        raise NotYet(f"with ({shown}) your function returns None: is the `return` missing?")
    return result


def number(value: Any, what: str = "the answer") -> float:
    """A learner's value as a float, for judges.

    Raises:
        NotYet: It is not a number.
    """
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise NotYet(f"{what} is to be a number, this is {describe(value)}")
    return float(value)


def wanted(condition: object, message: str) -> None:
    """Raise ``NotYet(message)`` unless the condition holds."""
    if not condition:
        raise NotYet(message)


def describe(value: Any) -> str:
    """A value in few words: its type, and the value itself where it is short."""
    name = type(value).__name__
    article = "an" if name[0].lower() in "aeiou" else "a"
    return f"{article} {name} ({_short(value)})"


def _short(value: Any) -> str:
    if shape := getattr(value, "shape", ()):  # the numbers of a matrix would fill the screen
        return f"{' × '.join(map(str, shape))} numbers"
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def _is_open(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_is_open(one) for one in value.values())
    if isinstance(value, list | tuple):
        return any(_is_open(one) for one in value)
    return value is ...
