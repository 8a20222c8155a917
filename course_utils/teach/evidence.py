"""Whether the figures of ``data/claims.toml`` still stand where they are said to come from."""

import html
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from course_utils.decide.claims import Claim, Evidence
from course_utils.evaluate.stats import Interval
from course_utils.settings import REPO
from course_utils.teach.quiz import quiz_cells


def drift(claims: Iterable[Claim], repo: Path = REPO) -> list[str]:
    """Every figure of the claims that its source no longer shows; empty when all agree.

    Args:
        claims: The rows to check.
        repo: The repository whose notebooks and files count.
    """
    printed = cache(lambda name: _squeeze("\n".join(_outputs(repo / "notebooks" / name))))
    found = []
    for claim in claims:
        for piece in claim.evidence:
            text = printed(f"{piece.notebook}.ipynb") if piece.notebook else _value(piece, repo)
            wanted = re.escape(_squeeze(piece.shows))
            # "7 of 24" does not stand in "17 of 24", nor "0.1" in "0.15".
            if not re.search(rf"(?<![\d.]){wanted}(?!\.?\d)", text):
                source = piece.notebook or f"{piece.file} at {piece.at}"
                found.append(f"{claim.id}: {source} does not show {piece.shows!r}")
        sources = [
            claim.claim,
            *(e.shows for e in claim.evidence),
            *(g.number for g in claim.given),
        ]
        known = {number for text in sources for number in numbers(text)}
        for field in ("measured", "interval"):
            for number in numbers(getattr(claim, field)):
                if number not in known:
                    found.append(f"{claim.id}: {field} says {number}, its evidence does not")
    return found


def numbers(text: str) -> list[str]:
    """The numbers in a text, without separators; a share keeps its ``%``, a loss its minus."""
    pattern = r"(?<![A-Za-z\d.])(?:(?<!\w)-)?\d+(?:\.\d+)?%?"
    return re.findall(pattern, re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", _squeeze(text)))


def _squeeze(text: str) -> str:
    """One space for all white space, none before ``%``, and one kind of minus."""
    return re.sub(r"\s+", " ", text).replace(" %", "%").replace("−", "-")


def _outputs(notebook: Path) -> Iterator[str]:
    """What the cells of a notebook printed and displayed, pictures and quizzes aside."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    quizzes = list(quiz_cells(content))  # they quote figures, and measure none
    for cell in content["cells"]:
        if cell in quizzes:
            continue
        for output in cell.get("outputs", ()):
            if output.get("name") == "stdout":
                yield "".join(output["text"])
            for kind, content in output.get("data", {}).items():
                if kind == "text/html":
                    yield html.unescape(re.sub(r"<[^>]+>", " ", "".join(content)))
                elif kind.startswith("text/"):
                    yield "".join(content)


def _value(piece: Evidence, repo: Path) -> str:
    value = json.loads((repo / piece.file).read_text(encoding="utf-8"))
    for key in piece.at.split("."):
        value = value[key]
    return _squeeze(str(Interval(**value) if isinstance(value, dict) else value))
