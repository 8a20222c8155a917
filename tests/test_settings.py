import os
import stat

import pytest

from course_utils.errors import CourseError
from course_utils.settings import REPO, own_key, settings, write_atomic


def test_the_home_lies_in_the_repository_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("COURSE_HOME", raising=False)
    monkeypatch.delenv("COURSE_MODELS_DIR", raising=False)
    assert settings().home == REPO / ".course"
    assert settings().models_dir == REPO / ".course" / "models"


def test_a_changed_variable_counts_at_once(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_BUDGET_USD", "0.25")
    monkeypatch.setenv("COURSE_MODELS_DIR", str(tmp_path / "shared"))
    assert settings().budget_usd == 0.25
    assert settings().models_dir == tmp_path / "shared"
    monkeypatch.setenv("COURSE_BUDGET_USD", "2")
    assert settings().budget_usd == 2


def test_two_spellings_of_a_home_are_one(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_HOME", "here/../here")
    assert settings().home == tmp_path / "here"


@pytest.mark.parametrize(("name", "value"), [("BUDGET_USD", "much"), ("PARALLEL", "2.5")])
def test_nonsense_is_named(monkeypatch, name, value):
    monkeypatch.setenv(f"COURSE_{name}", value)
    with pytest.raises(CourseError, match=f"COURSE_{name} is '{value}'") as failure:
        settings()
    assert f"COURSE_{name}" in failure.value.cure


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch):
    monkeypatch.setenv("COURSE_PROVIDER", "")
    assert settings().provider == "local"


@pytest.mark.parametrize("placed", ["", " ", "local", "held-by-the-course-abc"])
def test_what_connect_places_is_not_the_users_key(monkeypatch, placed):
    monkeypatch.setenv("OPENAI_API_KEY", placed)
    assert own_key() is None
    monkeypatch.setenv("OPENAI_API_KEY", "mine")
    assert own_key() == "mine"


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "new" / "file.txt"
    write_atomic(path, "one\n")
    write_atomic(path, "zwei – ü\n")
    assert path.read_bytes() == "zwei – ü\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    write_atomic(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "half \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_keeps_the_permissions_of_what_it_replaces(tmp_path):
    path = tmp_path / "file.txt"
    write_atomic(path, "new")
    (tmp_path / "plain.txt").touch()
    assert path.stat().st_mode == (tmp_path / "plain.txt").stat().st_mode
    path.chmod(0o640)
    write_atomic(path, "newer")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
