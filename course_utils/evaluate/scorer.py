"""The one scorer of every approach: right, grounded, cited, in style, or a refusal?"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from langchain_core.embeddings import Embeddings

from course_utils.answer import Answer
from course_utils.evaluate.correctness import abstains, is_correct, without_refusals
from course_utils.evaluate.grounding import is_supported, likeness, sentences
from course_utils.evaluate.questions import Question
from course_utils.evaluate.relevance import rival_values, says_it_of_what_was_asked
from course_utils.evaluate.spelling import normalise
from course_utils.evaluate.style import body, score_style


@dataclass(frozen=True)
class Score:
    """What the scorer says about one answer; ``None`` where there is nothing to judge.

    Attributes:
        correct: It states what the gold answer states; ``None`` for unanswerable questions.
        f1: Token overlap with the gold answer, 0 to 1.
        similarity: Cosine of the two answers' embeddings: a second opinion, deaf to figures.
        abstained: It says that it does not know.
        grounded: Share of its sentences that stand in the documents; ``None`` for a refusal.
        cites: The document that it names holds the answer; False without retrieval.
        style: It keeps every rule of the style guide; ``None`` without one.
        failure: ``right``, ``refused``, ``not found`` (no passage shown held the answer), ``not
            read`` (one did), ``wrong`` (nothing was shown), or ``invented`` (an unanswerable
            question got an answer).
    """

    correct: bool | None
    f1: float | None
    similarity: float | None
    abstained: bool
    grounded: float | None
    cites: bool | None
    style: bool | None
    failure: str


def score_answers(
    questions: Sequence[Question],
    answers: Sequence[Answer],
    passages: Sequence[str],
    embed: Embeddings,
    style: dict | None = None,
) -> list[Score]:
    """Score the answers of one approach.

    Args:
        questions: What was asked.
        answers: One for each question, in order.
        passages: All passages of the documents: what an answer may rest on.
        embed: Makes vectors of unit length, for ``similarity``.
        style: A style guide (``style.load_guide``); ``None`` leaves style unjudged.
    """
    bodies = [_body(answer.text, style) for answer in answers]
    similar = _similarities([q.answer for q in questions], bodies, embed)
    return [
        _score(question, answer, text, similarity, passages, style)
        for question, answer, text, similarity in zip(
            questions, answers, bodies, similar, strict=True
        )
    ]


def is_right(question: Question, text: str) -> bool:
    """True when a text gives the answer to a question that has one.

    With accepted answers, they must stand in it, each in a statement about what was asked, and no
    other value may be given for the same thing (``relevance``). Otherwise the gold answer's figures
    must be there and most of its words. What stands in a refusal does not count.
    """
    said = without_refusals(text)
    if not question.accepted:
        return not abstains(text) and is_supported(question.answer, [said])
    asked = f"{question.question}\n{question.answer}"
    return (
        is_correct(said, question.accepted)
        and all(says_it_of_what_was_asked(said, group, asked) for group in question.accepted)
        and not rival_values(said, question.accepted, question.question, question.answer)
    )


def refuses(question: Question, text: str) -> bool:
    """True when a text says that it does not know, and does not give the answer all the same."""
    return abstains(text) and not (question.answerable and is_right(question, text))


def token_f1(text: str, gold: str) -> float:
    """Harmonic mean of the precision and recall of words, as in SQuAD (Rajpurkar et al., 2016)."""
    ours, theirs = Counter(_tokens(text)), Counter(_tokens(gold))
    shared = (ours & theirs).total()
    return 2 * shared / max(1, ours.total() + theirs.total())


def _score(
    question: Question,
    answer: Answer,
    text: str,
    similarity: float | None,
    passages: Sequence[str],
    style: dict | None,
) -> Score:
    refused = refuses(question, text)
    correct = is_right(question, text) if question.answerable else None
    said = [] if refused else sentences(text)
    return Score(
        correct=correct,
        f1=token_f1(text, question.answer) if question.answerable else None,
        similarity=similarity if question.answerable else None,
        abstained=refused,
        grounded=float(np.mean([is_supported(s, passages) for s in said])) if said else None,
        cites=_cites(question, answer, text) if question.answerable else None,
        style=score_style(answer.text, style).perfect if style else None,
        failure=_failure(question, answer, correct, refused),
    )


def _cites(question: Question, answer: Answer, text: str) -> bool:
    """Does the source that a reader would be sent to hold the answer?

    That is the source of the passage most like the answer; the first, where several are.
    """
    if not answer.passages:
        return False
    cited = max(answer.passages, key=lambda passage: likeness(text, passage))
    return _holds(question, cited)


def _failure(question: Question, answer: Answer, correct: bool | None, refused: bool) -> str:
    if not question.answerable:
        return "right" if refused else "invented"
    if correct or refused:
        return "right" if correct else "refused"
    if not answer.passages:
        return "wrong"
    found = _holds(question, "\n".join(answer.passages))
    return "not read" if found else "not found"


def _holds(question: Question, passage: str) -> bool:
    """Could the answer be read there? A passage may say much else besides."""
    if question.accepted:
        return is_correct(passage, question.accepted)
    return is_supported(question.answer, [passage])


def _body(text: str, style: dict | None) -> str:
    return body(text, style) if style else text


def _tokens(text: str) -> list[str]:
    return re.findall(r"[$\w.%°]*\w[%°]?", normalise(text))


def _similarities(
    gold: Sequence[str], said: Sequence[str], embed: Embeddings
) -> list[float | None]:
    ours = np.array(embed.embed_documents([text or " " for text in said]))
    theirs = np.array(embed.embed_documents([text or " " for text in gold]))
    return np.clip((ours * theirs).sum(axis=1), 0, 1).tolist()
