"""Progress: kept on this machine, survives a broken line, says where to go on."""

import json

import pytest
from typer.testing import CliRunner

from course_utils.cli import app
from course_utils.teach import progress
from course_utils.teach.run import QUIET


def everything_of(lesson):
    return sorted(progress._items(lesson))


def test_nothing_is_done_at_first(home):
    report = progress.report()
    assert report["done"] == 0
    assert report["next"] == "00"
    assert all(lesson["total"] >= 8 for lesson in report["lessons"])  # 3 exercises, 5 questions
    assert not home.exists(), "looking writes nothing"


def test_a_finished_lesson_leads_to_the_next(home):
    for kind, name in everything_of("00"):
        progress.record(kind, name)
        progress.record(kind, name)  # a second time changes nothing
    assert len((home / "progress.jsonl").read_text().splitlines()) == len(everything_of("00"))
    report = progress.report()
    assert report["lessons"][0]["done"] == report["lessons"][0]["total"]
    assert report["next"] == "01"
    assert "Go on with lesson 01." in progress.as_text()


def test_all_done_names_the_capstone(home):
    for lesson in progress.lessons():
        for kind, name in everything_of(lesson.number):
            progress.record(kind, name)
    assert progress.report()["next"] is None
    assert "your own documents" in progress.as_text()


def test_a_line_cut_short_and_a_removed_exercise_are_passed_over(home):
    progress.record("exercise", "00.1")
    progress.record("exercise", "00.99")
    with (home / "progress.jsonl").open("a") as file:
        file.write('{"kind": "exer\nnull\n')
    assert progress.report()["done"] == 1


def test_what_the_checks_solve_does_not_count(home, monkeypatch):
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    progress.record("exercise", "00.1")
    assert not home.exists()


def test_only_known_kinds(home):
    with pytest.raises(ValueError, match="exercise, quiz"):
        progress.record("lesson", "00")


def test_the_command(home):
    progress.record("exercise", "00.1")
    run = CliRunner().invoke
    assert json.loads(run(app, ["progress", "--json"]).output)["done"] == 1
    shown = run(app, ["progress"]).output
    assert "00 · Start here" in shown
    assert " 1 of " in shown
    assert json.loads(run(app, ["progress", "--reset", "--json"]).output)["done"] == 0


def test_the_bar_in_a_notebook_is_labelled(home):
    progress.record("exercise", "00.1")
    html = progress._as_html()
    assert 'value="1"' in html
    assert 'aria-label="00 · Start here"' in html
