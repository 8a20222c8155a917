"""The glossary and the lessons agree: what is bold is a term, and a term is explained."""

import json
import re

import pytest

from course_utils.settings import NOTEBOOKS
from course_utils.teach.cells import prose, without_code
from course_utils.teach.structure_text import slug

GLOSSARY = NOTEBOOKS / "glossary.md"
LESSONS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
TEXT = {
    path.name: without_code(prose(json.loads(path.read_text(encoding="utf-8")))) for path in LESSONS
}
LINK = re.compile(r"\[\*\*[^*]+\*\*\]\(glossary\.md#([^)]+)\)")


def entries(markdown):
    """Heading → what stands below it."""
    markdown = re.sub(r"^<div .*\n", "", markdown, flags=re.MULTILINE)
    parts = re.split(r"^### (.+)$", markdown, flags=re.MULTILINE)[1:]
    return {term: re.split(r"^## ", text, flags=re.MULTILINE)[0].strip()
            for term, text in zip(parts[::2], parts[1::2], strict=True)}  # fmt: skip


def loose(markdown):
    """Bold words that are neither a link to the glossary, a label, nor a number.

    A label ends with a full stop or a colon, such as **Goals.**; for stress there are italics.
    """
    bold = re.findall(r"\*\*(.+?)\*\*", LINK.sub("", markdown))
    return [words for words in bold if not words.endswith((".", ":")) and re.search("[a-z]", words)]


TERMS = entries(GLOSSARY.read_text(encoding="utf-8"))


@pytest.mark.parametrize("lesson", TEXT)
def test_what_is_bold_in_a_lesson_is_a_term_of_the_glossary(lesson):
    assert loose(TEXT[lesson]) == []
    assert {*LINK.findall(TEXT[lesson])} <= {*map(slug, TERMS)}


@pytest.mark.parametrize("term", TERMS)
def test_a_term_is_linked_first_from_the_lesson_that_it_names(term):
    linked = [name for name, text in TEXT.items() if slug(term) in LINK.findall(text)]
    named = re.findall(r"First in \[lesson (\d\d)\]\(([^)]+)\)\.", TERMS[term])
    assert [(name[:2], name) for name in linked[:1]] == named


@pytest.mark.parametrize("term", TERMS)
def test_an_entry_is_two_sentences_at_most_and_its_source_a_link(term):
    text, _, rest = TERMS[term].partition("\n\nFirst in ")
    assert 1 <= len(re.findall(r"[.!?](?=\s|$)", text)) <= 2
    assert re.fullmatch(r"[^.]+\.ipynb\)\.( Source: \[.+\]\(https://[^)]+\)\.)?", rest)


@pytest.mark.parametrize("term", TERMS)
def test_jupyterlab_finds_the_term_too(term):
    # It names a heading by its text, with hyphens for spaces and nothing else changed.
    box = f'<div data-jupyter-id="{slug(term)}"></div>\n\n### {term}\n'
    written = box in GLOSSARY.read_text(encoding="utf-8")
    assert written == (term.replace(" ", "-") != slug(term))


def test_the_glossary_is_in_order():
    markdown = GLOSSARY.read_text(encoding="utf-8")
    assert 40 <= len(TERMS) <= 100
    slugs = [slug(term) for term in TERMS]
    assert slugs == sorted(set(slugs)) and len(slugs) == markdown.count("\n### ")
    letters = re.findall(r"^## (.+)$", markdown, re.MULTILINE)
    assert letters == sorted({name[0].upper() for name in slugs})


def test_the_rules_can_fail():
    assert loose("**Goals.** a **retriever** **0.481** [**term**](glossary.md#term)") == [
        "retriever"
    ]
    assert entries("# G\n\n## A\n\n### adapter\n\nSmall.\n\n## B\n\n### batch\n\nMany.\n") == {
        "adapter": "Small.",
        "batch": "Many.",
    }
