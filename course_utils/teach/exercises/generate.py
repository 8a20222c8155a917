"""Makes the exercise notebooks out of the worked solutions, and runs both.

python -m course_utils.teach.exercises.generate [NN ...]

In ``notebooks/solutions`` a statement whose first line ends with ``# solution`` is what the
learner writes: the exercise has ``...`` in its place. Markdown cells tagged ``solution`` are left
out.
"""

import ast
import copy
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat

from course_utils.settings import NOTEBOOKS, write_atomic
from course_utils.teach.run import execute

SOLUTIONS = NOTEBOOKS / "solutions"
EXERCISES = NOTEBOOKS / "exercises"
TAG = "solution"
MARK = "# solution"


def opened(source: str) -> str:
    """A solution's code with ``...`` where the learner writes.

    An assignment keeps its targets, ``return`` its word, a function its signature and docstring;
    any other marked statement goes.

    Raises:
        SyntaxError: The code does not parse.
    """
    if MARK not in source:
        return source
    lines = source.splitlines()
    marked = [node for node in _statements(source) if lines[node.lineno - 1].endswith(MARK)]
    for node in sorted(marked, key=lambda node: -node.lineno):
        first, end = node.lineno - 1, node.end_lineno
        indent = " " * node.col_offset
        if isinstance(node, ast.FunctionDef):
            lines[first] = lines[first].removesuffix(MARK).rstrip()
            has_docstring = ast.get_docstring(node) is not None
            body = node.body[1] if has_docstring and len(node.body) > 1 else node.body[0]
            first = body.lineno - 1
            indent += "    "
        lines[first:end] = [indent + kept for kept in _kept(node, source)]
    return "\n".join(lines)


def _statements(source: str) -> Iterator[ast.stmt]:
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt))


def _kept(node: ast.stmt, source: str) -> list[str]:
    if isinstance(node, ast.Assign):
        target = node.targets[0]
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        written = [ast.get_source_segment(source, name) for name in names]  # with its own quotes
        return [f"{', '.join(written)} = {', '.join(['...'] * len(names))}"]
    if isinstance(node, ast.Return | ast.FunctionDef):
        return ["return ..."]
    return []


def exercise(solution: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The exercise notebook of a solution notebook, without outputs."""
    notebook = copy.deepcopy(solution)
    notebook.cells = [cell for cell in notebook.cells if not _only_in_solution(cell)]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = opened(cell.source)
            cell.outputs, cell.execution_count = [], None
    return notebook


def _only_in_solution(cell: nbformat.NotebookNode) -> bool:
    return cell.cell_type == "markdown" and TAG in cell.metadata.get("tags", ())


def what_differs(made: nbformat.NotebookNode, stored: nbformat.NotebookNode) -> list[str]:
    """The ids of the cells in which two notebooks differ, outputs aside."""
    one, other = (
        {c.id: (c.cell_type, c.source, c.metadata.get("tags", [])) for c in notebook.cells}
        for notebook in (made, stored)
    )
    differing = [id for id in one | other if one.get(id) != other.get(id)]
    return differing or ([] if list(one) == list(other) else ["the order of the cells"])


def out_of_date() -> list[str]:
    """What ``main`` would write anew, as ``NAME: cell ids``."""
    found = []
    names = {path.name for folder in (SOLUTIONS, EXERCISES) for path in folder.glob("*.ipynb")}
    for name in sorted(names):
        if not ((SOLUTIONS / name).exists() and (EXERCISES / name).exists()):
            found.append(f"{name}: only in one of solutions/ and exercises/")
            continue
        cells = what_differs(exercise(_read(SOLUTIONS / name)), _read(EXERCISES / name))
        found += [f"{name}: {', '.join(cells)}"] if cells else []
    return found


def _read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def main(numbers: list[str]) -> int:
    """Write and run the exercises and their solutions; 1 when one of them fails."""
    failed = 0
    for solution in sorted(SOLUTIONS.glob("*.ipynb")):
        if numbers and solution.name[:2] not in numbers:
            continue
        target = EXERCISES / solution.name
        write_atomic(target, nbformat.writes(exercise(_read(solution))) + "\n")
        # The exercise first, while nothing is recorded as done: its last cell shows the progress.
        for path in (target, solution):
            result = execute(path, save=True)
            failed |= not result.ok
            outcome = "ok" if result.ok else f"FAILED: {result.error}"
            print(f"{path.relative_to(NOTEBOOKS)}: {outcome} ({result.seconds:.0f} s)", flush=True)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
