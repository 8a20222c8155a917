"""The instructor kit adds up: minutes, clock times, sections, links."""

import json
import re
import tomllib
from datetime import datetime, timedelta

import pytest

from course_utils.settings import NOTEBOOKS, REPO
from course_utils.teach.cells import prose
from course_utils.teach.kit import KIT, stated_minutes, tables, timing
from course_utils.teach.run import lessons
from course_utils.teach.structure import page_complaints

PLANS = (KIT / "plans.md").read_text(encoding="utf-8")
PLAN = re.compile(r"^## (.+): (\d+) minutes, (\d+:\d\d) to (\d+:\d\d)$", re.MULTILINE)
KINDS = {"set-up", "teach", "exercise", "quiz", "break", "discussion"}
# An exercise's tasks, as a plan names them, and what a notebook says of each.
TASKS = re.compile(r"(\d\d)\.(\d) (?:to|and) \1\.(\d) \((\d+) minutes\)")
TASK = re.compile(r"^## (\d\d\.\d) · ([\w-]+): .+\n+\*(\d+) minutes\.\*", re.MULTILINE)
SHOWING = 5  # minutes for one pair's solution, in the plan that has the exercises of each lesson
# A lesson's page has these parts, in this order.
PARTS = [
    "Before you start",
    "Timing",
    "Key points",
    "Misconceptions to listen for",
    "Questions for the room",
    "What goes wrong, and the cure",
    "If short of time",
]
NOT_TAUGHT = {"Check yourself"}  # a step of its own


def plans():
    """Heading, minutes, start, end and steps of each plan."""
    headings = PLAN.findall(PLANS)
    assert len(headings) == PLANS.count("\n## "), "a plan's heading lacks minutes or times"
    assert len(headings) == len(tables(PLANS))
    return [(*heading, steps) for heading, steps in zip(headings, tables(PLANS), strict=True)]


STEPS = [(name, step) for name, *_, steps in plans() for step in steps]


def sections(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return re.findall(r"^## (.+)$", prose(notebook), re.MULTILINE)


def lesson_of(step):
    return re.search(r"\(lesson-(\d\d)\.md\)", step["step"])[1]


def notebook_of(lesson):
    return next(path for path in lessons() if path.name.startswith(lesson))


@pytest.mark.parametrize("plan", plans(), ids=lambda plan: plan[0])
def test_minutes_and_clock_times_agree(plan):
    _, minutes, start, end, steps = plan
    now = datetime.strptime(start, "%H:%M")
    for step in steps:
        assert step["start"] == f"{now.hour}:{now.minute:02}", step["step"]
        assert step["kind"] in KINDS
        now += timedelta(minutes=int(step["minutes"]))
    assert f"{now.hour}:{now.minute:02}" == end
    assert sum(int(step["minutes"]) for step in steps) == int(minutes)


@pytest.mark.parametrize("plan", plans(), ids=lambda plan: plan[0])
def test_nobody_sits_long_without_a_break(plan):
    since = 0
    for step in plan[-1]:
        since = 0 if step["kind"] == "break" else since + int(step["minutes"])
        assert since <= 105, step["step"]


@pytest.mark.parametrize("plan", plans(), ids=lambda plan: plan[0])
def test_lunch_cuts_no_lesson_in_two(plan):
    """The endpoint ends after 30 idle minutes, and what a lesson made before keeps its address."""
    before, taught = set(), set()
    for step in plan[-1]:
        if step["kind"] == "break" and int(step["minutes"]) >= 30:
            before = set(taught)
        elif step["kind"] == "teach":
            assert lesson_of(step) not in before, step["step"]
            taught.add(lesson_of(step))


@pytest.mark.parametrize(
    "step",
    [step for _, step in STEPS if step["kind"] == "teach"],
    ids=lambda step: f"{step['start']} {step['step'][:11]}",
)
def test_a_taught_step_has_the_minutes_of_its_lesson_or_sections(step):
    lesson = lesson_of(step)
    minutes = {row["section"]: int(row["minutes"]) for row in timing(lesson)}
    whole = step["sections"] == "whole"
    wanted = list(minutes) if whole else step["sections"].split("; ")
    assert sum(minutes[name] for name in wanted) == int(step["minutes"])


def test_every_lesson_is_taught_whole_in_two_days():
    taught = {}
    for name, step in STEPS:
        if name.startswith("Two days") and step["kind"] == "teach":
            lesson = lesson_of(step)
            minutes = taught.get(lesson, 0) + int(step["minutes"])
            taught[lesson] = minutes
    assert taught == {path.name[:2]: stated_minutes(path) for path in lessons()}


EXERCISES = [(n, s) for n, s in STEPS if s["kind"] == "exercise" and s["sections"] != "own"]


def tasks_of(step):
    """(tier, minutes) of each task that a step names, and the sum that it states."""
    path = re.search(r"\(\.\./exercises/(\d\d_\w+\.ipynb)\)", step["step"])[1]
    text = prose(json.loads((NOTEBOOKS / "exercises" / path).read_text(encoding="utf-8")))
    tasks = {task: (tier, int(minutes)) for task, tier, minutes in TASK.findall(text)}
    lesson, first, last, stated = TASKS.fullmatch(step["sections"]).groups()
    assert path.startswith(lesson)
    named = [tasks[f"{lesson}.{number}"] for number in range(int(first), int(last) + 1)]
    return named, int(stated)


@pytest.mark.parametrize(("name", "step"), EXERCISES, ids=lambda value: str(value)[:30])
def test_the_tasks_of_an_exercise_fit_their_slot(name, step):
    named, stated = tasks_of(step)
    assert sum(minutes for _, minutes in named) == stated
    showing = SHOWING if name.startswith("Two days") else 0
    assert stated + showing <= int(step["minutes"])


def test_two_days_have_all_exercises_but_the_stretch():
    named = [tasks_of(step)[0] for name, step in EXERCISES if name.startswith("Two days")]
    assert len(named) == len(lessons())
    for tasks in named:
        assert [tier for tier, _ in tasks] == ["Warm-up", "Core", "Core", "Core"]


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.name[:2])
def test_a_lessons_page_names_its_sections_and_fills_its_minutes(path):
    rows = timing(path.name[:2])
    assert [row["section"] for row in rows] == [
        name for name in sections(path) if name not in NOT_TAUGHT
    ]
    assert sum(int(row["minutes"]) for row in rows) == stated_minutes(path)
    assert all(row["say, show, ask"] for row in rows)


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.name[:2])
def test_a_lessons_page_is_complete(path):
    text = (KIT / f"lesson-{path.name[:2]}.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS
    assert f"(../{path.name})" in text
    assert f"{stated_minutes(path)} minutes" in text
    assert "**Purpose.**" in text
    _, questions, cures = tables(text)
    assert all(row["ask"] and row["expect"] for row in questions)
    assert all(row["sign"] and row["cure"] for row in cures)


def test_pages_and_links():
    pages = sorted(KIT.glob("*.md"))
    overview = (KIT / "README.md").read_text(encoding="utf-8")
    for page in pages:
        assert page_complaints(page) == [], page.name
        assert page.name == "README.md" or f"({page.name})" in overview


def test_the_stick_carries_what_setup_installs():
    course = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["course"]
    page = (KIT / "no-wifi.md").read_text(encoding="utf-8")
    assert f'".[{",".join(course["extras"])}]"' in page
    assert course["torch"] in page


def test_a_table_with_a_missing_cell_is_refused():
    with pytest.raises(ValueError, match="zip"):
        tables("| a | b |\n|---|---|\n| 1 |\n")
    assert tables("text\n\n| a | b |\n|---|---|\n| 1 | |\n\nmore") == [[{"a": "1", "b": ""}]]
