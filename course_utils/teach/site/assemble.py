"""Gathers the site's sources in a folder that has the repository's layout, so that links hold."""

import re
import shutil
from fnmatch import fnmatch
from pathlib import Path
from posixpath import normpath

import nbformat

from course_utils.settings import DATA, NOTEBOOKS, REPO
from course_utils.teach.address import binder_url, colab_url, release, repository
from course_utils.teach.exercises.generate import EXERCISES, SOLUTIONS
from course_utils.teach.run import lessons
from course_utils.teach.site.notebook import exercise_page, headline, lesson_page

PAGES = Path(__file__).parent / "pages"
HEADLINE = "05_combined_system.ipynb"
# Caption in the sidebar → the pages under it, in order, as patterns.
CONTENTS = {
    "Lessons": ["notebooks/[0-9]*"],
    "Exercises": ["notebooks/exercises/*"],
    "When you outgrow this": [f"notebooks/scaling/{n}" for n in ("README", "[!R]*")],
    "To look up": ["notebooks/glossary", "claims", "data/acme/README", "tools", "help"],
    "For instructors": [f"notebooks/instructor/{n}" for n in ("README", "plans", "[!l]*", "*")],
}
LINK = re.compile(r"(?<=\]\()[^)\s]+")


def assemble(target: Path) -> list[str]:
    """Write the sources of the site's pages, in place of what is there.

    Args:
        target: The folder.

    Returns:
        The names of the pages, as Sphinx has them: ``notebooks/00_start_here``.
    """
    files = _files()
    notebooks = _notebooks()
    known = {*files, *notebooks} - {"README.md"}  # only parts of that are shown
    shutil.rmtree(target, ignore_errors=True)
    for name, path in files.items():
        content = path.read_bytes()
        if path.suffix == ".md":
            content = outwards(content.decode(), name, known).encode()
        _write(target / name, content)
    for name, notebook in notebooks.items():
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = outwards(cell.source, name, known)
        _write(target / name, nbformat.writes(notebook).encode())
    pages = sorted(name.rpartition(".")[0] for name in known if name.endswith((".md", ".ipynb")))
    _write_parts(target, pages)
    return pages


def start() -> str:
    """Where a newcomer begins, and where the first lesson runs without an installation."""
    first = f"notebooks/{lessons()[0].name}"
    elsewhere = f"run it [on Binder]({binder_url(first)}) or [in Colab]({colab_url(first)})"
    return f"[Read lesson 00]({first}), or {elsewhere}.\n"


def contents(pages: list[str]) -> str:
    """The tables of contents in the sidebar, of those captions that have pages."""
    tables = []
    for caption, patterns in CONTENTS.items():
        found = [page for pattern in patterns for page in pages if fnmatch(page, pattern)]
        if found:
            lines = "\n".join(dict.fromkeys(found))
            tables.append(f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{lines}\n```\n")
    return "\n".join(tables)


def outwards(text: str, name: str, known: set[str]) -> str:
    """A page's text in which links to files that the site lacks lead to the repository's address.

    Args:
        text: Markdown.
        name: The page's path in the repository.
        known: The paths of all that the site has.
    """

    def address(link: re.Match) -> str:
        path, mark, anchor = link[0].partition("#")
        file = normpath(f"{name}/../{path}")
        if "://" in link[0] or not path or file in known or not (REPO / file).exists():
            return link[0]
        kind = "tree" if (REPO / file).is_dir() else "blob"
        return f"{repository()}/{kind}/{release()}/{file}{mark}{anchor}"

    return LINK.sub(address, text)


def _notebooks() -> dict[str, nbformat.NotebookNode]:
    found = {f"notebooks/{path.name}": lesson_page(_read(path)) for path in lessons()}
    for path in sorted(SOLUTIONS.glob("*.ipynb")):
        page = exercise_page(_read(EXERCISES / path.name), _read(path))
        found[f"notebooks/exercises/{path.name}"] = page
    return found


def _files() -> dict[str, Path]:
    beside = (path for path in NOTEBOOKS.rglob("*.*") if path.suffix in (".md", ".png", ".svg"))
    found = [path for path in beside if ".ipynb_checkpoints" not in path.parts]
    found += [REPO / "README.md", DATA / "acme" / "README.md"]
    shown = {path.relative_to(REPO).as_posix(): path for path in found}
    return {path.name: path for path in PAGES.glob("*.md")} | shown


def _write_parts(target: Path, pages: list[str]) -> None:
    """What pages/index.md includes."""
    picture, alt = headline(_read(NOTEBOOKS / HEADLINE))
    _write(target / "_headline.png", picture)
    _write(target / "_headline.md", f"![{alt}](_headline.png)\n".encode())
    _write(target / "_start.md", start().encode())
    _write(target / "_contents.md", contents(pages).encode())


def _read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
