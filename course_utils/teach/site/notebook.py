"""Notebooks as pages: what a reader needs not is left out, solutions are folded."""

import base64
import copy
import re
from collections.abc import Iterator
from itertools import groupby

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from course_utils.errors import CourseError
from course_utils.teach.badges import TAG

HEADLINE = "Right answers"


def lesson_page(notebook: NotebookNode) -> NotebookNode:
    """A notebook as a page: without the cell that sets up Colab, its pictures with alt text."""
    page = copy.deepcopy(notebook)
    page.cells = [cell for cell in page.cells if TAG not in cell.metadata.get("tags", ())]
    for cell in page.cells:
        # myst-nb does not look for the text where Jupyter has it.
        if alts := [alt for _, alt in _pictures(cell)]:
            cell.metadata["mystnb"] = {"image": {"alt": " ".join(alts)}}
    return page


def exercise_page(exercise: NotebookNode, solution: NotebookNode) -> NotebookNode:
    """An exercise notebook as a page, with what its solution has in place of it folded below.

    Args:
        exercise: As generated, with its outputs.
        solution: What it was generated from: the same cells, and some more.
    """
    page = lesson_page(exercise)
    tasks = {cell.id: cell for cell in page.cells}
    cells = []
    for is_solution, group in groupby(lesson_page(solution).cells, lambda c: _differs(c, tasks)):
        group = list(group)
        cells += [tasks[cell.id] for cell in group if cell.id in tasks]
        if is_solution:
            cells += _folded(group)
    page.cells = cells
    return page


def headline(notebook: NotebookNode) -> tuple[bytes, str]:
    """The course's main result as a lesson has drawn it: a PNG and its alt text.

    Raises:
        CourseError: The lesson has no such picture.
    """
    for cell in notebook.cells:
        for picture, alt in _pictures(cell):
            if alt.startswith(HEADLINE):
                return base64.b64decode(picture), alt
    raise CourseError(f"no picture whose alt text starts with {HEADLINE!r}", "run the lesson again")


def _differs(cell: NotebookNode, tasks: dict[str, NotebookNode]) -> bool:
    return cell.id not in tasks or cell.source != tasks[cell.id].source


def _folded(cells: list[NotebookNode]) -> Iterator[NotebookNode]:
    yield new_markdown_cell('<details class="solution"><summary>Solution</summary>')
    for cell in cells:
        cell.id += "-solution"  # the task above it has the same
        if cell.cell_type == "markdown":  # a heading would end the part that is folded
            cell.source = re.sub(r"^#+ +(.+)$", r"**\1**", cell.source, flags=re.MULTILINE)
        yield cell
    yield new_markdown_cell("</details>")


def _pictures(cell: NotebookNode) -> Iterator[tuple[str, str]]:
    for output in cell.get("outputs", ()):
        if picture := output.get("data", {}).get("image/png"):
            yield picture, output.metadata.get("image/png", {}).get("alt", "")
