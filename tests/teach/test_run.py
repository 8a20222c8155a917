import json
import subprocess
import sys

import nbformat
import nbformat.v4 as v4
import pytest

from course_utils.errors import CourseError
from course_utils.settings import REPO
from course_utils.teach import run

CELLS = {
    "00_good.ipynb": "import sys; print('out'); print('err', file=sys.stderr)",
    "01_raises.ipynb": "print('before'); raise ValueError('the cup is empty')",
    "02_dies.ipynb": "import os; os._exit(1)",
    "03_large.ipynb": "x = bytearray(200_000_000); import time; time.sleep(0.6)",
}


@pytest.fixture
def folder(tmp_path, monkeypatch, home):
    monkeypatch.setattr(run, "NOTEBOOKS", tmp_path)
    for name, value in run.QUIET.items():
        monkeypatch.setenv(name, value)  # run_notebooks sets them too; this undoes it
    for name, source in CELLS.items():
        made = v4.new_notebook(
            cells=[v4.new_code_cell(source)], metadata={"author's machine": "some laptop"}
        )
        nbformat.write(made, tmp_path / name)
    return tmp_path


def test_runs_all_saves_what_ran_through_and_reports(folder):
    before = {name: (folder / name).read_bytes() for name in CELLS}
    lines = []
    report = json.loads(json.dumps(run.run_notebooks([], save=True, say=lines.append)))
    assert set(report) == {"ok", "notebooks"}
    assert report["ok"] is False
    good, raises, dies, _ = report["notebooks"]
    for entry in report["notebooks"]:
        assert set(entry) == {"name", "ok", "seconds", "peak_mb", "error", "slowest"}
        assert entry["seconds"] > 0
        assert entry["peak_mb"] > 30  # this process and a kernel
    assert [entry["ok"] for entry in report["notebooks"]] == [True, False, False, True]
    assert [entry["name"] for entry in report["notebooks"]] == list(CELLS)
    assert good["error"] is None
    assert raises["error"] == "ValueError: the cup is empty"
    assert "died" in dies["error"].lower()
    assert any(line.startswith("01_raises.ipynb: FAILED: ValueError") for line in lines)
    # Only what ran through was stored, without stderr and without traces of the machine.
    for name in ("01_raises.ipynb", "02_dies.ipynb"):
        assert (folder / name).read_bytes() == before[name]
    saved = nbformat.read(folder / "00_good.ipynb", as_version=4)
    assert saved.cells[0].execution_count == 1
    assert [output.text for output in saved.cells[0].outputs] == ["out\n"]
    assert set(saved.metadata) == {"kernelspec", "language_info"}
    assert saved.metadata.kernelspec.name == "python3"


def test_without_save_the_notebook_stays_as_it_is(folder):
    before = (folder / "00_good.ipynb").read_bytes()
    assert run.run_notebooks(["0"], say=lambda line: None)["ok"] is True
    assert (folder / "00_good.ipynb").read_bytes() == before
    assert {path.name for path in folder.iterdir()} == {*CELLS, "home"} - (
        set() if (folder / "home").exists() else {"home"}
    )


def test_selects_by_number(folder):
    (folder / "notes.ipynb").touch()
    assert [path.name for path in run.lessons()] == list(CELLS)
    assert [path.name for path in run.lessons(["3", "00"])] == ["00_good.ipynb", "03_large.ipynb"]
    with pytest.raises(CourseError, match="no lesson 07, 99") as failure:
        run.lessons(["99", "7", "00"])
    assert "00, 01, 02, 03" in failure.value.cure


def test_the_slowest_cells_come_first(folder):
    cells = [v4.new_code_cell(f"import time\ntime.sleep({nap})") for nap in (0, 0.5, 0.2)]
    cells[1].source = "import sys\n\n# the long one\n" + cells[1].source
    nbformat.write(v4.new_notebook(cells=cells), folder / "00_good.ipynb")
    slowest = run.execute(folder / "00_good.ipynb").slowest
    assert slowest[0]["begins"] == "# the long one"
    assert slowest[0]["seconds"] >= 0.5 > slowest[1]["seconds"] >= 0.2
    assert slowest == sorted(slowest, key=lambda cell: -cell["seconds"])


def test_the_kernels_memory_counts(folder):
    # Measured by a process of its own: this one has other children, whose memory comes and goes.
    code = (
        "import sys; from pathlib import Path; from course_utils.teach.run import execute\n"
        "print(*(execute(Path(name)).peak_mb for name in sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, folder / "00_good.ipynb", folder / "03_large.ipynb"]
    good, large = map(int, subprocess.check_output(command, text=True).split())
    assert large > good + 150


def test_the_peak_is_measured_at_once():
    with run.PeakMemory(every_s=60) as memory:
        pass
    assert memory.peak_mb > 10


def test_the_lessons_are_looked_for_in_the_repository():
    assert run.NOTEBOOKS == REPO / "notebooks"
