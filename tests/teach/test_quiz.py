"""The quizzes: their data, the page that unfolds, the form, and what the lessons store of them."""

import json
import tomllib
from collections import Counter

import ipywidgets
import nbformat
import nbformat.v4 as v4
import pytest
from bs4 import BeautifulSoup

from course_utils.errors import CourseError
from course_utils.settings import NOTEBOOKS
from course_utils.teach import evidence, progress, quiz, run, tidy
from course_utils.teach.cells import code_cells, prose, source

LESSONS = {path.name[:2]: path for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))}
QUESTIONS = [question for lesson in LESSONS for question in quiz.load_quiz(lesson).questions]
# Numbers that a question supposes or works out; all others stand in its lesson.
SUPPOSED = {
    "00.q3": {"2000"},
    "01.q3": {"15%"},
    "01.q4": {"99%", "20%"},
    "02.q4": {"900", "180"},
}
each_lesson = pytest.mark.parametrize("lesson", LESSONS)


def right_one(question):
    return next(place for place, option in enumerate(question.options) if option.right)


# ------------------------------------------------------------------------------------- the data

GOOD = """
[[question]]
id = "07.q{number}"
text = "Why?"
[[question.option]]
text = "a"
why = "It is so."
right = true
[[question.option]]
text = "b"
why = "It is not."
[[question.option]]
text = "c"
why = "Nor is this."
"""
BAD = {
    "0 options are right": ("right = true", ""),
    "2 options are right": ('why = "It is not."', 'why = "It is not."\nright = true'),
    "option.1.why Field required": ('why = "It is not."', ""),
    "option.2.why String should have at least 1": ("Nor is this.", ""),
    "two options read the same": ('text = "c"', 'text = "b"'),
    "Tuple should have at least 3": ('[[question.option]]\ntext = "c"\nwhy = "Nor is this."', ""),
    "the ids are 07.q1, 07.q1": ('id = "07.q2"', 'id = "07.q1"'),
    "the ids are 06.q1": ('id = "07.q1"', 'id = "06.q1"'),
    "option.0.correct Extra inputs": ("right = true", "correct = true"),
    "Expected '=' after a key": ('text = "Why?"', "text"),
}


def written(folder, text):
    (folder / "07.toml").write_text(text, encoding="utf-8")
    return folder


def five():
    return "".join(GOOD.format(number=number) for number in range(1, 6))


def test_a_good_file_is_read(tmp_path):
    questions = quiz.load_quiz("07", written(tmp_path, five())).questions
    assert [question.id for question in questions] == [f"07.q{n}" for n in range(1, 6)]
    assert [option.right for option in questions[0].options] == [True, False, False]


@pytest.mark.parametrize("complaint", BAD)
def test_a_file_that_breaks_a_rule_is_refused_by_name(tmp_path, complaint):
    broken = five().replace(*BAD[complaint], 1)
    with pytest.raises(CourseError) as error:
        quiz.load_quiz("07", written(tmp_path, broken))
    assert complaint in error.value.what and "data/quizzes/07.toml" in error.value.what


def test_four_questions_are_too_few_and_no_file_says_which_there_are(tmp_path):
    few = five()[: five().rindex("[[question]]")]
    with pytest.raises(CourseError, match="at least 5"):
        quiz.load_quiz("07", written(tmp_path, few))
    with pytest.raises(CourseError, match="no quiz for lesson '08'") as error:
        quiz.load_quiz("08", tmp_path)
    assert "07" in error.value.cure


def test_the_right_option_cannot_be_told_by_its_place():
    places = Counter(map(right_one, QUESTIONS))
    assert set(places) == {0, 1, 2, 3}
    assert max(places.values()) <= 0.35 * len(QUESTIONS)
    for lesson in LESSONS:
        inside = Counter(right_one(q) for q in quiz.load_quiz(lesson).questions)
        assert max(inside.values()) <= len(quiz.load_quiz(lesson).questions) / 2, lesson


def test_the_right_option_cannot_be_told_by_its_length():
    longest = shortest = 0
    for question in QUESTIONS:
        lengths = [len(option.text) for option in question.options]
        assert max(lengths) <= 1.5 * min(lengths), question.id
        longest += lengths[right_one(question)] == max(lengths)
        shortest += lengths[right_one(question)] == min(lengths)
    for count in (longest, shortest):
        assert 0.1 <= count / len(QUESTIONS) <= 0.4


@each_lesson
def test_each_option_has_a_reason_of_its_own(lesson):
    reasons = [o.why for q in quiz.load_quiz(lesson).questions for o in q.options]
    assert len(set(reasons)) == len(reasons)
    assert all(len(reason.split()) >= 8 for reason in reasons)


@each_lesson
def test_what_a_question_shows_was_printed_by_its_lesson(lesson):
    printed = evidence._squeeze("\n".join(evidence._outputs(LESSONS[lesson])))
    shown = [q.shows for q in quiz.load_quiz(lesson).questions if q.shows]
    assert shown, "one question at least has the learner read what was printed"
    for line in "\n".join(shown).splitlines():
        assert evidence._squeeze(line).strip() in printed


@each_lesson
def test_numbers_in_a_question_stand_in_its_lesson(lesson):
    notebook = json.loads(LESSONS[lesson].read_text(encoding="utf-8"))
    alts = [
        about.get("alt", "")
        for cell in code_cells(notebook)
        for output in cell["outputs"]
        for about in output.get("metadata", {}).values()
    ]
    texts = [prose(notebook), *map(source, code_cells(notebook)), *alts]
    texts += evidence._outputs(LESSONS[lesson])
    known = {number.rstrip("%") for text in texts for number in evidence.numbers(text)}
    for question in quiz.load_quiz(lesson).questions:
        # A wrong option may well say a wrong number.
        said = [question.text, question.options[right_one(question)].text]
        said += [option.why for option in question.options]
        found = set(evidence.numbers(" ".join(said))) - SUPPOSED.get(question.id, set())
        assert {number for number in found if number.rstrip("%") not in known} == set(), question.id


# ------------------------------------------------------------------------------------- the page


@each_lesson
def test_the_page_holds_everything_and_runs_nothing(lesson):
    page = BeautifulSoup(quiz.as_html(lesson), "html.parser")
    questions = quiz.load_quiz(lesson).questions
    assert not page.find(["script", "iframe", "img", "link"])
    assert not [name for tag in page.find_all() for name in tag.attrs if name.startswith("on")]
    assert [tag.name for tag in page.find_all(["h1", "h2", "h3", "h4"])] == ["h3"] * len(questions)
    folded = page.find_all("details")
    options = [option for question in questions for option in question.options]
    assert len(folded) == len(options)
    for box, option in zip(folded, options, strict=True):
        assert box.summary.get_text() == option.text.replace("`", "")
        assert not box.has_attr("open")
        reason = box.p.get_text()
        assert reason.startswith("✓ Right." if option.right else "✗ Not right.")
        assert option.why.replace("`", "") in reason
    assert len(page.find_all("pre")) == sum(bool(question.shows) for question in questions)


def test_what_a_question_says_is_shown_as_text(tmp_path, monkeypatch):
    text = five().replace("Why?", "Is `<b>` <script>alert(1)</script>?")
    monkeypatch.setattr(quiz.load_quiz, "__defaults__", (written(tmp_path, text),))
    assert "<script" not in quiz.as_html("07")
    assert "<code>&lt;b&gt;</code> &lt;script&gt;" in quiz.as_html("07")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_by_keyboard_in_a_browser(chromium, scheme):
    context = chromium.new_context(
        java_script_enabled=False, color_scheme=scheme, viewport={"width": 390, "height": 800}
    )
    page = context.new_page()
    page.set_content(f"<meta name=color-scheme content='light dark'>{quiz.as_html('02')}")
    first = quiz.load_quiz("02").questions[0]
    reason = page.get_by_text(first.options[1].why)
    assert not reason.is_visible()
    page.keyboard.press("Tab")  # what the question shows
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert reason.is_visible()
    page.keyboard.press("Space")
    assert not reason.is_visible()
    # On a telephone it is as wide as the screen; what is printed scrolls in itself.
    assert page.locator(".course-quiz").bounding_box()["width"] <= 390
    context.close()


# ------------------------------------------------------------------------------------- the form


@pytest.fixture
def form(home):
    """The form of lesson 02: its radio buttons, each with its reason, and the score."""
    parts = quiz.form(quiz.load_quiz("02")).children
    found = [n for n, part in enumerate(parts) if isinstance(part, ipywidgets.RadioButtons)]
    return [(parts[n], parts[n + 1]) for n in found], parts[-1]


def test_choosing_shows_the_reason_and_counts_what_is_right(form):
    asked, score = form
    questions = quiz.load_quiz("02").questions
    for (choice, reason), question in zip(asked, questions, strict=True):
        assert choice.value is None and reason.value == ""
        assert list(choice.options) == [option.text for option in question.options]
    assert "0 of 8" in score.value
    (choice, reason), question = asked[0], questions[0]
    choice.value = question.options[0].text
    assert "Not right." in reason.value and question.options[0].why in reason.value
    assert "0 of 8" in score.value and not progress._recorded()
    choice.value = question.options[1].text
    assert "✓ Right." in reason.value and question.options[1].why in reason.value
    assert "1 of 8" in score.value
    assert progress._recorded() == {("quiz", "02.q1")}
    choice.value = question.options[0].text  # looking at another reason costs nothing
    assert "Not right." in reason.value and "1 of 8" in score.value


def test_all_right_is_all_counted(form):
    asked, score = form
    for (choice, _), question in zip(asked, quiz.load_quiz("02").questions, strict=True):
        choice.value = question.options[right_one(question)].text
    assert "8 of 8" in score.value
    assert len(progress._recorded()) == 8


def test_a_notebook_gets_the_form_and_the_page_in_one_output(home, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    quiz.quiz("02")
    (data,) = shown
    assert set(data) == {tidy.WIDGET, "text/html", "text/plain"}
    assert data[tidy.WIDGET]["model_id"]


def test_a_run_saves_the_page_and_not_the_form(tmp_path, home):
    made = v4.new_notebook(cells=[v4.new_code_cell("from course_utils.teach.quiz import quiz\n")])
    made.cells[0].source += 'quiz("02")'
    nbformat.write(made, path := tmp_path / "check.ipynb")
    assert run.execute(path, save=True).ok
    (output,) = nbformat.read(path, as_version=4).cells[0].outputs
    assert set(output.data) == {"text/html", "text/plain"}
    assert output.data["text/html"] == quiz.as_html("02")
    assert not (home / "progress.jsonl").exists()


# ---------------------------------------------------------------------------------- the lessons


@each_lesson
def test_each_lesson_ends_with_its_quiz_and_where_to_go_on(lesson):
    *_, heading, cell, links = json.loads(LESSONS[lesson].read_text(encoding="utf-8"))["cells"]
    assert source(heading).startswith("## Check yourself\n")
    assert source(cell).endswith(f'quiz("{lesson}")')
    assert f"(exercises/{LESSONS[lesson].name})" in source(links)
    following = LESSONS.get(f"{int(lesson) + 1:02}")
    assert following is None or f"({following.name})" in source(links)


def test_the_lessons_store_the_pages_of_today(tmp_path):
    for path in LESSONS.values():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert quiz.store(tmp_path) == [], "`python -m course_utils.teach.quiz` stores them"


def test_a_page_that_is_out_of_date_is_stored_anew(tmp_path):
    old = LESSONS["02"].read_text(encoding="utf-8").replace("✓ Right.", "Right!")
    (tmp_path / LESSONS["02"].name).write_text(old, encoding="utf-8")
    assert quiz.store(tmp_path) == [LESSONS["02"].name]
    assert (tmp_path / LESSONS["02"].name).read_bytes() == LESSONS["02"].read_bytes()


def test_every_file_belongs_to_a_lesson():
    assert {path.stem for path in quiz.QUIZZES.iterdir()} == set(LESSONS)
    for path in quiz.QUIZZES.iterdir():
        assert set(tomllib.loads(path.read_text(encoding="utf-8"))) == {"question"}
