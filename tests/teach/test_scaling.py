"""The pages for those who outgrow a laptop: what can be tried of them without a cluster."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest
import typer
import yaml

from course_utils import registry
from course_utils.cli import app
from course_utils.settings import NOTEBOOKS, REPO, Settings, settings
from course_utils.teach.kit import tables

SCALING = NOTEBOOKS / "scaling"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in SCALING.glob("*.md")}
VALUES = yaml.safe_load((SCALING / "jupyterhub.yaml").read_text(encoding="utf-8"))
# What is typed: the lines of blocks for a shell.
TYPED = [
    (page, line)
    for page, text in sorted(PAGES.items())
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]


def typed(start):
    """Those that begin so, as arguments."""
    return [shlex.split(line) for _, line in TYPED if line.startswith(start)]


def test_every_page_says_when_how_what_changes_and_what_was_tried():
    for name in PAGES.keys() - {"README"}:
        assert f"({name}.md)" in PAGES["README"]
        for part in ("**You have outgrown ", "\n## Tried, and not\n", "**Not tried:**", "```sh\n"):
            assert part in PAGES[name], f"{name}: {part}"


@pytest.mark.parametrize("arguments", typed("course "), ids=" ".join)
def test_the_courses_commands_are_as_the_pages_have_them(arguments):
    command, rest = typer.main.get_command(app), arguments[1:]
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    command.make_context(command.name, rest)  # raises at an option or a value that is not there


@pytest.mark.parametrize(
    ("wrong", "told"),
    [(["--concurrent", "4"], "No such option"), (["--concurrency", "0"], "greater")],
)
def test_a_command_that_is_not_there_would_be_noticed(wrong, told):
    command = typer.main.get_command(app).commands["bakeoff"]
    with pytest.raises(Exception, match=told):
        command.make_context("bakeoff", [*wrong])


@pytest.mark.parametrize("arguments", typed("accelerate launch "), ids=" ".join)
def test_accelerate_takes_its_command(arguments):
    pytest.importorskip("accelerate")
    from accelerate.commands.launch import launch_command_parser

    given = launch_command_parser().parse_args(arguments[2:])
    assert (REPO / given.config_file).is_file()
    assert given.module and find_spec(given.training_script)
    assert given.training_script_args == ["big"]


def test_the_configuration_of_a_training_run_is_one(tmp_path, monkeypatch):
    from course_utils.finetune.config import TrainingConfig

    [code] = re.findall(r"^```python\n(.*?)^```", PAGES["training"], re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    config = TrainingConfig.model_validate_json((tmp_path / "big" / "config.json").read_text())
    assert registry.model(config.base).runs == "gpu"


def test_settings_are_named_as_they_are():
    for page, text in [*PAGES.items(), ("jupyterhub.yaml", str(VALUES))]:
        for name in re.findall(r"\bCOURSE_(\w+)", text):
            assert name.lower() in Settings.model_fields, f"{page}: COURSE_{name}"


def gib(amount):
    return float(amount.removesuffix("G")) * 2**30


def measured_peaks_mb():
    text = (REPO / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = re.search(r"Peak memory of a lesson.*?: (00 .*?)which is too much", text)[1]
    return {
        lesson: int(mb.replace(",", "")) for lesson, mb in re.findall(r"(\d\d) ([\d,]+)", listed)
    }


def test_learners_have_the_memory_that_lessons_were_measured_to_need():
    peaks, lab_mb = measured_peaks_mb(), 100
    assert set(peaks) == {path.name[:2] for path in NOTEBOOKS.glob("0*.ipynb")}
    memory = VALUES["singleuser"]["memory"]
    trains = {"03", "04"}
    others = max(mb for lesson, mb in peaks.items() if lesson not in trains)
    assert gib(memory["guarantee"]) > 1.2 * (others + lab_mb) * 1e6
    assert gib(memory["limit"]) > 1.2 * (max(peaks.values()) + lab_mb) * 1e6


def test_the_table_of_sizes_is_what_the_values_grant():
    [table] = tables(PAGES["class"])
    user = VALUES["singleuser"]
    granted = [
        user["memory"]["guarantee"], user["memory"]["limit"],
        user["cpu"]["guarantee"], user["cpu"]["limit"], user["storage"]["capacity"],
    ]  # fmt: skip
    for row, grant in zip(table, granted, strict=True):
        each = int(re.match(r"\d+", str(grant))[0])
        for learners, cell in list(row.items())[1:]:
            number = 1 if learners == "one learner" else int(learners)
            assert int(cell.split()[0]) == each * number, row
    assert ["tljh-config", "set", "limits.memory", user["memory"]["limit"]] in typed("tljh-config")
    assert ["tljh-config", "set", "limits.cpu", str(user["cpu"]["limit"])] in typed("tljh-config")


@pytest.mark.skipif(sys.platform != "linux", reason="hubs are Linux")
def test_a_lesson_runs_where_a_hub_puts_it(tmp_path, clean_environment):
    """Notebooks copied to a home, the course elsewhere, a kernel made as the page says."""
    learner, prefix = tmp_path / "home", tmp_path / "tljh"
    lesson = learner / "notebooks" / "00_start_here.ipynb"
    lesson.parent.mkdir(parents=True)
    shutil.copy(NOTEBOOKS / lesson.name, lesson)
    [install] = typed(".venv/bin/python -m ipykernel install")
    here = {
        ".venv/bin/python": sys.executable,
        "/opt/tljh/user": str(prefix),
        "/srv/course/.course/models": str(settings().models_dir),
    }
    subprocess.run([here.get(part, part) for part in install], check=True, cwd=REPO)
    outside = {name: value for name, value in os.environ.items() if not name.startswith("COURSE_")}
    outside |= {"HOME": str(learner), "JUPYTER_PATH": str(prefix / "share" / "jupyter")}
    run = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", lesson.name]
    try:
        subprocess.run([*run, "--inplace"], check=True, cwd=lesson.parent, env=outside, timeout=240)
        assert (learner / ".course" / "endpoint").is_dir(), "its own course home"
    finally:
        stop = [sys.executable, "-m", "course_utils.cli", "stop"]
        subprocess.run(stop, env=outside | {"COURSE_HOME": str(learner / ".course")}, check=True)
