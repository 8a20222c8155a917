"""What every exercise does: open, not yet, done; hints; never an exception for a wrong answer."""

import pytest

from course_utils.errors import CourseError
from course_utils.teach import progress
from course_utils.teach.exercises import check, core, hint
from course_utils.teach.exercises.core import NotYet, call, exercise, number, wanted


@pytest.fixture
def doubling(home, monkeypatch):
    """An exercise of a lesson that the course does not have."""
    monkeypatch.setattr(core, "_exercises", dict(core._exercises))

    @exercise("99.1", "warm-up", goal="Write `double`.", hints=("Twice.", "Times two.", "n * 2"))
    def judge(function):
        for n in (1, 2.5):
            result = number(call(function, n), "what it returns")
            wanted(result == 2 * n, f"with {n} it returns {result:g}")
        return "twice is twice"


def said(capsys):
    return capsys.readouterr().out


def test_an_untouched_answer_is_open_and_names_the_task(doubling, capsys):
    check("99.1", ...)
    assert said(capsys) == '99.1 is open: Write `double`.\nFor help: hint("99.1")\n'


@pytest.mark.parametrize("untouched", [[1, ...], {"a": ...}, ([...],), lambda n: ...])
def test_a_gap_anywhere_in_the_answer_is_open(doubling, capsys, untouched):
    check("99.1", untouched)
    assert "is open" in said(capsys)


def test_a_right_answer_is_done_and_remembered(doubling, capsys):
    check("99.1", lambda n: n * 2)
    assert said(capsys) == "99.1 done: twice is twice\n"
    assert ("exercise", "99.1") in progress._recorded()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda n: n + 1, "with 2.5 it returns 3.5"),
        (lambda n: None, "is the `return` missing?"),
        (lambda n: str(n), "what it returns is to be a number, this is a str ('1')"),
        (lambda n: True, "this is a bool (True)"),
        (lambda n: 1 / 0, "with (1) your function stops with ZeroDivisionError: division by zero"),
        (lambda: 2, "TypeError"),
        (4, "a function is wanted, this is an int (4)"),
    ],
)
def test_a_wrong_answer_is_told_what_is_wrong(doubling, capsys, answer, message):
    check("99.1", answer)
    told = said(capsys)
    assert told.startswith("99.1 not yet: ")
    assert message in told
    assert ("exercise", "99.1") not in progress._recorded()


def test_an_answer_that_the_judge_cannot_take_is_no_exception(doubling, capsys):
    check("99.1", 1, 2)
    assert "cannot be read (TypeError" in said(capsys)


def test_hints_say_more_one_by_one(doubling, capsys):
    hint("99.1")
    assert said(capsys) == '99.1, hint 1 of 3: Twice.\nOne more: hint("99.1", 2)\n'
    hint("99.1", 9)
    assert said(capsys) == "99.1, hint 3 of 3: n * 2\n"


@pytest.mark.parametrize("id", ["99.7", "02", "", 2.1])
def test_an_unknown_exercise_names_those_that_there_are(doubling, id):
    with pytest.raises(CourseError, match="no exercise") as error:
        check(id, 1)
    assert "99.1" in error.value.cure or "02.1" in error.value.cure


def test_ids_and_tiers_are_checked(doubling):
    for id, tier in (("99.1", "core"), ("99.2", "easy")):
        with pytest.raises(CourseError):
            exercise(id, tier, goal="", hints=())


def test_wanted_explains():
    wanted([1], "never said")
    with pytest.raises(NotYet, match="say this"):
        wanted([], "say this")


@pytest.mark.parametrize("lesson", [f"{n:02}" for n in range(7)])
def test_every_lesson_has_exercises_in_all_tiers_with_hints(lesson):
    tasks = core.exercises_of(lesson)
    assert {task.tier for task in tasks} == set(core.TIERS)
    assert all(task.goal and len(task.hints) >= 2 for task in tasks)
    assert [task.id for task in tasks] == [f"{lesson}.{n}" for n in range(1, len(tasks) + 1)]
