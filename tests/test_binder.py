import os
import re
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement

from course_utils.errors import CourseError
from course_utils.settings import REPO
from course_utils.teach import binder

PYPROJECT = """
[project]
dependencies = ["openai>=2.0", "langchain_core[x]>=1", "torchless"]
[project.optional-dependencies]
metrics = ["ragas==0.4.3", "openai>=2.0"]
train = ["torch>=2.8"]
dev = ["pytest"]
"""
CONSTRAINTS = """# frozen
langchain-core==1.7.2
OpenAI==3.1.0 ; python_version > "3"
ragas==0.4.3
torch==2.13.0
torchless==1
"""


def lines(text):
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_pins_what_is_needed_and_nothing_else():
    assert lines(binder.requirements(PYPROJECT, CONSTRAINTS)) == [
        "-c ../constraints.txt",
        "langchain-core==1.7.2",
        "openai==3.1.0",
        "ragas==0.4.3",
        "torchless==1",
    ]


def test_without_constraints_the_ranges_stand():
    assert "openai>=2.0" in lines(binder.requirements(PYPROJECT, ""))


def test_a_missing_pin_is_an_expected_failure():
    with pytest.raises(CourseError, match="does not pin torchless"):
        binder.requirements(PYPROJECT, CONSTRAINTS.replace("torchless==1", ""))


def test_the_committed_file_is_in_step():
    assert binder.REQUIREMENTS.read_text(encoding="utf-8") == binder.current(), (
        "run `python -m course_utils.teach.binder`"
    )


def test_torch_and_what_needs_it_is_left_to_post_build():
    names = {re.split(r"[<>=\[]", line)[0] for line in lines(binder.current())}
    assert not names & {"torch", "transformers", "peft", "trl", "accelerate"}


@pytest.mark.skipif(os.name == "nt", reason="a shell script, for Linux")
def test_post_build_takes_torch_first_from_the_index_for_cpus(tmp_path):
    for name in ("python", "course"):  # they only tell how they were called
        (tmp_path / name).write_text('#!/bin/sh\necho "${0##*/} $*"\n')
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        [REPO / "binder" / "postBuild"], cwd=REPO, env=os.environ | {"PATH": path},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))
    torch, course, *rest = done.stdout.splitlines()
    index = project["tool"]["course"]["torch_cpu_index"]
    assert torch.endswith(f" -c constraints.txt --extra-index-url {index} torch")
    assert course.endswith(" -c constraints.txt --editable .[metrics,train]")
    assert rest == ["course prepare", "course stop"]


def test_the_constraints_hold_on_any_machine():
    if not binder.CONSTRAINTS.exists():
        pytest.skip("constraints.txt is not written yet")
    for line in lines(binder.CONSTRAINTS.read_text(encoding="utf-8")):
        assert not line.startswith(("-e", "-c", "-r", "--"))
        assert "@" not in line, "a path or an address of one machine"
        assert "+" not in line, "a local build, such as +cpu, which other indexes lack"


def test_the_constraints_satisfy_the_ranges_and_pin_all_that_is_asked_for():
    if not binder.CONSTRAINTS.exists():
        pytest.skip("constraints.txt is not written yet")
    pins = dict(binder._pins(binder.CONSTRAINTS.read_text(encoding="utf-8")))
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    asked = [*project["dependencies"], *(line for extra in extras for line in extra)]
    wrong = []
    for line in asked:
        requirement = Requirement(line)
        pin = pins.get(binder._name(requirement.name))
        if pin is None or not requirement.specifier.contains(pin, prereleases=True):
            wrong.append(f"{line}: {pin}")
    assert not wrong


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_binder_can_execute_its_scripts(name):
    script = REPO / "binder" / name
    assert script.read_bytes().startswith(b"#!/usr/bin/env bash\n")
    assert os.name == "nt" or os.access(script, os.X_OK)


def test_binder_builds_with_an_old_enough_python():
    assert (REPO / "binder" / "runtime.txt").read_text() == "python-3.11\n"


@pytest.mark.skipif(os.name == "nt", reason="a shell script, for Linux")
def test_the_start_script_keeps_to_one_cpu_unless_told_otherwise():
    show = "import os; print(os.environ['COURSE_THREADS'], os.environ['OMP_NUM_THREADS'])"

    def started(**given):
        clean = {
            k: v for k, v in os.environ.items() if k not in ("COURSE_THREADS", "OMP_NUM_THREADS")
        }
        command = [REPO / "binder" / "start", sys.executable, "-c", show]
        return subprocess.run(command, env=clean | given, capture_output=True, text=True).stdout

    assert started() == "1 1\n"
    assert started(COURSE_THREADS="4") == "4 1\n"
