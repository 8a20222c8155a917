"""What every notebook must look like, checked without running it.

python -m course_utils.teach.structure [FILE …]

nbval compares a cell's outputs only where the cell has an execution count, so the counts are part
of the check: without them a notebook would pass whatever it does.
"""

import copy
import json
import re
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from course_utils.settings import NOTEBOOKS, REPO
from course_utils.teach import structure_text as text_rules
from course_utils.teach.cells import code_cells, prose, source
from course_utils.teach.structure_outputs import outputs, traces
from course_utils.teach.tidy import tidy

MAX_BYTES = 300_000
MAX_CELL_LINES = 40
MAX_MEDIAN_LINES = 6
PRACTICE = ("exercises", "solutions")


def notebooks() -> list[Path]:
    """Every notebook of the course, lessons, exercises and solutions."""
    found = NOTEBOOKS.rglob("*.ipynb")
    return sorted(path for path in found if ".ipynb_checkpoints" not in path.parts)


def pages() -> list[Path]:
    """The pages of Markdown that learners and contributors read."""
    return sorted([*NOTEBOOKS.rglob("*.md"), *REPO.glob("*.md"), *REPO.glob("data/*/README.md")])


def complaints(path: Path, readme: str | None = None) -> list[str]:
    """Everything that is wrong with a notebook.

    Args:
        path: The notebook. Only a lesson (``NN_name.ipynb``) needs opening, goals and prose.
        readme: The README's text, which must name it or its folder; ``None`` reads it.
    """
    text = path.read_text(encoding="utf-8")
    try:
        notebook = json.loads(text)
    except ValueError as error:
        return [f"no notebook: {error}"]
    found = [*_form(notebook), *outputs(notebook), *traces(notebook), *_code(notebook)]
    written = prose(notebook)
    found += [*text_rules.headings(written), *text_rules.images(written)]
    found += text_rules.links(written, path)
    if len(text.encode()) > MAX_BYTES:
        found.append(f"{len(text.encode()) // 1000} KB, {MAX_BYTES // 1000} at most")
    readme = (REPO / "README.md").read_text(encoding="utf-8") if readme is None else readme
    if path.name not in readme and f"notebooks/{path.parent.name}" not in readme:
        found.append("README.md does not name it")
    if re.match(r"\d\d_", path.name) and path.parent.name not in PRACTICE:
        found += text_rules.opening(notebook)
        found += [*text_rules.goals(notebook), *text_rules.length(notebook)]
    return found


def page_complaints(path: Path) -> list[str]:
    """Everything that is wrong with a page of Markdown: its links and images."""
    text = path.read_text(encoding="utf-8")
    return [*text_rules.links(text, path), *text_rules.images(text)]


def _form(notebook: dict) -> Iterator[str]:
    ids = [cell.get("id") for cell in notebook["cells"]]
    if None in ids or len(set(ids)) != len(ids):
        yield "the cells' ids are not unique"
    if notebook["metadata"].get("kernelspec", {}).get("name") != "python3":
        yield "the kernelspec is not python3"
    tidied = copy.deepcopy(notebook)
    tidy(tidied)
    if tidied != notebook:
        yield "it is not tidy: `python -m course_utils.teach.tidy FILE` strips what changes"


def _code(notebook: dict) -> Iterator[str]:
    lengths = []
    for number, cell in enumerate(code_cells(notebook), start=1):
        lines = [line for line in source(cell).splitlines() if line.strip()]
        lengths.append(len(lines))
        if not lines:
            yield f"code cell {number} is empty"
        if len(lines) > MAX_CELL_LINES:
            yield f"code cell {number} has {len(lines)} lines, {MAX_CELL_LINES} at most"
    if lengths and statistics.median(lengths) > MAX_MEDIAN_LINES:
        median = statistics.median(lengths)
        yield f"the median code cell has {median:g} lines, {MAX_MEDIAN_LINES} at most"


def main(files: list[str]) -> int:
    """Print what is wrong with the files, or with all notebooks and pages; 1 if anything is."""
    found = 0
    for path in map(Path, files) if files else [*notebooks(), *pages()]:
        for complaint in page_complaints(path) if path.suffix == ".md" else complaints(path):
            print(f"{path.relative_to(REPO) if path.is_relative_to(REPO) else path}: {complaint}")
            found = 1
    return found


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
