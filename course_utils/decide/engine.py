"""Answers, and a bake-off's report where there is one → one recommendation with its reasons."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from course_utils.decide.case import Case
from course_utils.decide.measured import Bakeoff
from course_utils.decide.questions import check_answers
from course_utils.decide.reasons import Reason, reasons_against, reasons_for
from course_utils.decide.what_if import would_change


@dataclass(frozen=True)
class Recommendation:
    """What to do and why; ``dataclasses.asdict`` makes it JSON.

    Attributes:
        approach: ``prompt``, ``rag``, ``fine_tuned`` or ``rag_fine_tuned``.
        title: Its name for readers (of the variant, where the bake-off measured several).
        confidence: ``high``, ``medium`` or ``low``.
        confidence_because: Why, in a sentence.
        reasons, against: At least one reason for it; what speaks against it.
        would_change: Single answers and measured results with which it would be another.
        next_step: One concrete thing to do.
        cost: What it costs in work and money.
    """

    approach: str
    title: str
    confidence: str
    confidence_because: str
    reasons: list[Reason]
    against: list[Reason]
    would_change: list[str]
    next_step: str
    cost: str


def recommend(
    answers: Mapping[str, Any], measured: Mapping[str, Any] | None = None
) -> Recommendation:
    """Recommend an approach.

    Args:
        answers: Question id (``data/decide.toml``) → answer; missing or ``None``: not known.
        measured: A bake-off's report, which counts before the rules of thumb.

    Raises:
        CourseError: An unknown id, an impossible answer, or a report without scores.
    """
    bakeoff = Bakeoff(measured) if measured is not None else None
    case = Case(check_answers(answers), bakeoff)
    chosen, (level, because) = case.approach, case.confidence()
    next_step = chosen.after_bakeoff if case.measured else chosen.next_step
    if case.undecided:
        next_step = (
            f"Write more questions: {case.undecided}; 100 to 200 choose between good systems. "
            f"Until then: {next_step}"
        )
    return Recommendation(
        approach=chosen.name,
        title=case.title,
        confidence=level,
        confidence_because=because,
        reasons=reasons_for(case),
        against=reasons_against(case),
        would_change=would_change(case.answers, measured),
        next_step=next_step,
        cost=chosen.cost + (bakeoff.bill(case.measured) if case.measured else ""),
    )
