"""Strips from a notebook what changes from machine to machine, and keeps its outputs.

python -m course_utils.teach.tidy FILE.ipynb …
"""

import json
import sys
from pathlib import Path

from course_utils.settings import write_atomic
from course_utils.teach.cells import code_cells, number

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
WIDGET = "application/vnd.jupyter.widget-view+json"


def tidy(notebook: dict) -> None:
    """Strip a notebook in place: timings, views, versions, stderr, widgets, frames.

    The cells are counted from 1 where they ran in order. Where they did not, the counts stay as
    they are, since the outputs may be those of other code, and the structure check says so.
    """
    notebook["metadata"] = json.loads(json.dumps(METADATA))
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags")
        cell["metadata"] = {"tags": tags} if tags else {}
    cells = code_cells(notebook)
    for cell in cells:
        cell["outputs"] = without_noise(cell["outputs"])
    counts = [cell.get("execution_count") for cell in cells]
    if None not in counts and counts == sorted(set(counts)):
        number(cells)


def without_noise(outputs: list) -> list:
    """Drop stderr (progress bars, warnings), widgets and frames, which show nothing on GitHub.

    A widget that comes with a page of HTML, as the quizzes do, leaves that behind.
    """
    kept = []
    for output in outputs:
        data = output.get("data", {})
        if "text/html" in data:
            data.pop(WIDGET, None)
        framed = "<iframe" in "".join(data.get("text/html", ""))
        if output.get("name") != "stderr" and WIDGET not in data and not framed:
            kept.append(output)
    return kept


def main(files: list[str]) -> int:
    """Tidy files in place, naming those that changed; 1 when one did, as a commit hook should."""
    changed = 0
    for path in map(Path, files):
        text = path.read_text(encoding="utf-8")
        notebook = json.loads(text)
        tidy(notebook)
        tidied = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        if tidied != text:
            write_atomic(path, tidied)
            print(f"tidied {path}")
            changed = 1
    return changed


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
