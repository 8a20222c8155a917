import os
import re
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


def test_no_torch_on_binder():
    names = {re.split(r"[<>=\[]", line)[0] for line in lines(binder.current())}
    assert not names & {"torch", "transformers", "peft", "trl", "accelerate"}


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


def test_binder_builds_with_an_old_enough_python_and_an_executable_post_build():
    assert (REPO / "binder" / "runtime.txt").read_text() == "python-3.11\n"
    post_build = REPO / "binder" / "postBuild"
    assert post_build.read_bytes().startswith(b"#!/usr/bin/env bash\n")
    assert os.name == "nt" or os.access(post_build, os.X_OK)
