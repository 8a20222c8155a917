import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup

from course_utils.settings import NOTEBOOKS, REPO, settings
from course_utils.teach import address
from course_utils.teach.run import lessons
from course_utils.teach.site.assemble import contents, outwards
from course_utils.teach.site.check import complaints
from course_utils.teach.site.notebook import exercise_page, lesson_page

nbf = nbformat.v4
LIMIT_S = 180
EXERCISES = sorted((NOTEBOOKS / "exercises").glob("*.ipynb"))
DOCUMENTS = [NOTEBOOKS / "glossary.md", *sorted((NOTEBOOKS / "instructor").glob("*.md"))]


@pytest.fixture(scope="module")
def home_of_site(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def built(home_of_site):
    """What `make site` says when no host can be reached."""
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    return subprocess.run(
        [sys.executable, "-m", "course_utils.teach.site"],
        env=os.environ | nowhere | {"COURSE_HOME": str(home_of_site)},
        capture_output=True, text=True, encoding="utf-8", timeout=LIMIT_S,
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(home_of_site, built):
    if built.returncode:
        pytest.skip("there is no site: see test_it_is_built_without_a_warning")
    return home_of_site / "site"


@pytest.fixture(scope="module")
def pages(site):
    """Each page as read by a parser, by its path in the site."""
    return {
        path.relative_to(site).as_posix(): BeautifulSoup(path.read_bytes(), "html.parser")
        for path in site.rglob("*.html")
        if "_static" not in path.parts
    }


def page_of(path):
    return path.relative_to(REPO).with_suffix(".html").as_posix()


# ----------------------------------------------------------------------------------- what was built


def test_it_is_built_without_a_warning(built):
    assert built.returncode == 0, built.stdout + built.stderr
    assert built.stderr == ""  # where Sphinx warns


def test_the_landing_page_leads_to_all(site, pages):
    met, ahead = set(), ["index.html"]
    while ahead:
        if (name := ahead.pop()) in met or name not in pages:
            continue
        met.add(name)
        for link in pages[name].select("main a[href], nav a[href]"):
            target = (site / name).parent / unquote(urlsplit(link["href"]).path)
            ahead.append(Path(os.path.relpath(target, site)).as_posix())
    assert {page_of(path) for path in [*lessons(), *EXERCISES, *DOCUMENTS]} <= met
    assert set(pages) - met == {"search.html"}  # the search box leads there


def test_the_landing_page_says_what_it_takes(pages):
    landing = pages["index.html"].select_one("article")
    text = landing.get_text()
    assert all(part in text for part in ("no API key", "make lab", "make test", "on Binder"))
    assert len(landing.select("table a[href^='notebooks/0']")) == len(lessons())
    assert "RAG + fine-tuned" in landing.select_one("img")["alt"]


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem)
def test_a_lesson_shows_its_stored_outputs(pages, path):
    article = pages[page_of(path)].select_one("article")
    cells = nbformat.read(path, as_version=4).cells
    shown = " ".join(article.get_text().split())
    for output in (output for cell in cells for output in cell.get("outputs", ())):
        if output.output_type == "stream":
            assert " ".join(output.text.split()) in shown
        elif "image/png" in output.data:
            alt = output.metadata["image/png"]["alt"]
            assert article.select_one(f".cell_output img[alt={quoted(alt)}]"), alt
    colab = [cell.source for cell in cells if "colab" in cell.metadata.get("tags", ())]
    assert not any(" ".join(source.split()) in shown for source in colab)


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize("path", [*lessons(), *EXERCISES], ids=page_of)
def test_a_notebook_can_be_opened_elsewhere(pages, path):
    links = {link["href"] for link in pages[page_of(path)].select("a[href]")}
    name = path.relative_to(REPO).as_posix()
    assert {address.colab_url(name), address.binder_url(name)} <= links


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem)
def test_a_lesson_ends_with_its_quiz(pages, path):
    quiz = pages[page_of(path)].select_one("article #check-yourself")
    assert len(quiz.select("details:not([open])")) >= 5
    assert not quiz.select("script")


@pytest.mark.parametrize("path", EXERCISES, ids=page_of)
def test_solutions_are_folded(pages, path):
    article = pages[page_of(path)].select_one("article")
    folded = article.select("details.solution")
    assert sum(bool(solution.select(".cell_input")) for solution in folded) >= 3
    for solution in folded:  # some have the reasoning alone, below a cell that all share
        assert not solution.has_attr("open")
        assert solution.find_parent("section") is solution.parent
        solution.extract()
    assert "# solution" not in article.get_text()
    assert "..." in article.get_text()


def test_no_page_names_this_machine(pages):
    for name, page in pages.items():
        assert str(REPO) not in str(page), name


# ------------------------------------------------------------------------------ the checks can fail

HEAD = '<html><head><link rel="stylesheet" href="site.css"></head><body>'
FAULTY = {
    "a.html: gone.html is not there": '<a href="gone.html">gone</a>',
    "a.html: b.html#z has no such anchor": '<a href="b.html#z">there</a>',
    "a.html: #x has no such anchor": '<a href="#x">here</a>',
    "a.html: no.png is not there": '<img src="no.png" alt="">',
    "a.html: loads https://e.org/x.js": '<script src="https://e.org/x.js"></script>',
    "a.html: loads //e.org/x.png": '<img src="//e.org/x.png">',
    "a.html: loads https://e.org/f": '<link rel="preconnect" href="https://e.org/f">',
    "a.html: loads https://e.org/w": "<style>@import 'https://e.org/w';</style>",
    "a.html: formulas need MathJax": '<span class="math">x</span>',
}


@pytest.fixture
def small(tmp_path):
    (tmp_path / "site.css").write_text("p { background: url(data:image/png;base64,AA) }")
    (tmp_path / "a.html").write_text(
        f'{HEAD}<a href="b.html#y">b</a> <a href="#">up</a> <a href="https://e.org/">web</a>'
    )
    (tmp_path / "b.html").write_text(f'{HEAD}<p id="y">')
    return tmp_path


def test_a_faultless_site_passes(small):
    assert complaints(small) == []


@pytest.mark.parametrize("fault", FAULTY)
def test_each_fault_is_found(small, fault):
    with (small / "a.html").open("a") as page:
        page.write(FAULTY[fault])
    assert [found.startswith(fault) for found in complaints(small)] == [True]


def test_a_font_from_elsewhere_is_found(small):
    with (small / "site.css").open("a") as styles:
        styles.write("@font-face { src: url('https://e.org/f.woff2') }")
    assert complaints(small) == ["site.css: loads https://e.org/f.woff2"]


# --------------------------------------------------------------------------------- parts of the way


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [
        ("00_start_here.ipynb#done", "00_start_here.ipynb#done"),
        ("../data/models.toml", "{}/blob/{}/data/models.toml"),
        ("../README.md#the-lessons", "{}/blob/{}/README.md#the-lessons"),
        ("../data/acme", "{}/tree/{}/data/acme"),
        ("../no/such/file", "../no/such/file"),  # left for Sphinx to complain
        ("https://example.com/data", "https://example.com/data"),
        ("#done", "#done"),
    ],
)
def test_links_to_what_the_site_lacks_lead_to_the_repository(link, leads_to):
    known = {"notebooks/00_start_here.ipynb"}
    found = outwards(f"see [it]({link}), too", "notebooks/01_prompting.ipynb", known)
    assert found == f"see [it]({leads_to.format(address.repository(), address.release())}), too"


def test_contents_name_each_page_once_and_no_empty_caption():
    instructor = ["notebooks/instructor/lesson-00", "notebooks/instructor/plans"]
    listed = contents(["claims", "index", *instructor]).split("\n")
    assert [line for line in listed if "caption" in line] == [
        ":caption: To look up", ":caption: For instructors"
    ]  # fmt: skip
    assert [line for line in listed if line.startswith("notebooks")] == instructor[::-1]


def test_a_solution_stands_folded_under_its_task():
    task = nbf.new_markdown_cell("## A task")
    code = nbf.new_code_cell("k = 3  # solution", outputs=[nbf.new_output("stream", text="3")])
    why = nbf.new_markdown_cell("# Why\nBecause.", metadata={"tags": ["solution"]})
    check = nbf.new_code_cell('check("02.1", k)')
    solution = nbf.new_notebook(cells=[task, code, why, check])
    opened = nbf.new_code_cell("k = ...", id=code.id)
    exercise = nbf.new_notebook(cells=[task, opened, check])

    page = exercise_page(exercise, solution)
    assert [cell.source for cell in page.cells] == [
        "## A task", "k = ...",
        '<details class="solution"><summary>Solution</summary>',
        "k = 3  # solution", "**Why**\nBecause.", "</details>",
        'check("02.1", k)',
    ]  # fmt: skip
    assert page.cells[3].outputs == code.outputs
    assert solution.cells[2].source.startswith("# Why")  # what was given stays as it is


def test_a_page_lacks_the_cell_for_colab():
    first, second = nbf.new_code_cell("install", metadata={"tags": ["colab"]}), nbf.new_code_cell()
    assert lesson_page(nbf.new_notebook(cells=[first, second])).cells == [second]


# ------------------------------------------------------------------------------- in a real browser

FIVE = ["index", "notebooks/00_start_here", "notebooks/exercises/00_start_here",
        "notebooks/glossary", "notebooks/instructor/plans"]  # fmt: skip
# Details only of what is wrong (a notebook has thousands of coloured words); the styles are inline.
AXE = {"resultTypes": ["violations"], "preload": False}
LOOKED_AT = [*FIVE, "notebooks/02_rag_lcel", "claims", "search"]


@pytest.fixture
def opened(site, chromium):
    """Opens pages from the disk; afterwards no host was asked for anything."""
    contexts, asked = [], []

    def open_page(width, scheme):
        viewport = {"width": width, "height": 844}
        contexts.append(chromium.new_context(viewport=viewport, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.on("request", lambda request: asked.append(request.url))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_looked_at_in_a_browser(site, opened, width, scheme):
    artifacts = Path(os.environ.get("COURSE_ARTIFACTS") or settings().home / "artifacts")
    artifacts.mkdir(parents=True, exist_ok=True)
    page, said = opened(width, scheme), []
    page.on("console", lambda message: message.type == "error" and said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    for name in LOOKED_AT:
        page.goto((site / f"{name}.html").as_uri())
        shot = artifacts / f"site-{name.replace('/', '-')}-{width}-{scheme}.png"
        page.screenshot(path=shot)
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        blank = page.evaluate("[...document.images].filter(i => !i.naturalWidth).map(i => i.src)")
        assert blank == [], name
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", background)[:3])) < 200) == (scheme == "dark")
    assert said == []


def test_no_page_scrolls_sideways_on_a_phone(site, pages, opened):
    page = opened(390, "light")
    for name in pages:
        page.goto((site / name).as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(site, opened, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = opened(1280, scheme)
    for name in FIVE:
        page.goto((site / f"{name}.html").as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        result = Axe().run(page, options=AXE).response
        assert len(result["passes"]) > 15, "axe did not run"
        serious = [
            (rule["id"], node["html"])
            for rule in result["violations"]
            if rule["impact"] in ("serious", "critical")
            for node in rule["nodes"]
        ]
        assert serious == [], name


def test_search_works_from_the_disk(site, opened):
    from playwright.sync_api import expect

    page = opened(1280, "light")
    page.goto((site / "search.html").as_uri() + "?q=heatmap")
    found = page.locator("#search-results a[href*='04_lora_gpu']")
    expect(found.first).to_be_visible()
