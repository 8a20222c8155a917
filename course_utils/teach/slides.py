"""``make slides``: a deck per lesson from its tagged cells, readable without any network.

A cell with the tag ``slide`` starts a slide, one with ``slide-continue`` goes on with it, all
others are left out. What a lesson explains in a paragraph is too much for a slide, so a slide shows
headings, tables, the first two sentences of each paragraph and the first of each list item; the
speaker's notes (key S) have the whole text up to the next slide, that of cells without a tag too,
and what the instructor's page says about the section.
Code of more than ``MAX_CODE_LINES`` lines, and code that draws, gives way to its output.
"""

import html
import re
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import nbformat
import nbformat.v4 as v4
from nbconvert import SlidesExporter
from nbformat import NotebookNode

from course_utils.errors import CourseError
from course_utils.settings import settings, write_atomic
from course_utils.teach.cells import title
from course_utils.teach.kit import timing
from course_utils.teach.run import lessons

START, CONTINUE = "slide", "slide-continue"
MAX_CODE_LINES = 14
WIDTH, HEIGHT = 1280, 720
# What a deck needs of reveal.js; themes, and the fonts that they load, stay behind.
REVEAL_FILES = ("LICENSE", "dist/reveal.js", "dist/reveal.css", "plugin/notes/notes.js")
HERE = Path(__file__).parent
_WHOLE = re.compile(r"#|\||```|<|!\[")  # headings, tables, code, HTML, pictures
_ITEM = re.compile(r"^(?=[-*] |\d+\. )", re.MULTILINE)
# Not after a list's number, nor within a label in bold ("**Goals.** After …").
_SENTENCE_END = re.compile(r"(?<!^\d)[.!?][\"”)]*(?=\s+[^a-z\s])")
_LOCAL_LINK = re.compile(r"(?<!!)\[([^]]*)\]\((?!https?:)[^)]*\)")


def make_slides(folder: Path | None = None) -> list[Path]:
    """Write a deck for each lesson, an index, and the part of reveal.js that they need.

    Args:
        folder: Where to; ``None`` takes ``slides`` in the course home. It can be copied as it is.

    Returns:
        The decks, in order.

    Raises:
        CourseError: A lesson has no slides, or reveal.js is not installed.
    """
    folder = folder or settings().home / "slides"
    _copy_reveal(folder / "reveal")
    decks = {}
    for path in lessons():
        notebook = nbformat.read(path, as_version=4)
        page = folder / f"{path.stem}.html"
        write_atomic(page, _as_html(deck(notebook, path.name)))
        decks[page] = title(notebook)
    write_atomic(folder / "index.html", _index(decks))
    return list(decks)


def deck(notebook: NotebookNode, name: str) -> NotebookNode:
    """The notebook's tagged cells, as nbconvert wants slides.

    Args:
        notebook: A lesson.
        name: Its file name, for its instructor's page and for errors.

    Raises:
        CourseError: No cell starts a slide, or the first tagged one goes on with none.
    """
    walked = list(_walked(notebook))
    chosen = [(cell, tags) for cell, _, _, tags in walked if tags & {START, CONTINUE}]
    if not chosen:
        raise CourseError(f"{name} has no slides", f"tag cells of it {START} and {CONTINUE}")
    first, tags = chosen[0]
    if START not in tags:
        raise CourseError(f"{name}: cell {first.id} goes on with no slide", f"tag it {START}")
    advice = {row["section"]: row["say, show, ask"] for row in timing(name[:2])}
    cells = _slides(walked, advice)
    return v4.new_notebook(cells=cells, metadata={**notebook.metadata, "title": title(notebook)})


def _slides(walked: list[tuple], advice: dict[str, str]) -> list[NotebookNode]:
    """The slides with their notes; a section's advice stands once, where it begins."""
    ahead = {section for _, section, _, tags in walked if START in tags}
    cells, waiting = [], []
    for cell, section, heading, tags in walked:
        text = _without_links(cell.source) if cell.cell_type == "markdown" else ""
        if START in tags:
            ahead.discard(section)
            notes = "\n\n".join(filter(None, [advice.pop(section, ""), *waiting, text]))
            cells += _shown_cells(cell, heading, notes)
            waiting = []
        elif CONTINUE in tags:
            cells += _shown_cells(cell, None, text)
        elif text and section in ahead:
            waiting.append(text)  # for the slide with which its section begins
        elif text and cells:
            cells += _notes(f"{advice.pop(section, '')}\n\n{text}".strip())
    return cells


def _walked(notebook: NotebookNode) -> Iterator[tuple[NotebookNode, str, str, set[str]]]:
    """Each cell with its section, the nearest heading and its tags."""
    section = heading = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            section, heading = _headings(cell.source, section, heading)
        yield cell, section, heading, set(cell.metadata.get("tags", ()))


def _shown_cells(cell: NotebookNode, heading: str | None, notes: str) -> list[NotebookNode]:
    """A cell as slides show it, with its notes; where it starts one, under its heading."""
    is_prose = cell.cell_type == "markdown"
    made = [v4.new_markdown_cell(on_slide(cell.source)) if is_prose else _code(cell)]
    if heading and not (is_prose and cell.source.startswith("#")):
        made.insert(0, v4.new_markdown_cell(f"## {heading}"))
    if heading:
        made[0].metadata.update(_kind("slide"))
    return made + _notes(notes)


def _notes(text: str) -> list[NotebookNode]:
    return [v4.new_markdown_cell(text, metadata=_kind("notes"))] if text else []


def _kind(slide_type: str) -> dict:
    return {"slideshow": {"slide_type": slide_type}}


def on_slide(markdown: str) -> str:
    """What a slide shows of a Markdown cell; see the head of this module."""
    blocks = re.split(r"\n\s*\n", _without_links(markdown).strip())
    return "\n\n".join(block if _WHOLE.match(block) else _brief(block) for block in blocks)


def _brief(block: str) -> str:
    parts = [part for part in _ITEM.split(block) if part]
    return "\n".join(_first(part, 1 if _ITEM.match(part) else 2) for part in parts)


def _first(text: str, sentences: int) -> str:
    ends = [end.end() for end in _SENTENCE_END.finditer(text)]
    return text[: ends[sentences - 1]] if len(ends) >= sentences else text.rstrip()


def _without_links(markdown: str) -> str:
    """Links to other files of the course lead nowhere from a deck; their words stay."""
    return _LOCAL_LINK.sub(r"\1", markdown)


def _code(cell: NotebookNode) -> NotebookNode:
    draws = any("image/png" in output.get("data", {}) for output in cell.outputs)
    long = len(cell.source.splitlines()) > MAX_CODE_LINES
    # nbconvert's own mark for a cell whose source is to be left out.
    hidden = {"transient": {"remove_source": True}} if draws or long else {}
    return v4.new_code_cell(cell.source, outputs=cell.outputs, metadata=hidden)


def _headings(markdown: str, section: str, heading: str) -> tuple[str, str]:
    """The section (``##``) and the nearest heading after a cell, given those before it."""
    for marks, text in re.findall(r"^(#{1,3}) (.+)$", markdown, re.MULTILINE):
        section, heading = (section if marks == "###" else text), text
    return section, heading


def _as_html(notebook: NotebookNode) -> str:
    exporter = SlidesExporter(
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        template_file="slides.html.j2",
        extra_template_paths=[str(HERE)],
        reveal_url_prefix="reveal",
        reveal_theme="course",
        reveal_width=str(WIDTH),
        reveal_height=str(HEIGHT),
    )
    return exporter.from_notebook_node(notebook)[0]


def _copy_reveal(target: Path) -> None:
    found = find_spec("sphinx_revealjs")  # its wheel carries reveal.js; Sphinx is not used
    if found is None:
        raise CourseError("reveal.js is not installed", "run `make setup`")
    source = Path(found.submodule_search_locations[0]) / "_static" / "revealjs"
    for name in REVEAL_FILES:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
    (target / "dist" / "theme").mkdir(exist_ok=True)
    shutil.copyfile(HERE / "slides.css", target / "dist" / "theme" / "course.css")


def _index(decks: dict[Path, str]) -> str:
    items = "\n".join(
        f'<li><a href="{page.name}">{html.escape(title)}</a></li>' for page, title in decks.items()
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Slides: RAG or fine-tuning?</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body {{ font: 1.2rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto;
padding: 0 1rem; }}</style></head>
<body><main><h1>Slides: RAG or fine-tuning?</h1>
<ul style="list-style: none; padding: 0">
{items}
</ul>
<p>Arrow keys move, <kbd>S</kbd> opens the speaker's notes, <kbd>Esc</kbd> the overview.</p>
</main></body>
</html>
"""


if __name__ == "__main__":
    for page in make_slides():
        print(page)
