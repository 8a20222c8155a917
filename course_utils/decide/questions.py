"""What the decision asks and by which rules it weighs: reads ``data/decide.toml``."""

import math
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from course_utils.errors import CourseError
from course_utils.settings import DATA

RULES = DATA / "decide.toml"

Answer = str | bool | int | float | None
Name = Literal["prompt", "rag", "fine_tuned", "rag_fine_tuned"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Question(_Strict):
    """One question; ``None`` ("don't know") is always a possible answer.

    Attributes:
        label: A few words for it; with an answer behind a colon they read as a statement.
        why: Why it matters, in a sentence or two.
        options: For a ``choice``: value → how it is shown.
        unit: For a ``number``.
    """

    id: str
    label: str
    text: str
    why: str
    type: Literal["choice", "yes_no", "number"]
    options: dict[str, str] = {}
    unit: str = ""

    @property
    def allowed(self) -> str:
        """The possible answers in words, as a cure for a wrong one."""
        if self.type == "choice":
            return f"one of {', '.join(self.options)}"
        return "yes or no" if self.type == "yes_no" else f"a number of {self.unit}, 0 or more"

    def check(self, value: Any) -> Answer:
        """An answer as the rules expect it; ``"yes"`` and ``"no"`` become booleans.

        Raises:
            CourseError: The value is no possible answer.
        """
        if self.type == "yes_no" and isinstance(value, str):
            value = {"yes": True, "no": False}.get(value.lower(), value)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if (
            value is None
            or {
                "choice": isinstance(value, str) and value in self.options,
                "yes_no": isinstance(value, bool),
                "number": number and math.isfinite(value) and value >= 0,
            }[self.type]
        ):
            return value
        raise CourseError(
            f"{self.id}: {value!r} is no answer to “{self.text}”", f"give {self.allowed}"
        )

    def parse(self, typed: str) -> Answer:
        """What somebody typed: a value, a choice's number from 1, ``y`` or ``n``, or nothing.

        Raises:
            CourseError: It is no possible answer.
        """
        typed = typed.strip().lower()
        if not typed:
            return None
        value: Any = typed
        if self.type == "yes_no":
            value = {"y": True, "n": False}.get(typed, typed)
        elif self.type == "number":
            with suppress(ValueError):  # what is no number is refused below
                value = float(typed.replace(",", ""))
        elif typed.isdecimal() and 1 <= int(typed) <= len(self.options):
            value = list(self.options)[int(typed) - 1]
        return self.check(value)


class Condition(_Strict):
    """A question's answer is one of a list, or a number in ``at_least <= answer < below``."""

    question: str
    values: tuple[str | bool, ...] | None = Field(default=None, alias="is")
    at_least: float = 0
    below: float = math.inf

    def holds(self, answer: Answer) -> bool:
        """Whether the answer meets the condition; what is not known meets none."""
        if answer is None:
            return False
        if self.values is not None:
            return answer in self.values
        return self.at_least <= answer < self.below


class Points(_Strict):
    """Points for (or, below 0, against) showing the model documents, and training it."""

    retrieval: int = 0
    tuning: int = 0


class Rule(_Strict):
    """One piece of the guide's advice, and what this course measured about it.

    Attributes:
        topic: The part of the guide that it comes from, in our words.
        when: Conditions that must all hold; none means always.
        rules_out: Approaches that cannot be recommended where the rule holds.
        reason, against: What the user reads where the rule speaks for or against an approach.
        claim: Id of the row in ``data/claims.toml`` with the figures.
    """

    id: str
    dimension: str
    topic: str
    when: tuple[Condition, ...]
    points: Points
    rules_out: tuple[Name, ...] = ()
    reason: str
    against: str
    claim: str
    support: Literal["supported", "in_part", "contradicted", "untested"]
    evidence: str

    def holds(self, answers: Mapping[str, Answer]) -> bool:
        """Whether all conditions hold."""
        return all(condition.holds(answers.get(condition.question)) for condition in self.when)


class Approach(_Strict):
    """One of the four: what it consists of, the next step towards it, its cost in words."""

    name: Name
    title: str
    retrieval: bool = False
    tuning: bool = False
    next_step: str
    after_bakeoff: str
    cost: str


class Confidence(_Strict):
    """From how many points, and from which share of answered questions on, a mark is given."""

    margin: int
    answered: float


class Guide(_Strict):
    """The whole file. ``approach`` runs from the simplest to the most complex."""

    confidence: Confidence
    approach: Annotated[tuple[Approach, ...], Field(min_length=4, max_length=4)]
    variants: dict[str, Name]
    question: tuple[Question, ...]
    rule: tuple[Rule, ...]

    @property
    def approaches(self) -> dict[str, Approach]:
        """Approaches by name, simplest first."""
        return {approach.name: approach for approach in self.approach}

    @property
    def questions(self) -> dict[str, Question]:
        """Questions by id, in the order in which they are asked."""
        return {question.id: question for question in self.question}


def load_guide(path: Path = RULES) -> Guide:
    """Read and check questions and rules.

    Raises:
        CourseError: The file is malformed; the message says where.
    """
    try:
        guide = Guide.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        _check_references(guide)
    except (tomllib.TOMLDecodeError, ValidationError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise CourseError(f"{path}: {reason}", "correct the file") from None
    return guide


@cache
def guide() -> Guide:
    """The course's own questions and rules."""
    return load_guide()


def check_answers(answers: Mapping[str, Any]) -> dict[str, Answer]:
    """Every question's answer, ``None`` where it is missing.

    Raises:
        CourseError: An unknown id or an impossible value; the cure has the possible ones.
    """
    questions = guide().questions
    unknown = sorted(set(answers) - set(questions))
    if unknown:
        raise CourseError(f"no question {', '.join(unknown)}", f"there are: {', '.join(questions)}")
    return {id: question.check(answers.get(id)) for id, question in questions.items()}


def _check_references(guide: Guide) -> None:
    """A rule that asks for an answer which nobody can give would never hold, in silence."""
    for names in ([q.id for q in guide.question], [r.id for r in guide.rule]):
        if len(set(names)) < len(names):
            raise ValueError(f"an id occurs twice: {', '.join(sorted(names))}")
    for rule in guide.rule:
        for condition in rule.when:
            question = guide.questions.get(condition.question)
            if question is None:
                raise ValueError(f"rule {rule.id}: no question {condition.question}")
            if (condition.values is None) != (question.type == "number"):
                raise ValueError(f"rule {rule.id}: the condition does not fit {question.id}")
            for value in condition.values or ():
                if value not in (question.options if question.options else (True, False)):
                    raise ValueError(f"rule {rule.id}: {value!r} is no answer to {question.id}")
