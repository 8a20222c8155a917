"""Why: the rules and the measured facts that speak for a recommendation, and against it."""

from collections.abc import Iterator
from dataclasses import dataclass

from course_utils.decide.case import Case
from course_utils.decide.questions import Rule, guide

# How readers see the ``support`` of a rule of thumb, in the terminal and in the notebook.
SUPPORT = {
    "supported": "holds here",
    "in_part": "holds in part",
    "contradicted": "does not hold here",
    "untested": "not tested",
}
_WORDS = {"correct": "right answers", "style": "style"}


@dataclass(frozen=True)
class Reason:
    """A reason for or against.

    Attributes:
        text: The reason, a sentence or two.
        support: What measurement says: ``supported``, ``in_part``, ``contradicted`` or
            ``untested`` for a rule of thumb; ``measured`` for a fact of the bake-off.
        evidence: What this course measured about the rule.
        rule, topic, claim: Id of the rule, its part of the guide, its row in the claims table.
    """

    text: str
    support: str
    evidence: str = ""
    rule: str | None = None
    topic: str | None = None
    claim: str | None = None


def reasons_for(case: Case) -> list[Reason]:
    """Measured facts first, then rules, strongest first; at least one.

    A rule that measurement contradicts is no reason.
    """
    facts = [Reason(text, "measured") for text in _facts(case)]
    rules = [rule for rule in _speaking(case, +1) if rule.support != "contradicted"]
    return facts + [_reason(rule, rule.reason) for rule in rules]


def reasons_against(case: Case) -> list[Reason]:
    """Measured facts first, then rules, strongest first; may be none."""
    facts = [Reason(text, "measured") for text in _doubts(case)]
    return facts + [_reason(rule, rule.against) for rule in _speaking(case, -1)]


def _reason(rule: Rule, text: str) -> Reason:
    return Reason(text, rule.support, rule.evidence, rule.id, rule.topic, rule.claim)


def _speaking(case: Case, sign: int) -> list[Rule]:
    """Rules by their points for what the approach has, less those for what it has not."""
    retrieval = sign if case.approach.retrieval else -sign
    tuning = sign if case.approach.tuning else -sign

    def weight(rule: Rule) -> int:
        return retrieval * rule.points.retrieval + tuning * rule.points.tuning

    return sorted((rule for rule in case.rules if weight(rule) > 0), key=weight, reverse=True)


def _facts(case: Case) -> Iterator[str]:
    if not case.measured:
        return
    yield from case.bakeoff.compared(case.measured, case.candidates)
    if case.answers["style"] and (sentence := case.bakeoff.style()):
        yield sentence
    cites = case.bakeoff.rows[case.measured].get("cites")
    if case.answers["citations"] and cites is not None:
        yield f"{cites:.0%} of its answers cited a source that holds the answer."


def _doubts(case: Case) -> Iterator[str]:
    """What was measured against the recommendation, and what was not measured."""
    bakeoff, name = case.bakeoff, case.measured
    if bakeoff is None:
        return
    if name is None:
        yield "The bake-off measured nothing that your answers allow, so only the rules decide."
    else:
        if case.answered and case.by_rules != case.approach:
            yield (
                f"The rules of thumb alone would say {case.by_rules.title}. "
                "What was measured on your questions counts before them."
            )
        yield from _beaten(case, name)
        yield from _shortcomings(case, name)
    covered = {bakeoff.approach(row) for row in bakeoff.rows}
    missing = [a.title for a in guide().approach if a.name not in covered]
    if missing:
        yield f"Not measured: {', '.join(missing)}."


def _beaten(case: Case, name: str) -> Iterator[str]:
    """What was better in something, and why it was not taken."""
    found: dict[str, list[str]] = {}
    for other in case.bakeoff.rows:
        for measure, word in _WORDS.items():
            if measure == "style" and case.answers["style"] is False:
                continue
            if case.bakeoff.worse(name, other, measure):
                sentence = f"measurably better in {word}, but {_why_not(case, other, measure)}"
                found.setdefault(sentence, []).append(case.bakeoff.title(other))
    for sentence, titles in found.items():
        yield f"{', '.join(titles)}: {sentence}."


def _why_not(case: Case, other: str, measure: str) -> str:
    if case.bakeoff.approach(other) in case.ruled_out:
        return "ruled out by your answers"
    if measure == "correct":
        return "measurably worse than something else"
    return "right answers come first" if case.answers["style"] else "you did not say style matters"


def _shortcomings(case: Case, name: str) -> Iterator[str]:
    row, title = case.bakeoff.rows[name], case.title
    if row["correct"] < 1:
        yield f"{title} got {1 - row['correct']:.0%} of the questions wrong."
    budget, slow = case.answers["latency_ms"], row.get("seconds_p95")
    if budget is not None and slow is not None and 1000 * slow > budget:
        yield (
            f"One answer in twenty took longer than {slow:.1f} s on the machine that measured; "
            f"your limit is {budget:,.0f} ms."
        )
    if case.answers["hallucination"] == "dangerous" and row.get("abstains") is not None:
        yield f"It declined only {row['abstains']:.0%} of the questions that no document answers."
