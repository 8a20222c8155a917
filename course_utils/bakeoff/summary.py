"""Scores of single answers → the report."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations

import numpy as np

from course_utils import registry
from course_utils.answer import Answer
from course_utils.bakeoff.approaches import KINDS, Approach
from course_utils.bakeoff.case import Case
from course_utils.connection import Connection
from course_utils.decide import recommend
from course_utils.endpoint.pricing import priced
from course_utils.errors import CourseError
from course_utils.evaluate.questions import Question
from course_utils.evaluate.scorer import Score
from course_utils.evaluate.stats import mean_interval, paired_difference, paired_p
from course_utils.registry import Model
from course_utils.study.results import about

PACKAGES = ("langchain-openai", "chromadb", "xllamacpp", "onnxruntime")
EXAMPLES_PER_KIND = 2
MOST_EXAMPLES = 40  # as many as the page shows
KEPT = ("correct", "style", "failure")  # of each single score


def summarise(
    case: Case,
    course: Connection,
    approaches: Sequence[Approach],
    answers: Mapping[str, Sequence[Answer]],
    scores: Mapping[str, Sequence[Score]],
    notes: Sequence[str],
    command: str,
) -> dict:
    """The report; CONTRIBUTING, "A bake-off's report", has its fields.

    Args:
        case: What was asked.
        course: Who answered.
        approaches: What was compared.
        answers, scores: By approach, in the order of the case's questions.
        notes: What a reader should know besides.
        command: What repeats it.
    """
    questions = case.questions
    report = {
        "about": about(command, PACKAGES),
        "documents": {
            "folder": case.folder,
            "files": len({chunk.metadata["source"] for chunk in case.chunks}),
            "passages": len(case.chunks),
        },
        "questions": {
            "file": case.file,
            "n": len(questions),
            "answerable": sum(q.answerable for q in questions),
            "kinds": dict(sorted(Counter(q.kind for q in questions).items())),
        },
        "provider": course.provider,
        "model": course.name,
        "priced_as": registry.tunable().name if course.is_local else course.chat_model,
        "approaches": [
            {"name": a.name, "title": a.title, "model": a.model}
            | row(questions, answers[a.name], scores[a.name], _price(a, course))
            for a in approaches
        ],
        "paired": compare(scores),
        "examples": _examples(questions, answers, scores),
        "notes": list(notes),
        "scores": {
            "questions": [question.id for question in questions],
            **{
                name: {part: [getattr(score, part) for score in found] for part in KEPT}
                for name, found in scores.items()
            },
        },
    }
    return report | {"recommendation": asdict(recommend({}, report))}


def row(
    questions: Sequence[Question],
    answers: Sequence[Answer],
    scores: Sequence[Score],
    price: Model | None,
) -> dict:
    """One approach's row.

    Args:
        questions, answers, scores: Of the same length, in the same order.
        price: Whose prices a token has; ``None`` where nobody knows.

    Returns:
        The row, as the report wants it: shares 0 to 1, seconds, mean tokens per answer, US dollars
        per 1,000 answers. ``None`` stands where nothing could be judged.
    """
    correct = [s.correct for s in scores if s.correct is not None]
    right = mean_interval(correct) if correct else None
    styled = [s.style for s in scores if s.style is not None]
    style = mean_interval(styled) if styled else None
    refused = [s.abstained for q, s in zip(questions, scores, strict=True) if not q.answerable]
    all_refused = sum(s.abstained for s in scores)
    seconds = [a.seconds for a in answers]
    tokens_in = _mean([a.usage.tokens_in for a in answers])
    tokens_out = _mean([a.usage.tokens_out for a in answers])
    return {
        "n": len(questions),
        "correct": right and right.mean,
        "ci_low": right and right.low,
        "ci_high": right and right.high,
        "f1": _mean([s.f1 for s in scores]),
        "similarity": _mean([s.similarity for s in scores]),
        "grounded": _mean([s.grounded for s in scores]),
        "cites": _mean([s.cites for s in scores]),
        "abstains": _mean(refused),
        "abstains_precision": sum(refused) / all_refused if all_refused else None,
        "style": style and style.mean,
        "style_low": style and style.low,
        "style_high": style and style.high,
        "seconds_p50": float(np.quantile(seconds, 0.5)),
        "seconds_p95": float(np.quantile(seconds, 0.95)),
        "retrieval_p50": float(np.quantile([a.retrieval_seconds for a in answers], 0.5)),
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "usd_per_1000": price and 1000 * price.cost(tokens_in, tokens_out),
        "kinds": _by_kind(questions, scores),
        "failures": dict(Counter(s.failure for s in scores).most_common()),
    }


def compare(scores: Mapping[str, Sequence[Score]]) -> list[dict]:
    """Paired differences between all approaches, in right answers and in style.

    Args:
        scores: Approach → its scores, of the same questions in the same order.
    """
    rows = []
    for measure in ("correct", "style"):
        for a, b in combinations(scores, 2):
            pairs = [
                (getattr(ours, measure), getattr(theirs, measure))
                for ours, theirs in zip(scores[b], scores[a], strict=True)
            ]
            judged = [pair for pair in pairs if None not in pair]
            if not judged:
                continue
            ours, theirs = zip(*judged, strict=True)
            gap = paired_difference(ours, theirs)
            rows.append(
                {"a": b, "b": a, "measure": measure, "difference": gap.mean, "low": gap.low}
                | {"high": gap.high, "p": paired_p(ours, theirs), "n": gap.n}
            )
    return rows


def _price(approach: Approach, course: Connection) -> Model | None:
    """The model that answered; where that is free, the guide's in its place."""
    tuned, reference = KINDS[approach.name].tuned, registry.tunable().id
    charged = f"ft:{reference}" if tuned else reference
    try:
        return priced(charged if course.is_local else approach.model)
    except CourseError:
        return None


def _examples(
    questions: Sequence[Question],
    answers: Mapping[str, Sequence[Answer]],
    scores: Mapping[str, Sequence[Score]],
) -> list[dict]:
    """Of each kind the first questions on which the approaches differ, then other failures."""
    shown: Counter[str] = Counter()
    telling, failed = [], []
    for i, question in enumerate(questions):
        right = {name: found[i].failure == "right" for name, found in scores.items()}
        if all(right.values()):
            continue
        said = {
            name: {"text": given[i].text, "right": right[name], "sources": given[i].sources}
            for name, given in answers.items()
        }
        differ = any(right.values()) and shown[question.kind] < EXAMPLES_PER_KIND
        shown[question.kind] += differ
        (telling if differ else failed).append(
            {"question": question.question, "kind": question.kind}
            | {"gold": question.answer, "answers": said}
        )
    return [*telling, *failed][:MOST_EXAMPLES]


def _by_kind(questions: Sequence[Question], scores: Sequence[Score]) -> dict[str, dict]:
    """Share right of each kind of question; of the unanswerable ones, share refused."""
    values: dict[str, list[float]] = {}
    for question, score in zip(questions, scores, strict=True):
        value = score.correct if question.answerable else score.abstained
        values.setdefault(question.kind, []).append(float(value))
    rows = {}
    for kind, found in sorted(values.items()):
        interval = mean_interval(found)
        rows[kind] = {"n": interval.n, "mean": interval.mean}
        rows[kind] |= {"low": interval.low, "high": interval.high}
    return rows


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
