"""Exercise notebooks come from the solutions, and are up to date."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.teach.exercises import generate
from course_utils.teach.exercises.generate import exercise, opened, what_differs


@pytest.mark.parametrize(
    ("solved", "task"),
    [
        ("k = 3  # solution\ncheck(k)", "k = ...\ncheck(k)"),
        ("k = f(  # solution\n    3\n)\nx = 1", "k = ...\nx = 1"),
        ("a, b = 1, 2  # solution", "a, b = ..., ..."),
        ('d["k"] = 3  # solution', 'd["k"] = ...'),
        ("for x in y:  # solution\n    print(x)\nz = 1", "z = 1"),
        ("import os  # solution\nz = 1", "z = 1"),
        (
            "def f(x):  # solution\n    y = x\n    return y",
            "def f(x):\n    return ...",
        ),
        (
            'def f(x):  # solution\n    """Say."""\n    y = x\n    return y\n\nf(1)',
            'def f(x):\n    """Say."""\n    return ...\n\nf(1)',
        ),
        (
            "def f(x):\n    if x:\n        return 1  # solution\n    return 2",
            "def f(x):\n    if x:\n        return ...\n    return 2",
        ),
        ("!pip --version  # anything goes\nx = 1", "!pip --version  # anything goes\nx = 1"),
    ],
)
def test_what_the_learner_writes_is_taken_out(solved, task):
    assert opened(solved) == task
    if not task.startswith("!"):
        compile(task, "task", "exec")


def solution():
    return new_notebook(
        cells=[
            new_markdown_cell("# Task", id="task"),
            new_code_cell("k = 3  # solution", id="code", execution_count=1),
            new_markdown_cell("Because.", id="why", metadata={"tags": ["solution"]}),
        ]
    )


def test_reasoning_outputs_and_counts_stay_behind():
    made = exercise(solution())
    assert [cell.id for cell in made.cells] == ["task", "code"]
    assert made.cells[1].source == "k = ..."
    assert made.cells[1].execution_count is None


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda n: None, []),
        (lambda n: n.cells[0].update(source="# Other"), ["task"]),
        (lambda n: n.cells.pop(), ["code"]),
        (lambda n: n.cells[1].metadata.update(tags=["new"]), ["code"]),
        (lambda n: n.cells.reverse(), ["the order of the cells"]),
    ],
)
def test_a_stale_notebook_is_noticed(change, found):
    stored = exercise(solution())
    change(stored)
    assert what_differs(exercise(solution()), stored) == found


def test_a_missing_counterpart_is_noticed(tmp_path, monkeypatch):
    for name in ("SOLUTIONS", "EXERCISES"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(generate, name, tmp_path / name)
    nbformat.write(solution(), tmp_path / "SOLUTIONS" / "00_a.ipynb")
    assert generate.out_of_date() == ["00_a.ipynb: only in one of solutions/ and exercises/"]


def test_the_exercises_of_the_course_are_up_to_date():
    assert generate.out_of_date() == [], "run `make exercises`"
