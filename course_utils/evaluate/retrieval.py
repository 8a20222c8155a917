"""Retrieval metrics by ir-measures: did the right documents come back, and how high up?"""

from collections.abc import Sequence

import ir_measures

from course_utils.evaluate.questions import Question


def retrieval_scores(
    questions: Sequence[Question],
    retrieved: Sequence[Sequence[str]],
    measures: Sequence[str] = ("R@1", "R@3", "R@5", "nDCG@5", "RR"),
) -> dict[str, list[float]]:
    """Score ranked document ids against each question's gold sources.

    Args:
        questions: Answerable questions.
        retrieved: For each question the ids of the retrieved documents, best first; when
            several chunks of one document came back, its best place counts.
        measures: Names of ir-measures.

    Returns:
        Measure → one value per question, in order.
    """
    parsed = [ir_measures.parse_measure(name) for name in measures]
    qrels = {
        question.id: dict.fromkeys(_gold(question, ids), 1)
        for question, ids in zip(questions, retrieved, strict=True)
    }
    run = {
        question.id: {source: -rank for rank, source in enumerate(dict.fromkeys(ids))}
        for question, ids in zip(questions, retrieved, strict=True)
    }
    values = {str(measure): dict.fromkeys((q.id for q in questions), 0.0) for measure in parsed}
    for metric in ir_measures.iter_calc(parsed, qrels, run):
        values[str(metric.measure)][metric.query_id] = metric.value
    return {name: list(by_question.values()) for name, by_question in values.items()}


def _gold(question: Question, retrieved: Sequence[str]) -> tuple[str, ...]:
    # Any document that states the fact will do: the others are not missed when one is there.
    if len(question.sources) > 1 or not question.also:
        return question.sources
    found = [source for source in dict.fromkeys(retrieved) if source in question.relevant]
    return (found[0],) if found else question.sources
