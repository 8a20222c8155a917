"""The notebook check can fail: broken notebooks turn the project's own nbval command red.

One pytest runs them all, with the flags of ``course test``; only the cell timeout is shorter.
"""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import nbformat.v4 as v4
import pytest

from course_utils.settings import REPO
from course_utils.teach.check import NBVAL
from course_utils.teach.run import QUIET
from course_utils.teach.structure import complaints

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}


def notebook(cells, counted=True):
    """A notebook of pairs: source, stored output."""
    made = v4.new_notebook(metadata=KERNEL)
    for count, (source, stored) in enumerate(cells, start=1):
        outputs = [v4.new_output("stream", name="stdout", text=stored)] if stored else []
        cell = v4.new_code_cell(source, outputs=outputs)
        cell.execution_count = count if counted else None
        made.cells.append(cell)
    return made


GOOD = {
    "a right output": ("print(2 + 2)", "4\n"),
    "another address, time and port": (
        "print(object(), f'{0.1 + 0.2:.3f} s', 'http://127.0.0.1:4711/v1')",
        "<object object at 0x7f0123456789> 9.1 s http://127.0.0.1:81/v1\n",
    ),
}
BROKEN = {
    "an exception": ("raise ValueError('broken')", ""),
    "another output": ("print(2 + 2)", "5\n"),
    "an output that is not stored": ("print(2 + 2)", ""),
    "an output that is gone": ("2 + 2;", "4\n"),
    # `course run --save` stores no stderr, so lessons are free of warnings or not green.
    "a warning": ("import sys; print('careful', file=sys.stderr)", ""),
    "another number of seconds in a text": ("print('wait 10 minutes')", "wait 15 minutes\n"),
}
NOTEBOOKS = {
    "good": notebook(GOOD.values()),
    "broken": notebook([*BROKEN.values(), ("print('still here')", "still here\n")]),
    "dead": notebook([("import os; os._exit(1)", ""), ("print(1)", "1\n")]),
    "cleared": notebook([("print(2 + 2)", "")], counted=False),
}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """The exit code, and for each notebook the outcomes of its cells."""
    folder = tmp_path_factory.mktemp("notebooks")
    for name, content in NOTEBOOKS.items():
        (folder / f"{name}.ipynb").write_text(v4.writes_json(content), encoding="utf-8")
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", *NBVAL, "--nbval-cell-timeout=3"]
    # The last option only saves two seconds.
    command += [f"--junit-xml={report}", str(folder), "-p", "no:hypothesispytest"]
    done = subprocess.run(
        command, cwd=REPO, env=os.environ | QUIET, capture_output=True, timeout=120
    )
    cells = {name: [] for name in NOTEBOOKS}
    for case in ElementTree.parse(report).iter("testcase"):
        (name,) = [n for n in NOTEBOOKS if f"{n}.ipynb" in case.get("name") + case.get("classname")]
        bad = [child.tag for child in case if child.tag in {"failure", "error", "skipped"}]
        cells[name].append(bad[0] if bad else "passed")
    return done.returncode, cells


def test_the_command_turns_red(outcome):
    assert outcome[0] == 1


def test_a_good_notebook_is_green(outcome):
    assert dict(zip(GOOD, outcome[1]["good"], strict=True)) == dict.fromkeys(GOOD, "passed")


def test_each_broken_cell_is_red_and_no_other(outcome):
    *broken, last = outcome[1]["broken"]
    assert dict(zip(BROKEN, broken, strict=True)) == dict.fromkeys(BROKEN, "failure")
    assert last == "passed"


def test_a_dead_kernel_is_red(outcome):
    assert outcome[1]["dead"][0] == "failure"


def test_a_cleared_notebook_passes_nbval_so_its_structure_is_checked(outcome, tmp_path):
    # nbval's gap: without execution counts it compares nothing …
    assert outcome[1]["cleared"] == ["passed"]
    # … which is why a notebook without them is refused.
    path = tmp_path / "exercise.ipynb"
    path.write_text(v4.writes_json(NOTEBOOKS["cleared"]), encoding="utf-8")
    assert any("execution counts" in found for found in complaints(path, path.name))
