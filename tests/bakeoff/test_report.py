"""The report as files: complete, escaped, self-contained, sound HTML, and fit to be looked at."""

import json
import os
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from course_utils.bakeoff import figures
from course_utils.bakeoff.report import render, write_report
from course_utils.bakeoff.report_words import dollars, p_value, points, seconds
from course_utils.settings import settings

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)> \"'>&amp; {{ 7 * 7 }} $^{"
VOID = {"meta", "img", "source", "link", "br", "hr", "input"}


def parsed(report):
    return BeautifulSoup(render(report), "html.parser")


def words(tag):
    return " ".join(tag.get_text(" ").split())


def everywhere(value, change, key=""):
    """The report with every text changed, the names that tie its parts together aside."""
    if isinstance(value, dict):
        return {k: everywhere(v, change, k) for k, v in value.items()}
    if isinstance(value, list):
        return [everywhere(v, change, key) for v in value]
    ties = {"name", "a", "b", "measure", "approach", "support"}
    return change(value) if isinstance(value, str) and key not in ties else value


def without_values(report):
    """The report of a run in which nothing could be judged or priced."""
    for row in report["approaches"]:
        for key in ("correct", "ci_low", "ci_high", "f1", "similarity", "grounded", "cites",
                    "abstains", "style", "style_low", "style_high", "usd_per_1000"):  # fmt: skip
            row[key] = None
        row |= {"kinds": {}, "failures": {}}
    return report | {"paired": [], "recommendation": None, "examples": [], "priced_as": ""}


def strained(report):
    """Six approaches with names that do not break, long texts, kinds that nobody planned."""
    rows = report["approaches"]
    rows.append(rows[1] | {"name": "rag_few_shot", "usd_per_1000": None})
    for number, row in enumerate(rows):
        row["title"] = f"Approach{number}" + ("WithoutSpaces" * 6 if number % 2 else " long" * 16)
        row["kinds"] = {"k" * 60: row["kinds"]["single"]}
        row["failures"] = {"an unforeseen reason " * 4: 1234, "x" * 70: 5}
    report["questions"]["kinds"] = {"k" * 60: 25}
    report["about"]["command"] = "course bakeoff --docs " + "/folder" * 40
    report["documents"]["folder"] = "folder" * 30
    report["examples"][0]["question"] = "word" * 100
    report["examples"][0]["answers"]["rag"]["text"] = "no-break" * 80
    report["examples"][0]["answers"]["rag"]["sources"] = ["s" * 90]
    report["recommendation"]["reasons"] = ["r" * 300]
    return report


# ---------------------------------------------------------------------------------------- the files


def test_writes_both_files_and_nothing_else(report, tmp_path):
    page = write_report(report, tmp_path / "new" / "out")
    assert page == tmp_path / "new" / "out" / "report.html"
    assert sorted(p.name for p in page.parent.iterdir()) == ["report.html", "report.json"]
    assert json.loads((page.parent / "report.json").read_text(encoding="utf-8")) == report
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_same_report_gives_the_same_page(report):
    assert render(report) == render(report)


def test_page_needs_nothing_but_itself(report):
    page = render(report)
    assert "<script" not in page and "@import" not in page and "url(" not in page
    for tag in BeautifulSoup(page, "html.parser").find_all(True):
        for name in ("src", "srcset", "href", "data", "action", "style"):
            address = tag.get(name, "#")
            assert address.startswith(("#", "data:image/svg+xml;base64,")), address[:80]


def test_stays_under_a_megabyte_whatever_the_answers(report):
    example = report["examples"][0]
    for answer in example["answers"].values():
        answer["text"] = "ünicode & <b> " * 2000
    report["examples"] = [example] * 300
    page = render(report)
    assert len(page.encode()) < 1_000_000
    assert "The first 40 of 300 examples" in page
    assert "(whole in report.json)" in page


# ------------------------------------------------------------------------------- sound HTML


class Nesting(HTMLParser):
    """Fails on a tag that is not closed, or closed in the wrong order."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, self.getpos()


@pytest.mark.parametrize("change", [dict, without_values, strained])
def test_sound_html(report, change):
    page = render(change(report))
    nesting = Nesting()
    nesting.feed(page)
    assert nesting.open == []

    soup = BeautifulSoup(page, "html.parser")
    assert soup.html["lang"] == "en" and soup.title.get_text(strip=True)
    levels = [int(h.name[1]) for h in soup.find_all(["h1", "h2", "h3", "h4", "h5", "h6"])]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels
    ids = [tag["id"] for tag in soup.find_all(id=True)]
    assert len(ids) == len(set(ids))
    named = [tag["aria-labelledby"] for tag in soup.find_all(attrs={"aria-labelledby": True})]
    linked = [a["href"].removeprefix("#") for a in soup.find_all("a")]
    assert {*named, *linked} <= set(ids)
    assert all(th.get("scope") in {"col", "row"} for th in soup.find_all("th"))
    for table in soup.find_all("table"):
        widths = {len(row.find_all(["th", "td"])) for row in table.find_all("tr")}
        assert len(widths) == 1
    assert all(len(image["alt"]) > 40 for image in soup.find_all("img"))


def test_sections_come_in_the_order_of_the_busy_reader(report):
    report["examples"] *= 2
    assert [h.get_text() for h in parsed(report).find_all("h2")] == [
        "Recommendation",
        "The approaches side by side",
        "Cost against right answers",
        "Which differences are real",
        "By kind of question",
        "Where each approach fails",
        "How it was measured",
    ]


# ---------------------------------------------------------------------------------- what it says


def test_recommendation_with_its_reasons(report):
    tag = parsed(report).find(class_="box")
    box = words(tag)
    assert "Use RAG + fine-tuned . confidence: medium Why medium: the test says so." in box
    assert "RAG + fine-tuned got 45% right. Style must be" in box
    assert "Style must be consistent. in the course: holds Tuned models kept it." in box
    assert "Facts change every month." in box
    assert "Fewer than 500 examples. in the course: does not hold" in box
    assert "If style did not matter: RAG." in box and "A day of work" in box
    assert words(tag.code) == "course bakeoff"


def test_title_of_a_recommended_variant_goes_before_the_approach(report):
    report["recommendation"]["title"] = "RAG + fine-tuned without context"
    page = parsed(report)
    assert "Use RAG + fine-tuned without context ." in words(page.find(class_="box"))
    rows = page.find("table", class_="cards").tbody.find_all("tr")
    assert ["recommended" in words(row) for row in rows] == [False, False, False, False, True]


def test_without_recommendation_it_says_what_is_missing(report):
    box = words(parsed(report | {"recommendation": None}).find(class_="box"))
    assert "No recommendation yet" in box
    assert "course decide --bakeoff report.json" in box
    assert "second approach" not in box

    alone = report | {"recommendation": None, "approaches": report["approaches"][:1], "paired": []}
    assert "second approach" in words(parsed(alone).find(class_="box"))


def test_recommended_approach_that_was_not_measured_has_a_name(report):
    report["approaches"] = report["approaches"][:2]
    del report["recommendation"]["title"]
    assert "Use RAG + fine-tuned ." in words(parsed(report).find(class_="box"))


def test_one_row_per_approach_with_all_measures(report):
    table = parsed(report).find("table", class_="cards")
    row = table.tbody.find_all("tr")[1]
    assert [words(cell) for cell in row.find_all(["th", "td"])] == [
        "RAG", "50% [40%, 60%]", "50%", "20%", "0% [0%, 10%]", "1.25 (p95 2.50)", "0.031",
        "340 read, 48 written", "$0.080",
    ]  # fmt: skip
    assert "priced as Hosted test model" in words(table.caption)
    assert "recommended" in words(table.tbody.find_all("tr")[3])


def test_missing_values_are_dashes_with_a_reason(report):
    page = parsed(without_values(report))
    cells = page.find("table", class_="cards").tbody.tr.find_all("td")
    assert [words(cell) for cell in cells[:4]] == ["– 1", "– 2", "– 3", "– 4"]
    assert "Keeps the style: no style guide was given." in words(page.find(id="note-4"))
    assert "Nothing was compared" in words(page)
    assert not {"None", "nan", "None%", "nan%"} & set(words(page).split())
    assert not page.find_all("img")


def test_differences_in_words_better_one_first(report):
    section = words(parsed(report).find(id="differences").parent)
    assert "RAG over Prompt with examples: +45 points [+25, +65] , p < 0.001" in section
    assert "RAG and RAG + fine-tuned: no difference found (+5 points [−10, +20]" in section
    assert "RAG + fine-tuned over RAG: +95 points" in section


def test_few_questions_that_happen_to_agree_are_no_proof(report):
    report["paired"][0] |= {"low": -1.0, "high": -1.0, "difference": -1.0, "p": 0.4911, "n": 2}
    section = words(parsed(report).find(id="differences").parent)
    assert "RAG and Prompt with examples: no difference found (+100 points" in section


def test_says_what_the_prompt_is_shown_and_counts_one_difference(report):
    report["paired"] = report["paired"][:1]
    page = parsed(report)
    caption = words(page.find("table", class_="cards").caption)
    assert "Prompt with examples is shown no documents" in caption
    assert "1 difference was tested" in words(page.find(id="method").parent)


def test_outcomes_and_answers_stand_side_by_side(report):
    section = parsed(report).find(id="failures").parent
    rows = {words(r.th): [words(d) for d in r.find_all("td")] for r in section.tbody.find_all("tr")}
    assert list(rows) == ["right", "not found", "wrong", "invented"]
    assert rows["wrong"] == ["16", "0", "16", "0", "0"]
    assert "retrieval failed" in words(section)
    answers = [words(answer) for answer in section.find_all(class_="answer")]
    assert answers[0] == "Prompt with examples · wrong Hello. Five years."
    assert answers[1] == "RAG · right Two test years. Shown: warranty"
    assert answers[3] == "RAG + fine-tuned · not scored (empty) Shown: a, b"
    assert "right: RAG" in words(section.details.summary)


def test_tells_how_it_was_measured(report):
    section = words(parsed(report).find(id="method").parent)
    for text in ("tests/handbook: 14 files, 60 passages", "tests/questions.jsonl: 25", "20 answer",
                 "two documents 5", "2000-01-01", "Python 3.11.0, test-package 0.0", "pytest",
                 "this report belongs to a test", "±10 percentage points", "3 differences were",
                 "one machine", "local model is free", "Cosine of the embeddings"):  # fmt: skip
        assert text in section, text


def test_texts_of_strangers_stay_texts(report):
    page = parsed(everywhere(report, lambda text: text + EVIL))
    assert not page.find_all("script") and not page.find_all(onerror=True)
    assert not page.find_all("img", src="x")
    told = words(page)
    for text in ("Hello. Five years.", "test item number 7?", "tests/questions.jsonl", "warranty",
                 "Two test years.", "tests/handbook", "Tuned models kept it.", "pytest",
                 "this report belongs to a test."):  # fmt: skip
        assert text + EVIL in told, text
    assert all(EVIL in image["alt"] for image in page.find_all("img"))


def test_one_approach_alone(report):
    report |= {"approaches": report["approaches"][:1], "paired": []}
    page = parsed(report)
    assert "1 approach, 25 questions" in words(page.h1)
    assert len(page.find_all("img")) == 4


@pytest.mark.parametrize(
    "written, expected",
    [
        (seconds(0.0), "0"), (seconds(0.0312), "0.031"), (seconds(1.254), "1.25"),
        (seconds(75.4), "75"), (seconds(None), "–"),
        (dollars(0.0473), "$0.047"), (dollars(1234.5), "$1,234.50"), (dollars(0.0), "$0.00"),
        (points(0.304), "+30"), (points(-0.18), "−18"), (points(-0.001), "0"),
        (p_value(0.0004), "p < 0.001"), (p_value(0.012), "p = 0.012"), (p_value(0.62), "p = 0.62"),
    ],
)  # fmt: skip
def test_figures_as_text(written, expected):
    assert written == expected


# ------------------------------------------------------------------------------------ the figures


def test_figures_draw_what_the_alt_text_says(report):
    figure, alt = figures.scores_by_approach(report)
    bars = [bar.get_width() for bar in figure.axes[0].patches]
    assert bars == pytest.approx([5, 50, 0, 45, 20])
    assert alt.startswith("Right answers, of the answerable questions: Prompt with examples 5% [0%")

    _, alt = figures.scores_by_approach(report, "style")
    assert "Fine-tuned 100% [90%, 100%]" in alt

    figure, alt = figures.cost_against_quality(report)
    assert figure.axes[0].get_xlabel() == "US dollars per 1,000 answers"
    assert "RAG $0.080, 50% [40%, 60%] right" in alt

    figure, alt = figures.scores_by_kind(report)
    assert len(figure.axes[0].containers) == 5 * 4
    assert "unanswerable (refused): Prompt with examples 5%" in alt


def test_cost_is_in_tokens_where_a_price_is_missing(report):
    report["approaches"][0]["usd_per_1000"] = None
    figure, alt = figures.cost_against_quality(report)
    assert figure.axes[0].get_xlabel() == "tokens per answer, in and out"
    assert "RAG 388 tokens" in alt


# ------------------------------------------------------------------------------- in a real browser

PICTURES = "[...document.images].map(i => [i.naturalWidth, i.clientWidth, i.alt])"
CONTRASTS = """() => {
  const parts = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = rgb => rgb.slice(0, 3).map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = tag => {
    for (; tag; tag = tag.parentElement) {
      const rgb = parts(getComputedStyle(tag).backgroundColor);
      if (rgb.length === 3 || rgb[3] > 0) return rgb;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const tag = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
    if (!text || !tag.getClientRects().length) continue;
    const pair = [parts(getComputedStyle(tag).color), behind(tag)].map(light);
    found.push([(Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05), text]);
  }
  return found;
}"""


@pytest.mark.parametrize("change", [dict, strained, without_values])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_looked_at_in_a_browser(report, chromium, tmp_path, width, scheme, change):
    artifacts = Path(os.environ.get("COURSE_ARTIFACTS") or settings().home / "artifacts")
    address = write_report(change(report), tmp_path).as_uri()
    context = chromium.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, java_script_enabled=False
    )
    page, asked, said = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    shot = page.screenshot(full_page=True)
    for state in ("folded", "unfolded"):
        fits = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert fits, f"scrolls sideways when {state}"
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    pictures = page.evaluate(PICTURES)
    faint = [pair for pair in page.evaluate(CONTRASTS) if pair[0] < 4.5]
    context.close()

    assert [url for url in asked if not url.startswith("data:")] == [address]
    assert said == []
    assert faint == []
    assert len(pictures) == (0 if change is without_values else 4)
    assert all(natural > 0 and shown > 250 and alt for natural, shown, alt in pictures)
    if change is dict:
        artifacts.mkdir(parents=True, exist_ok=True)
        (artifacts / f"bakeoff-report-{width}-{scheme}.png").write_bytes(shot)
