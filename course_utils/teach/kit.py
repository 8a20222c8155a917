"""Reads the instructor's pages: ``notebooks/instructor/*.md`` are written for people, in tables."""

import json
import re
from pathlib import Path

from course_utils.settings import NOTEBOOKS

KIT = NOTEBOOKS / "instructor"
_MINUTES = re.compile(r"\*\*Minutes:\*\*\s*(\d+)")


def tables(markdown: str) -> list[list[dict[str, str]]]:
    """Every table of a page: a list of rows, each a dict from the column's name to the cell.

    Args:
        markdown: The page. Cells hold no ``|``.
    """
    found = []
    for block in re.findall(r"(?:^\|.*\|[ ]*\n)+", markdown + "\n", re.MULTILINE):
        names, _, *rows = (
            [cell.strip() for cell in line.strip().strip("|").split("|")]
            for line in block.splitlines()
        )
        found.append([dict(zip(names, row, strict=True)) for row in rows])
    return found


def timing(lesson: str) -> list[dict[str, str]]:
    """The first table of a lesson's page: ``section``, ``minutes``, ``say, show, ask``.

    Args:
        lesson: Its number, such as ``02``.
    """
    return tables((KIT / f"lesson-{lesson}.md").read_text(encoding="utf-8"))[0]


def stated_minutes(notebook: Path) -> int:
    """The minutes that a notebook's first cell says it takes, exercises aside."""
    first = json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]
    return int(_MINUTES.search("".join(first["source"]))[1])
