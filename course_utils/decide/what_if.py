"""What would change a recommendation: found by changing one thing at a time and asking again."""

import math
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Any

from course_utils.decide.case import Case
from course_utils.decide.measured import Bakeoff
from course_utils.decide.questions import Answer, Question, guide


def would_change(
    answers: Mapping[str, Answer], measured: Mapping[str, Any] | None = None
) -> list[str]:
    """Every single change of an answer or of what is measured that leads elsewhere.

    Args:
        answers: Checked answers.
        measured: The bake-off's report, if there is one.

    Returns:
        Sentences such as ``Sources must be cited: yes → RAG``.
    """
    bakeoff = Bakeoff(measured) if measured is not None else None
    case = Case(answers, bakeoff)
    now = case.approach
    found = []
    if case.undecided:
        few = bakeoff.asked(*case.candidates[:2]).rpartition(" ")[0]
        found.append(f"More questions: {few} show only very large differences")
    for question in guide().question:
        outcomes: dict[str, list[str]] = {}
        for value, shown in _values(question):
            other = Case({**answers, question.id: value}, bakeoff).approach
            if other != now:
                outcomes.setdefault(other.title, []).append(shown)
        unknown = " (not answered yet)" if answers[question.id] is None else ""
        for title, values in outcomes.items():
            found.append(f"{question.label}: {_or(values)} → {title}{unknown}")
    for world, report in _worlds(measured or {}, case.ruled_out):
        other = Case(answers, Bakeoff(report)).approach
        if other != now:
            found.append(f"A bake-off in which {world} → {other.title}")
    return found


def _values(question: Question) -> Iterator[tuple[Answer, str]]:
    """Answers to try, with their words; of numbers, one from each range between thresholds."""
    if question.type == "choice":
        yield from question.options.items()
    elif question.type == "yes_no":
        yield from ((True, "yes"), (False, "no"))
    else:
        conditions = [c for rule in guide().rule for c in rule.when if c.question == question.id]
        edges = sorted({edge for c in conditions for edge in (c.at_least, c.below)} | {0, math.inf})
        for low, high in pairwise(edges):
            words = f"{low:,.0f} or more" if math.isinf(high) else f"under {high:,.0f}"
            if low and not math.isinf(high):
                words = f"{low:,.0f} to {high - 1:,.0f}"
            yield low, f"{words} {question.unit}"


def _or(values: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(values[:-1]), values[-1])))


def _worlds(measured: Mapping[str, Any], ruled_out: Collection[str]) -> Iterator[tuple[str, dict]]:
    """Other results of a bake-off: each approach that may win once the best, and all alike."""
    rows = {row["name"]: row for row in measured.get("approaches", ())}
    pairs = [pair for pair in measured.get("paired", ()) if pair["measure"] != "correct"]
    for best in guide().approach:
        if best.name not in ruled_out:
            approaches = [
                rows.get(name, {"name": name}) | _score(best=name == best.name)
                for name in guide().approaches
            ]
            world = f"{best.title} is measurably more often right than the others"
            yield world, {"approaches": approaches, "paired": pairs}
    alike = [{"name": name} | _score(best=False) for name in guide().approaches]
    yield "nothing differs measurably", {"approaches": alike}


def _score(best: bool) -> dict[str, float]:
    """Intervals that lie apart, or are the same and narrow; which figures does not matter."""
    low, high = (0.8, 0.85) if best else (0.4, 0.45)
    return {"correct": (low + high) / 2, "ci_low": low, "ci_high": high}
