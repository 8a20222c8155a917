"""Is the scorer to be trusted? Its verdicts against answers that were labelled by hand."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from course_utils.errors import CourseError
from course_utils.evaluate.questions import Question, load_questions
from course_utils.evaluate.scorer import is_right, refuses
from course_utils.evaluate.style import body, load_guide
from course_utils.settings import DATA

LABELS = DATA / "acme" / "labels.jsonl"
# A label → the verdict that the scorer should come to.
VERDICTS = {
    "right": "right",
    "nearly_right": "wrong",
    "wrong": "wrong",
    "wrong_reason": "wrong",
    "evasive": "refused",
}


class Labelled(BaseModel):
    """An answer with the label that somebody gave it who read it beside the gold answer.

    Attributes:
        question: Id of the question.
        text: The answer.
        label: ``right``, ``nearly_right`` (close, but a customer would be misled), ``wrong``,
            ``wrong_reason`` (the right words, but they say something else) or ``evasive`` (it says
            that it does not know, or declines).
        origin: The approach that answered, or ``written`` by hand, to have enough of each label.
        split: ``tune`` (the scorer may be improved with it) or ``report`` (only for the report).
        weight: How many answers it stands for: those of the pool that it was drawn from, divided by
            those drawn. ``None`` for a written one, which stands for no other.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: str
    text: str
    label: str
    origin: str
    split: str
    weight: float | None = None


@dataclass(frozen=True)
class Agreement:
    """How often scorer and labels agree.

    The labelled answers are no random sample: many were picked, or written, because they are hard.
    ``share`` and ``kappa`` take them as they are. ``real_share`` and ``real_kappa`` say how the
    scorer does on what models answer: without the written ones, each counted by its weight.

    Attributes:
        n: Labelled answers.
        share: Share with the same verdict (right, wrong, refused).
        kappa: Cohen's kappa: agreement beyond what chance would give; 1 is perfect, 0 is chance.
        real_n: Those that a model gave.
        real_share, real_kappa: The same for these, weighted; ``None`` if there are none.
        by_label: Label → (same verdict, all).
        written_by_label: The same for the written ones.
        disagreements: The answers with another verdict, each with the scorer's.
    """

    n: int
    share: float
    kappa: float
    real_n: int
    real_share: float | None
    real_kappa: float | None
    by_label: dict[str, tuple[int, int]]
    written_by_label: dict[str, tuple[int, int]]
    disagreements: tuple[tuple[Labelled, str], ...]

    def __str__(self) -> str:
        lines = [f"{self.n} labelled answers: {self.share:.1%} agreement, kappa {self.kappa:.2f}"]
        for label, (same, n) in self.by_label.items():
            ours, written = self.written_by_label[label]
            apart = f"  (written by hand: {ours} of {written})" if written else ""
            lines.append(f"  {label.replace('_', ' '):14} {same:3} of {n:3}{apart}")
        if self.real_n:
            lines.append(
                f"{self.real_n} answers of models, weighted as they were drawn: "
                f"{self.real_share:.1%} agreement, kappa {self.real_kappa:.2f}"
            )
        return "\n".join(lines)


def load_labels(split: str | None = None, path: Path = LABELS) -> list[Labelled]:
    """Load labelled answers, in the file's order.

    Args:
        split: Only this split.
        path: A JSONL file, one answer a line.

    Raises:
        CourseError: A line is none; the message has file and line.
    """
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            found.append(Labelled.model_validate_json(line))
        except ValidationError as error:
            reason = " ".join(str(error).split())
            raise CourseError(f"{path}, line {number}: {reason}", "correct the line") from None
    return [labelled for labelled in found if split is None or labelled.split == split]


def verdict(question: Question, text: str) -> str:
    """What the scorer says of an answer: ``right``, ``wrong`` or ``refused``."""
    said = body(text, load_guide())
    if refuses(question, said):
        return "refused"
    return "right" if question.answerable and is_right(question, said) else "wrong"


def agreement(labels: Sequence[Labelled], questions: Sequence[Question] = ()) -> Agreement:
    """Compare the scorer's verdicts with the labels.

    Args:
        labels: At least one labelled answer.
        questions: Those that the labels name; by default, the case's.
    """
    by_id = {question.id: question for question in questions or load_questions()}
    compared = [(one, verdict(by_id[one.question], one.text)) for one in labels]
    real = [(one, said) for one, said in compared if one.weight is not None]
    written = [(one, said) for one, said in compared if one.weight is None]
    weights = [one.weight or 0 for one, _ in real]
    return Agreement(
        n=len(labels),
        share=_share(compared),
        kappa=_kappa(compared),
        real_n=len(real),
        real_share=_share(real, weights) if real else None,
        real_kappa=_kappa(real, weights) if real else None,
        by_label=_by_label(compared),
        written_by_label=_by_label(written),
        disagreements=tuple((one, said) for one, said in compared if not _same(one, said)),
    )


def _same(one: Labelled, said: str) -> bool:
    return VERDICTS[one.label] == said


def _by_label(compared: Sequence[tuple[Labelled, str]]) -> dict[str, tuple[int, int]]:
    hits = {
        label: [_same(one, said) for one, said in compared if one.label == label]
        for label in VERDICTS
    }
    return {label: (sum(same), len(same)) for label, same in hits.items()}


def _share(compared: Sequence[tuple[Labelled, str]], weights: Sequence[float] = ()) -> float:
    same = [_same(one, said) for one, said in compared]
    return float(np.average(same, weights=weights or None))


def _kappa(compared: Sequence[tuple[Labelled, str]], weights: Sequence[float] = ()) -> float:
    """Cohen (1960): (observed − expected) / (1 − expected) agreement."""
    observed = _share(compared, weights)
    left, right = Counter(), Counter()
    for (one, said), weight in zip(compared, weights or [1] * len(compared), strict=True):
        left[VERDICTS[one.label]] += weight
        right[said] += weight
    expected = sum(left[value] * right[value] for value in left) / left.total() ** 2
    return 1.0 if expected == 1 else (observed - expected) / (1 - expected)
