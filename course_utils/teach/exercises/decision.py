"""Lesson 06: what assumptions and open questions do to a decision."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from course_utils.decide import recommend
from course_utils.decide.questions import check_answers, guide
from course_utils.errors import CourseError
from course_utils.teach.exercises.core import NotYet, call, describe, number, wanted

# --------------------------------------------------------------------------- one thing at a time


def outcomes(outcome: Callable, assumed: Mapping, by: float) -> dict[str, tuple]:
    """Assumption → what comes out when it alone is lower, and higher, by a share of itself."""
    return {
        name: tuple(outcome(**{**assumed, name: value * (1 + sign * by)}) for sign in (-1, 1))
        for name, value in assumed.items()
    }


def compare_swing(swing: Callable, outcome: Callable, assumed: Mapping, by: float) -> None:
    """Raise ``NotYet`` unless the learner's ``swing`` finds ``outcomes``."""
    given = dict(assumed)
    found = call(swing, outcome, given, by)
    wanted(given == assumed, "`swing` changes the assumptions that it was given: the next are off")
    wanted(
        isinstance(found, Mapping) and set(found) == set(assumed),
        f"a dict with a pair for each of {', '.join(assumed)} is wanted; this is {describe(found)}",
    )
    for name, ends in found.items():
        wanted(
            isinstance(ends, list | tuple) and len(ends) == 2,
            f"{name}: a pair is wanted, outcome when lower and when higher; this is "
            f"{describe(ends)}",
        )
        for end in ends:
            if end is not None:
                number(end, f"the outcome of {name}")
    if _alike(found, outcomes(outcome, assumed, by)):
        return
    known = [why for table, why in _swing_slips(outcome, assumed, by) if _alike(found, table)]
    why = known[0] if known else "is everything but the one assumption as it was?"
    raise NotYet(f"{dict(assumed)}, by={by}: {why}")


def _swing_slips(outcome: Callable, assumed: Mapping, by: float) -> list[tuple[dict, str]]:
    right = outcomes(outcome, assumed, by)
    base = outcome(**assumed)
    names = list(assumed)
    shifted = {
        name: tuple(outcome(**{**assumed, name: assumed[name] + sign * by}) for sign in (-1, 1))
        for name in names
    }
    together = [
        outcome(**{name: assumed[name] * (1 + sign * by) for name in names}) for sign in (-1, 1)
    ]
    return [
        ({name: ends[::-1] for name, ends in right.items()}, "the lower one comes first"),
        (
            {name: tuple(sorted(ends, key=_size)) for name, ends in right.items()},
            "the outcome with the lower assumption comes first, even where it is the larger one",
        ),
        (outcomes(outcome, assumed, 0.2), "`by` is ignored; it may be another share than 0.2"),
        (shifted, "`by` is a share of the value: multiply by 1 - by and 1 + by"),
        (dict.fromkeys(names, tuple(together)), "all change at once; one at a time is wanted"),
        (
            {n: tuple(assumed[n] * (1 + s * by) for s in (-1, 1)) for n in names},
            "these are the assumptions; what comes out with them is wanted",
        ),
        (
            {n: tuple(None if e is None else e - base for e in ends) for n, ends in right.items()},
            "these are the changes; the outcomes themselves are wanted",
        ),
    ]


def _size(end: float | None) -> float:
    return math.inf if end is None else end


def _alike(one: Mapping, other: Mapping) -> bool:
    pairs = [pair for name in other for pair in zip(one[name], other[name], strict=True)]
    return all(
        a is b is None
        or (a is not None and b is not None and math.isclose(float(a), float(b), rel_tol=1e-6))
        for a, b in pairs
    )


# ------------------------------------------------------------------------------- a team's answers

# What the text of the exercise says about the team, and nothing more.
TEAM = {"change": "quarterly", "private": True, "style": True, "prompt_tried": "style"}


def possible_answers() -> dict[str, list]:
    """Question id → answers to try; of numbers one from each range that the rules tell apart."""
    found = {question.id: list(question.options) or [True, False] for question in guide().question}
    numbers = {
        "examples": [5, 20, 200, 1000],
        "latency_ms": [200, 2000],
        "requests": [1_000, 100_000],
    }
    return found | numbers


def open_and_decisive(answers: Mapping[str, Any], measured: Mapping | None = None) -> set[str]:
    """Questions without an answer of which one answer leads to another approach."""
    now = recommend(answers, measured).approach
    return {
        id
        for id, values in possible_answers().items()
        if answers.get(id) is None
        and any(recommend({**answers, id: one}, measured).approach != now for one in values)
    }


def compare_answers(answers: Any) -> None:
    """Raise ``NotYet`` unless the answers are those of ``TEAM``."""
    wanted(
        isinstance(answers, Mapping),
        f"`answers` is to be a dict, question id → answer; this is {describe(answers)}",
    )
    try:
        found = check_answers(answers)
    except CourseError as error:
        raise NotYet(f"{error.what}; {error.cure}") from None
    for id, value in found.items():
        wanted(
            value is None or id in TEAM,
            f"answers[{id!r}] is {value!r}, and the text does not say so: leave out what is not "
            "known",
        )
        wanted(
            value is not None or id not in TEAM, f"the text says something about {id!r}; read again"
        )
        wanted(value == TEAM.get(id), f"answers[{id!r}] is {value!r}: that is not in the text")


def compare_asking(worth_asking: Callable, known: dict, measured: Mapping | None) -> None:
    """Raise ``NotYet`` unless the learner's ``worth_asking`` finds ``open_and_decisive``."""
    given = dict(known)
    found = call(worth_asking, given, measured)
    wanted(given == known, "`worth_asking` changes the answers that it was given")
    wanted(
        isinstance(found, list | set | tuple | dict) and all(isinstance(id, str) for id in found),
        f"a list of question ids is wanted, this is {describe(found)}",
    )
    ids, right = set(found), open_and_decisive(known, measured)
    case = f"{known or 'no answers'}{' and a bake-off' if measured else ''}"
    unknown = ids - set(check_answers({}))
    wanted(not unknown, f"{min(unknown, default='')!r} is no question's id")
    answered = ids & set(known)
    wanted(not answered, f"{case}: {min(answered, default='')} is answered already")
    if measured and ids != right and ids == open_and_decisive(known):
        raise NotYet(f"{case}: hand `measured` to `recommend`, both times")
    more = ids - right
    wanted(
        not more,
        f"{case}: no answer to {min(more, default='')!r} leads to another approach. Compare the "
        "approach, not the whole recommendation",
    )
    missed = right - ids
    wanted(not missed, f"{case}: {min(missed, default='')!r} is missing; were all answers tried?")
