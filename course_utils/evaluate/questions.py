"""The evaluation questions: ``data/acme/questions.jsonl``."""

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from course_utils.errors import CourseError
from course_utils.settings import DATA

QUESTIONS = DATA / "acme" / "questions.jsonl"


class Question(BaseModel):
    """One question with its gold answer.

    Attributes:
        id: Unique id.
        question: As a customer would write it.
        answer: A full gold answer.
        accepted: Groups of alternatives; an answer is right if it contains at least one
            alternative of every group. Empty for unanswerable questions.
        sources: Ids of the documents that hold the answer.
        also: Ids of further documents that state it too.
        facts: Ids of the facts in ``facts.toml`` that it rests on.
        kind: ``single``, ``two_documents``, ``changed_in_v2``, ``unanswerable``, ``jargon``,
            ``how_to``.
        difficulty: ``easy``, ``medium``, ``hard``.
        split: ``dev`` (choose settings with it) or ``test`` (report with it).
        answer_v2, accepted_v2: The gold of the second document version, where it differs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    question: str
    answer: str
    accepted: tuple[tuple[str, ...], ...]
    sources: tuple[str, ...]
    also: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    kind: str
    difficulty: str
    split: str
    answer_v2: str | None = None
    accepted_v2: tuple[tuple[str, ...], ...] | None = None

    @property
    def answerable(self) -> bool:
        """False for the questions that no document answers."""
        return self.kind != "unanswerable"

    @property
    def relevant(self) -> tuple[str, ...]:
        """Ids of all documents that a retriever may rightly return."""
        return self.sources + self.also

    def accepted_in(self, version: str) -> tuple[tuple[str, ...], ...]:
        """The accepted answers when the documents of ``version`` (``v1`` or ``v2``) hold."""
        return self.accepted_v2 if version == "v2" and self.accepted_v2 else self.accepted


def load_questions(
    split: str | None = None,
    kinds: Sequence[str] | None = None,
    path: Path = QUESTIONS,
) -> list[Question]:
    """Load questions, in the file's order.

    Args:
        split: Only this split.
        kinds: Only these kinds.
        path: A JSONL file, one question a line.

    Raises:
        CourseError: A line is not a question; the message has file and line.
    """
    questions = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            questions.append(Question.model_validate(json.loads(line)))
        except (json.JSONDecodeError, ValidationError) as error:
            reason = " ".join(str(error).split())
            raise CourseError(f"{path}, line {number}: {reason}", "correct the line") from None
    return [
        question
        for question in questions
        if (split is None or question.split == split) and (kinds is None or question.kind in kinds)
    ]
