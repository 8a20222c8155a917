"""Writes what depends on the repository's address: the README's badges, the notebooks' Colab cell.

python -m course_utils.teach.badges
"""

import json
from pathlib import Path

from course_utils.blocks import with_block
from course_utils.settings import NOTEBOOKS, REPO, write_atomic
from course_utils.teach.address import binder_url, colab_url, release, repository
from course_utils.teach.cells import code_cells, lesson_files, number
from course_utils.teach.structure import notebooks

README = REPO / "README.md"
BINDER_BADGE = "https://mybinder.org/badge_logo.svg"
COLAB_BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
TAG = "colab"
# Plain Python, no magics: whatever reads a notebook can parse it.
CELL = """\
import sys

if "google.colab" in sys.modules:  # there this installs the course; elsewhere it does nothing
    options = "-q --depth 1 -c advice.detachedHead=false -b {release}"
    address = "{address}"
    get_ipython().system(f"test -d course || git clone {{options}} {{address}} course")
    sys.path.insert(0, "course")
    from course_utils.teach.colab import set_up

    set_up()
"""


def bootstrap_cell() -> dict:
    """The second cell of every notebook, not run yet."""
    source = CELL.format(address=repository(), release=release()).rstrip("\n")
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": "c01ab001",
        "metadata": {"tags": [TAG, "nbval-ignore-output"]},
        "outputs": [],
        "source": source.splitlines(keepends=True),
    }


def with_bootstrap(text: str) -> str:
    """A notebook's text with the bootstrap cell as its second one.

    Where the other cells were run in order, all are counted from 1.
    """
    notebook = json.loads(text)
    others = [cell for cell in notebook["cells"] if TAG not in cell["metadata"].get("tags", ())]
    counts = [cell.get("execution_count") for cell in others if cell["cell_type"] == "code"]
    notebook["cells"] = [*others[:1], bootstrap_cell(), *others[1:]]
    if None not in counts and counts == sorted(set(counts)):
        number(code_cells(notebook))
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def readme(text: str) -> str:
    """The README's text with today's badges between their marks.

    Raises:
        CourseError: The comments between which they stand are gone.
    """
    names = [path.name for path in lesson_files(NOTEBOOKS)]
    first = f"notebooks/{names[0]}"
    colab = " · ".join(f"[{name[:2]}]({colab_url(f'notebooks/{name}')})" for name in names)
    return with_block(
        text,
        "launch",
        f"[![Open the course on Binder]({BINDER_BADGE})]({binder_url(first)})\n"
        f"[![Open lesson 00 in Colab]({COLAB_BADGE})]({colab_url(first)})\n\n"
        f"Any lesson in Colab: {colab}",
    )


def files() -> list[Path]:
    """Every file that has a part written from the address."""
    return [README, *notebooks()]


def current(path: Path) -> str:
    """The text that one of ``files()`` should have now."""
    text = path.read_text(encoding="utf-8")
    return readme(text) if path == README else with_bootstrap(text)


if __name__ == "__main__":
    for path in files():
        text = current(path)
        if path.read_text(encoding="utf-8") != text:
            write_atomic(path, text)
            print(f"wrote {path.relative_to(REPO)}")
