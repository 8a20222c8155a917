"""What every lesson must look like, checked without running it.

nbval compares a cell's outputs only where the cell has an execution count, so the counts are part
of the check: without them a notebook would pass whatever it does.
"""

import json
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

from course_utils.settings import NOTEBOOKS, REPO

MAX_BYTES = 300_000
MAX_CELL_LINES = 40
MAX_MEDIAN_LINES = 8
PROSE_WORDS = (600, 2000)
# What the first cell says, as patterns in its text without Markdown's marks.
OPENING = {
    "goals": r"\bgoals?\b",
    "prerequisites": r"\bprerequisites?\b",
    "minutes": r"\bminutes\W+\d|\d+\s*min",
    "hardware": r"\bhardware\b",
    "price": r"\bprice\b",
    "runs offline: yes": r"\bruns offline\W+yes\b",
}
ABSOLUTE_PATH = re.compile(
    r"(?<![\w.:/-])/(?:home|Users|root|tmp|var|mnt|opt|private|content)/[\w.]"
    r"|\b[A-Za-z]:\\{1,2}[\w.]"
)
SECRET = re.compile(
    r"\bsk-[\w-]{16,}|\bhf_\w{16,}|\bgh[pousr]_\w{16,}|\bheld-by-the-course-[\w-]{8,}"
    r"|\bBearer [\w.-]{16,}"
)


def notebooks() -> list[Path]:
    """Every notebook of the course, lessons, exercises and solutions."""
    found = NOTEBOOKS.rglob("*.ipynb")
    return sorted(path for path in found if ".ipynb_checkpoints" not in path.parts)


def complaints(path: Path, readme: str | None = None) -> list[str]:
    """Everything that is wrong with a notebook.

    Args:
        path: The notebook. Only a lesson (``NN_name.ipynb``) needs the opening and the prose.
        readme: The README's text, where the notebook must be named; ``None`` reads it.
    """
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    readme = (REPO / "README.md").read_text(encoding="utf-8") if readme is None else readme
    found = [*_form(notebook), *_outputs(notebook), *_code(notebook), *_pictures(notebook)]
    if re.match(r"\d\d_", path.name):
        found += [*_opening(notebook), *_prose(notebook)]
    if len(text.encode()) > MAX_BYTES:
        found.append(f"{len(text.encode()) // 1000} KB, {MAX_BYTES // 1000} at most")
    if path.name not in readme:
        found.append("README.md does not name it")
    return found


def _source(cell: dict) -> str:
    return "".join(cell["source"])


def _code_cells(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _prose_of(notebook: dict) -> str:
    cells = notebook["cells"]
    return "\n\n".join(_source(cell) for cell in cells if cell["cell_type"] == "markdown")


def _form(notebook: dict) -> Iterator[str]:
    ids = [cell.get("id") for cell in notebook["cells"]]
    if None in ids or len(set(ids)) != len(ids):
        yield "the cells' ids are not unique"
    if notebook["metadata"].get("kernelspec", {}).get("name") != "python3":
        yield "the kernelspec is not python3"


def _opening(notebook: dict) -> Iterator[str]:
    first = notebook["cells"][0] if notebook["cells"] else {"cell_type": "none", "source": ""}
    if first["cell_type"] != "markdown":
        yield "the first cell is not Markdown"
        return
    plain = re.sub(r"[*_`|]", " ", _source(first))
    for name, pattern in OPENING.items():
        if not re.search(pattern, plain, re.IGNORECASE):
            yield f"the first cell does not say: {name}"


def _prose(notebook: dict) -> Iterator[str]:
    words = len(re.findall(r"\w+(?:['’-]\w+)*", _prose_of(notebook)))
    low, high = PROSE_WORDS
    if not low <= words <= high:
        yield f"{words} words of prose, {low} to {high} wanted"


def _code(notebook: dict) -> Iterator[str]:
    lengths = []
    for number, cell in enumerate(_code_cells(notebook), start=1):
        lines = [line for line in _source(cell).splitlines() if line.strip()]
        lengths.append(len(lines))
        if not lines:
            yield f"code cell {number} is empty"
        if len(lines) > MAX_CELL_LINES:
            yield f"code cell {number} has {len(lines)} lines, {MAX_CELL_LINES} at most"
    if lengths and statistics.median(lengths) > MAX_MEDIAN_LINES:
        median = statistics.median(lengths)
        yield f"the median code cell has {median:g} lines, {MAX_MEDIAN_LINES} at most"


def _outputs(notebook: dict) -> Iterator[str]:
    cells = _code_cells(notebook)
    counts = [cell.get("execution_count") for cell in cells]
    if counts != list(range(1, len(cells) + 1)):
        yield f"the execution counts are not 1 to {len(cells)}: `make notebooks` stores them"
    for number, cell in enumerate(cells, start=1):
        if any(output["output_type"] == "error" for output in cell.get("outputs", ())):
            yield f"code cell {number} ended with an error"
    for cell in notebook["cells"]:
        for text in (_source(cell), *_texts(cell)):
            if path := ABSOLUTE_PATH.search(text) or re.search(re.escape(str(REPO)), text):
                shown = text[path.start() : path.start() + 40].splitlines()[0]
                yield f"a path of one machine: {shown}"
            if SECRET.search(text):
                yield "a key or a token"


def _texts(cell: dict) -> Iterator[str]:
    """A cell's outputs as text, pictures aside."""
    for output in cell.get("outputs", ()):
        yield "".join(output.get("text", ""))
        yield "\n".join(output.get("traceback", ()))
        for kind, content in output.get("data", {}).items():
            if not kind.startswith("image/"):
                yield "".join(content) if isinstance(content, list | str) else json.dumps(content)


def _pictures(notebook: dict) -> Iterator[str]:
    for number, cell in enumerate(_code_cells(notebook), start=1):
        for output in cell.get("outputs", ()):
            for kind in output.get("data", {}):
                alt = output.get("metadata", {}).get(kind, {}).get("alt", "")
                if kind.startswith("image/") and len(alt.split()) < 3:
                    yield f"code cell {number} draws without alt text: course_utils.plots.show"
    prose = _prose_of(notebook)
    for image in re.findall(r"!\[\s*\]\([^)]*\)|<img\b(?![^>]*\balt=[\"'][^\"'])[^>]*>", prose):
        yield f"an image without alt text: {image[:60]}"
