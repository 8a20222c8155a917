"""Rules for the Markdown of notebooks and pages: headings, goals, links, images, length."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from course_utils.teach.cells import prose, source, without_code

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
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)|^\[[^\]]+\]:\s*(\S+)|\b(?:href|src)=[\"']([^\"']+)", re.M)
PAGES = (".md", ".ipynb")
ELSEWHERE = re.compile(r"[a-z][a-z\d+.-]*:|//", re.IGNORECASE)


def opening(notebook: dict) -> Iterator[str]:
    """What the first cell of a lesson must say."""
    first = notebook["cells"][0] if notebook["cells"] else {"cell_type": "none", "source": ""}
    if first["cell_type"] != "markdown":
        yield "the first cell is not Markdown"
        return
    plain = re.sub(r"[*_`|]", " ", source(first))
    for name, pattern in OPENING.items():
        if not re.search(pattern, plain, re.IGNORECASE):
            yield f"the first cell does not say: {name}"


def length(notebook: dict) -> Iterator[str]:
    """A lesson has neither too little nor too much to read."""
    words = len(re.findall(r"\w+(?:['’-]\w+)*", prose(notebook)))
    low, high = PROSE_WORDS
    if not low <= words <= high:
        yield f"{words} words of prose, {low} to {high} wanted"


def goals(notebook: dict) -> Iterator[str]:
    """What the first cell promises is what ``## Done`` repeats; a parenthesis may add to it."""
    first = source(notebook["cells"][0]) if notebook["cells"] else ""
    promised = _items(first.partition("**Goals")[2])
    end = re.search(r"^## Done\b(.*?)(?=^## |\Z)", prose(notebook), re.DOTALL | re.MULTILINE)
    done = _items(end[1] if end else "")
    if not promised:
        yield "no numbered list stands under **Goals.**"
    elif len(promised) != len(done):
        yield f"{len(promised)} goals at the top, {len(done)} under ## Done"
    for goal, said in zip(promised, done, strict=False):
        if goal not in (said, re.sub(r"\s*\([^()]*\)$", "", said)):
            yield f"a goal and its done-statement differ: {goal!r}, {said!r}"


def _items(text: str) -> list[str]:
    """The first numbered list of a text, without links, marks and the last sign."""
    found = re.search(r"(?:^\d+\. .*\n?)+", text, re.MULTILINE)
    lines = found[0].splitlines() if found else []
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line) for line in lines)
    return [re.sub(r"^\d+\.|[*_`]", "", line).strip().rstrip(",;.") for line in plain]


def headings(markdown: str) -> Iterator[str]:
    """One title, and below it no level is skipped."""
    found = re.findall(r"^(#{1,6})\s+(.+?)\s*$", without_code(markdown), re.MULTILINE)
    if [marks for marks, _ in found].count("#") != 1 or found[0][0] != "#":
        yield "one heading with a single # is wanted, at the top"
    for (before, _), (after, title) in itertools.pairwise(found):
        if len(after) > len(before) + 1:
            yield f"the heading {title!r} skips a level"


def links(markdown: str, path: Path) -> Iterator[str]:
    """Links and images that lead to no file of the repository, or to no heading in it.

    Args:
        markdown: The text, of a page or of a notebook's Markdown cells.
        path: The file that it stands in.
    """
    for match in LINK.finditer(without_code(markdown)):
        link = next(filter(None, match.groups()))
        if ELSEWHERE.match(link):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = path.parent / name if name else path
        if not target.exists():
            yield f"a link leads nowhere: {link}"
        elif anchor and target.suffix in PAGES and slug(anchor) not in anchors(target):
            yield f"a link leads to no heading: {link}"


def anchors(path: Path) -> set[str]:
    """The headings of a page or notebook, as a link names them."""
    text = path.read_text(encoding="utf-8")
    markdown = prose(json.loads(text)) if path.suffix == ".ipynb" else text
    return {slug(title) for title in re.findall(r"^#{1,6}\s+(.+?)\s*$", markdown, re.MULTILINE)}


def slug(title: str) -> str:
    """A heading as GitHub, JupyterLab and MyST link to it, but for upper and lower case."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", plain.lower()).strip())


def images(markdown: str) -> Iterator[str]:
    """Images that a reader who cannot see them gets nothing from."""
    bare = r"!\[\s*\]\([^)]*\)|<img\b(?![^>]*\balt=[\"'][^\"'])[^>]*>"
    for image in re.findall(bare, markdown):
        yield f"an image without alt text: {image[:60]}"
