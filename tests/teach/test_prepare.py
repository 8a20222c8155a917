"""`course prepare` on real parts; only the training base is borrowed, as it takes half a minute."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from course_utils.cli import app
from course_utils.endpoint import process
from course_utils.errors import CourseError
from course_utils.finetune import base
from course_utils.settings import settings
from course_utils.teach import prepare


@pytest.fixture
def course(trainable_home, home, clean_environment, monkeypatch):
    """``course(words)`` → what the command printed, in a home that has only the base."""
    monkeypatch.setenv("COURSE_HOME", str(trainable_home()))

    def course(*words):
        result = CliRunner().invoke(app, list(words))
        assert result.exit_code == 0, result.output
        return result.output

    yield course
    process.stop()


def files(folder: Path) -> dict[Path, int]:
    """When each file of a folder was last written."""
    return {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


def test_builds_what_lessons_would_build_and_only_once(course):
    first = course("prepare")
    assert "training base: ready" in first
    assert "index lesson-05: 347 added" in first
    adapters = settings().home / "adapters"
    bases = settings().home / "bases"
    exported = list(adapters.rglob("*.gguf"))
    assert len(exported) == first.count("ft:") > 0
    kept = files(adapters) | files(bases)
    again = course("prepare")
    assert "index lesson-05: built already" in again
    assert kept == files(adapters) | files(bases)


def test_the_core_install_goes_without_training(monkeypatch):
    def missing():
        raise CourseError("peft is not installed", "install it")

    monkeypatch.setattr(base, "require_train_extra", missing)
    assert prepare._base() == "left out, peft is not installed (lessons 03 and 04 need them)"
