"""What is written from the repository's address: kept in step, and written nowhere else."""

import json
import subprocess
import sys
import time

import pytest

from course_utils.blocks import with_block
from course_utils.errors import CourseError
from course_utils.settings import REPO
from course_utils.teach import badges
from course_utils.teach.address import repository
from course_utils.teach.structure import notebooks


@pytest.mark.parametrize("path", badges.files(), ids=lambda path: path.name)
def test_what_depends_on_the_address_is_in_step(path):
    assert badges.current(path) == path.read_text(encoding="utf-8"), (
        "run `python -m course_utils.teach.badges`"
    )


def test_every_notebook_has_the_same_second_cell():
    seconds = [json.loads(path.read_text(encoding="utf-8"))["cells"][1] for path in notebooks()]
    assert len(seconds) >= 7
    assert {"".join(cell["source"]) for cell in seconds} == {
        "".join(badges.bootstrap_cell()["source"])
    }


def without_generated(name, text):
    """A file's text without the parts that are written from the address."""
    if name == "pyproject.toml":
        return text.replace(f'Repository = "{repository()}"', "", 1)
    if name == "README.md":
        return with_block(text, "launch", "")
    if name.endswith(".ipynb"):
        cells = json.loads(text)["cells"]
        return json.dumps([*cells[:1], *cells[2:]])
    return text


def test_no_other_file_holds_the_address():
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=REPO, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("not a git clone")
    slug = repository().removeprefix("https://github.com/")
    found = []
    for name in listed.stdout.splitlines():
        if (REPO / name).is_file():
            text = (REPO / name).read_bytes().decode("utf-8", "replace")
            if slug in text and slug in without_generated(name, text):
                found.append(name)
    assert found == []


def test_outside_colab_the_cell_does_nothing_at_once():
    source = "".join(badges.bootstrap_cell()["source"])
    assert len([line for line in source.splitlines() if line.strip()]) <= 8
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - started < 1


def cell(kind, source, **more):
    return {"cell_type": kind, "metadata": {}, "source": source, **more}


def code(source, count):
    result = {"output_type": "execute_result", "execution_count": count, "data": {}}
    outputs = [result] if count else []
    return cell("code", source, execution_count=count, outputs=outputs)


def test_the_cell_comes_second_and_counts_follow_it():
    lesson = {"cells": [cell("markdown", "# One"), code("1", 1), code("2", 2)]}
    text = badges.with_bootstrap(json.dumps(lesson))
    cells = json.loads(text)["cells"]
    assert cells[1]["metadata"]["tags"] == ["colab", "nbval-ignore-output"]
    assert [one["execution_count"] for one in cells[1:]] == [1, 2, 3]
    assert [one["outputs"][0]["execution_count"] for one in cells[2:]] == [2, 3]
    assert badges.with_bootstrap(text) == text


@pytest.mark.parametrize("counts", [(None, None), (2, 1)], ids=["not run", "not in order"])
def test_where_the_cells_were_not_run_in_order_the_counts_stay(counts):
    lesson = {"cells": [cell("markdown", "# One"), *(code("1", count) for count in counts)]}
    cells = json.loads(badges.with_bootstrap(json.dumps(lesson)))["cells"]
    assert [one["execution_count"] for one in cells[1:]] == [None, *counts]


def test_an_older_cell_is_replaced():
    old = cell("code", "old", execution_count=2, outputs=[]) | {"metadata": {"tags": ["colab"]}}
    lesson = {"cells": [cell("markdown", "# One"), code("1", 1), old]}
    assert "old" not in badges.with_bootstrap(json.dumps(lesson))


def test_a_readme_without_the_marks_is_an_expected_failure():
    with pytest.raises(CourseError, match="launch: begin"):
        badges.readme("# A course")
