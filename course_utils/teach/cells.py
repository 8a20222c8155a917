"""Which files are lessons and what a notebook is made of, for the tools that read it as JSON."""

import re
from collections.abc import Iterable
from pathlib import Path


def lesson_files(folder: Path) -> list[Path]:
    """The lessons in a folder, such as ``02_rag_lcel.ipynb``, in order."""
    return sorted(folder.glob("[0-9][0-9]_*.ipynb"))


def title(notebook: dict) -> str:
    """A notebook's heading, without its mark."""
    return source(notebook["cells"][0]).splitlines()[0].lstrip("# ")


def source(cell: dict) -> str:
    """A cell's text, whether it is stored as lines or in one piece."""
    return "".join(cell["source"])


def code_cells(notebook: dict) -> list[dict]:
    """The code cells, in order."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def prose(notebook: dict) -> str:
    """All Markdown cells as one text."""
    cells = notebook["cells"]
    return "\n\n".join(source(cell) for cell in cells if cell["cell_type"] == "markdown")


def number(cells: Iterable[dict]) -> None:
    """Count the given code cells from 1, in place, as a run from the top would."""
    for count, cell in enumerate(cells, start=1):
        cell["execution_count"] = count
        for output in cell["outputs"]:
            if output["output_type"] == "execute_result":
                output["execution_count"] = count


def without_code(markdown: str) -> str:
    """Markdown without its code blocks and code spans, where nothing is a heading or a link."""
    blocks = r"^(```|~~~).*?^\1[^\n]*$"
    return re.sub(r"`[^`\n]*`", "", re.sub(blocks, "", markdown, flags=re.DOTALL | re.MULTILINE))
