"""The slides: which cells make them, and what a browser without a network shows of them."""

import os
from pathlib import Path
from urllib.parse import unquote

import nbformat.v4 as v4
import pytest

from course_utils.errors import CourseError
from course_utils.settings import settings
from course_utils.teach import slides
from course_utils.teach.run import lessons

FEWEST, MOST = 8, 15
# What sticks out of the slide that is shown, in its own pixels. Words that are wider than their
# box (a long path in code) count too.
OVERFLOW = """() => {
  const slide = Reveal.getCurrentSlide(), scale = Reveal.getScale();
  const edge = slide.getBoundingClientRect(), found = [];
  for (const part of slide.querySelectorAll('p, li, pre, td, img, h1, h2, h3')) {
    if (part.closest('aside')) continue;
    const box = part.getBoundingClientRect();
    if (box.bottom > edge.top + 720 * scale || box.right > edge.left + 1280 * scale
        || part.scrollWidth > part.clientWidth + 1 && part.clientWidth)
      found.push(part.innerText || part.alt);
  }
  return found;
}"""
PARTS = "Reveal.getCurrentSlide().querySelectorAll(':not(aside) > * p, li, pre, td, img').length"


def tagged(cell, tag):
    cell.metadata["tags"] = [tag]
    return cell


def shown(*cells):
    """(slide_type, source) of a deck made of lesson 00's title and some cells."""
    first = tagged(v4.new_markdown_cell("# 00 · Start"), "slide")
    made = slides.deck(v4.new_notebook(cells=[first, *cells]), "00_start_here.ipynb").cells[1:]
    kinds = [cell.metadata.get("slideshow", {}).get("slide_type", "-") for cell in made]
    return [(kind, cell.source) for kind, cell in zip(kinds, made, strict=True) if kind != "notes"]


def test_only_tagged_cells_are_shown_and_code_gets_the_heading_of_its_section():
    assert shown(
        v4.new_markdown_cell("## A section\n\nLong."),
        v4.new_code_cell("untagged"),
        tagged(v4.new_code_cell("x = 1"), "slide"),
        tagged(v4.new_code_cell("x + 1"), "slide-continue"),
    ) == [("slide", "## A section"), ("-", "x = 1"), ("-", "x + 1")]


@pytest.mark.parametrize(
    ("cell", "slide"),
    [
        ("One. Two. Three.", "One. Two."),
        ("It costs $0.5 a call, e.g. here. Yes! No.", "It costs $0.5 a call, e.g. here. Yes!"),
        ('He says "no." Then more. And more.', 'He says "no." Then more.'),
        ("- **A**: b. C.\n- d", "- **A**: b.\n- d"),
        ("**Goals.** After. This. You can", "**Goals.** After. This."),
        ("1. Run it: now. Then wait.\n2. Stop", "1. Run it: now.\n2. Stop"),
        ("| a. b |\n|---|\n| C. D |", "| a. b |\n|---|\n| C. D |"),
        ("See [**chunk**](glossary.md#chunk). A. B.", "See **chunk**. A."),
        ("See [this](https://example.com). A", "See [this](https://example.com). A"),
        ("No end", "No end"),
    ],
)
def test_two_sentences_of_each_paragraph_and_one_of_each_item(cell, slide):
    assert slides.on_slide(cell) == slide


def notes_of(*cells):
    deck = slides.deck(v4.new_notebook(cells=cells), "00_start_here.ipynb")
    return [
        c.source for c in deck.cells if c.metadata.get("slideshow", {}) == {"slide_type": "notes"}
    ]


ADVICE = {row["section"]: row["say, show, ask"] for row in slides.timing("00")}


def test_the_notes_have_the_whole_text_and_the_instructors_advice():
    cells = [tagged(v4.new_markdown_cell("# T\n\nOne. Two. Three."), "slide")]
    cells.append(tagged(v4.new_markdown_cell("## The map\n\nThree. Four."), "slide"))
    assert notes_of(*cells) == [
        "# T\n\nOne. Two. Three.",
        f"{ADVICE['The map']}\n\n## The map\n\nThree. Four.",
    ]


def test_what_is_not_tagged_stands_in_the_notes():
    """Before the section's first slide with that slide, else with the slide that is shown."""
    assert notes_of(
        tagged(v4.new_markdown_cell("# T"), "slide"),
        v4.new_markdown_cell("## The map\n\nNo slide."),
        v4.new_markdown_cell("## Done\n\nAhead."),
        tagged(v4.new_code_cell("x"), "slide"),
        v4.new_markdown_cell("After [it](a.md)."),
    ) == [
        "# T",
        f"{ADVICE['The map']}\n\n## The map\n\nNo slide.",
        f"{ADVICE['Done']}\n\n## Done\n\nAhead.",
        "After it.",
    ]


def test_long_code_and_code_that_draws_give_way_to_their_output():
    picture = v4.new_output("display_data", data={"image/png": "aGk="})
    cells = (
        v4.new_code_cell("draw()", outputs=[picture]),
        v4.new_code_cell("x\n" * slides.MAX_CODE_LINES + "x"),
        v4.new_code_cell("x\n" * slides.MAX_CODE_LINES),
    )
    hidden = [bool(slides._code(cell).metadata.get("transient")) for cell in cells]
    assert hidden == [True, True, False]


def test_a_lesson_without_slides_and_a_slide_without_a_start_are_refused():
    for cell, what in (
        (v4.new_code_cell("x"), "no slides"),
        (tagged(v4.new_code_cell("x"), "slide-continue"), "goes on with no slide"),
    ):
        with pytest.raises(CourseError, match=what):
            slides.deck(v4.new_notebook(cells=[cell]), "00_start_here.ipynb")


@pytest.fixture(scope="module")
def decks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    return {page.stem: page for page in slides.make_slides(folder)}


@pytest.fixture
def page(chromium):
    context = chromium.new_context(
        viewport={"width": slides.WIDTH, "height": slides.HEIGHT}, offline=True
    )
    yield context.new_page()
    context.close()


def test_the_index_leads_to_every_deck(decks, page):
    folder = next(iter(decks.values())).parent
    page.goto((folder / "index.html").as_uri())
    links = page.eval_on_selector_all("a", "links => links.map(a => a.href)")
    assert [Path(unquote(link)).name for link in links] == [f"{name}.html" for name in decks]
    page.get_by_role("link").last.click()
    assert page.title().startswith("06")


@pytest.mark.parametrize("lesson", [path.stem for path in lessons()])
def test_a_deck_in_a_browser(decks, page, lesson):
    artifacts = Path(os.environ.get("COURSE_ARTIFACTS") or settings().home / "artifacts") / "slides"
    artifacts.mkdir(parents=True, exist_ok=True)
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(decks[lesson].as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    total = page.evaluate("Reveal.getTotalSlides()")
    sticking_out, empty, places = {}, [], []
    for number in range(1, total + 1):
        places.append(page.evaluate("Reveal.getSlidePastCount()"))
        page.screenshot(path=artifacts / f"{lesson}-{number:02}.png")
        if parts := page.evaluate(OVERFLOW):
            sticking_out[number] = parts
        if page.evaluate(PARTS) == 0:
            empty.append(number)
        page.keyboard.press("ArrowRight")

    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
    assert FEWEST <= total <= MOST
    assert places == list(range(total)), "the arrow key does not move"
    assert empty == []
    assert sticking_out == {}, "choose other cells: CONTRIBUTING, Slides"
    pictures = page.eval_on_selector_all(".slides img", "all => all.map(i => i.alt)")
    assert all(len(alt.split()) > 2 for alt in pictures)
    local = page.eval_on_selector_all(".slides a[href]", "all => all.map(a => a.protocol)")
    assert set(local) <= {"https:", "http:"}, "a link to a file that does not lie beside the deck"
