"""The guide's claims against what the course measured: reads ``data/claims.toml``.

``python -m course_utils.decide.claims`` writes the table of the README anew.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from course_utils.blocks import with_block
from course_utils.errors import CourseError
from course_utils.settings import DATA, NOTEBOOKS, REPO, write_atomic

CLAIMS_FILE = DATA / "claims.toml"
README = REPO / "README.md"
HEADING = "## The guide's claims, measured"
INTRO = (
    "Each figure is printed by a lesson or a study of the course, on one case and with a model of "
    "135 million parameters: another case or a larger model may say otherwise. `course claims` "
    "adds the intervals and commands, `course claims --json` what the literature says."
)

Verdict = Literal[
    "holds",
    "holds in part",
    "does not hold here",
    "opinion, no evidence found",
    "not tested here",
]
VERDICTS: tuple[str, ...] = get_args(Verdict)
UNMEASURED = VERDICTS[3:]


class _Row(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Evidence(_Row):
    """Where a figure comes from: a lesson's stored outputs, or a value in a JSON file.

    Attributes:
        shows: What stands there, word for word; runs of white space count as one space.
        notebook: The lesson's file name without ``.ipynb``; or else
        file: path of a JSON file in the repository, and
        at: the keys to the value, joined by dots. A mean with its interval reads as a lesson
            would print it: ``8% [0%, 18%], n=40``.
    """

    shows: str = Field(min_length=1)
    notebook: str = ""
    file: str = ""
    at: str = ""

    @model_validator(mode="after")
    def _one_source(self) -> "Evidence":
        if bool(self.notebook) == bool(self.file) or bool(self.file) != bool(self.at):
            raise ValueError("name either a notebook, or a file and at")
        return self


class Given(_Row):
    """A number that nothing prints, and where it comes from instead."""

    number: str = Field(min_length=1)
    why: str = Field(min_length=1)


class Claim(_Row):
    """One testable claim of the guide; all texts are for people.

    Attributes:
        id: Kebab-case; rules of the decision tool refer to it.
        claim: The claim in our words, with the guide's figure.
        topic: The section of the guide.
        measured: What was measured, or why nothing was.
        interval: The intervals of the figures, or ``none: `` and the reason.
        verdict: One of ``VERDICTS``.
        command: What prints the figures; empty where nothing was measured.
        lesson: Number of the lesson that shows them, such as ``03``; may be empty.
        literature: What others found, with reference; may be empty.
        evidence, given: Where each number of ``measured`` and ``interval`` comes from.
    """

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    claim: str = Field(min_length=1, max_length=120)
    topic: str = Field(min_length=1)
    measured: str = Field(min_length=1, max_length=240)
    interval: str = Field(min_length=1)
    verdict: Verdict
    command: str = ""
    lesson: str = Field(default="", pattern=r"^(\d\d)?$")
    literature: str = ""
    # Strict validation knows no lists where tuples are meant, and TOML has only lists.
    evidence: tuple[Evidence, ...] = Field(default=(), strict=False)
    given: tuple[Given, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _measured_means_evidence(self) -> "Claim":
        if self.verdict not in UNMEASURED and not (self.evidence and self.command):
            raise ValueError(f"the verdict {self.verdict!r} needs evidence and a command")
        return self

    def as_dict(self) -> dict[str, str]:
        """What ``course claims --json`` prints."""
        return self.model_dump(exclude={"evidence", "given"})


def load_claims(path: Path = CLAIMS_FILE) -> tuple[Claim, ...]:
    """Read the claims, in the guide's order.

    Raises:
        CourseError: The file is malformed; names the row's id.
    """
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["claim"]
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise CourseError(f"{path.name} is malformed: {error}", "write [[claim]] tables") from None
    claims = tuple(_claim(row, number, path) for number, row in enumerate(rows, start=1))
    for name, times in Counter(claim.id for claim in claims).items():
        if times > 1:
            raise CourseError(f"{path.name}: {times} rows have the id {name}", "rename one")
    return claims


def _claim(row: dict, number: int, path: Path) -> Claim:
    try:
        return Claim.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the row"
        raise CourseError(
            f"{path.name}, row {row.get('id', number)}: {field}: {first['msg'].lower()}",
            "correct it; course_utils/decide/claims.py says what each field means",
        ) from None


def tally(claims: Iterable[Claim]) -> str:
    """How many claims have which verdict, as a sentence."""
    counted = Counter(claim.verdict for claim in claims)
    parts = [f"{verdict} {counted[verdict]}" for verdict in VERDICTS if counted[verdict]]
    return f"{counted.total()} claims: {'; '.join(parts)}."


def as_markdown(claims: Iterable[Claim], notebooks: str = "") -> str:
    """A table in Markdown: claim, measured, verdict, where.

    Args:
        claims: The rows.
        notebooks: Where the lessons lie, seen from the page that shows the table: ``notebooks/``
            for the README, nothing for a lesson.
    """
    lines = ["| the guide says | measured here | verdict | where |", "|---|---|---|---|"]
    for claim in claims:
        cells = (_cell(claim.claim), _cell(claim.measured), claim.verdict, _where(claim, notebooks))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    # A pipe would end the cell, and two dollars would enclose a formula.
    return re.sub(r"([|$])", r"\\\1", text)


def _where(claim: Claim, notebooks: str) -> str:
    if claim.lesson:
        path = next(NOTEBOOKS.glob(f"{claim.lesson}_*.ipynb"))
        return f"[{claim.lesson}]({notebooks}{path.name})"
    return f"`{claim.command}`" if claim.command else "–"


def readme(text: str, claims: Iterable[Claim]) -> str:
    """The README's text with the table as it should be.

    Raises:
        CourseError: The comments between which it stands are gone.
    """
    claims = tuple(claims)
    table = as_markdown(claims, "notebooks/")
    section = "\n\n".join((HEADING, INTRO, tally(claims), table))
    return with_block(text, "claims", f"\n{section}\n")


if __name__ == "__main__":
    write_atomic(README, readme(README.read_text(encoding="utf-8"), load_claims()))
