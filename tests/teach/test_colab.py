"""The set-up on Colab, part by part; ``test_colab_whole.py`` runs it in a clean environment.

Colab itself cannot be had here, so where it is asked for secrets a small module stands for its own.
"""

import importlib.metadata
import os
import re
import sys
import time
import types

import numpy
import pytest

from course_utils.errors import CourseError
from course_utils.teach import colab


def test_colabs_own_packages_are_held_and_absent_ones_pinned():
    held = colab.constraints("# pins\nno-such-package==1.5\nnumpy==0.1\nJinja2==0.1\n").splitlines()
    assert f"numpy=={numpy.__version__}" in held
    assert "no-such-package==1.5" in held
    assert not [line for line in held if line.endswith("==0.1")]


def test_colabs_own_packages_are_never_asked_for():
    import tomllib

    text = (colab.REPO / "pyproject.toml").read_text(encoding="utf-8")
    lines = colab.wanted(tomllib.loads(text)["project"])
    names = {re.split(r"[<>=!~\[; ]", line)[0] for line in lines}
    assert {"chromadb", "langchain", "openai", "peft", "ragas", "trl"} <= names
    assert not names & {"torch", "numpy", "transformers", "ipywidgets", "ipython", "jupyterlab"}
    assert not names & {"pytest", "ruff"}


@pytest.fixture
def other_numpy(tmp_path, monkeypatch):
    """What a pip that swaps numpy leaves on disk: the metadata of another version."""

    def install(version):
        real = importlib.metadata.distribution("numpy")
        text = re.sub(r"(?m)^Version: .*", f"Version: {version}", real.read_text("METADATA"))
        folder = tmp_path / f"numpy-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)

    return install


def test_a_numpy_swapped_under_the_session_says_restart(other_numpy):
    colab.refuse_swapped()
    other_numpy("1.26.4")
    assert colab.swapped() == {"numpy": (numpy.__version__, "1.26.4")}
    with pytest.raises(CourseError, match=r"numpy .* is loaded(.|\n)*Runtime → Restart session"):
        colab.refuse_swapped()


def test_another_build_of_the_same_version_is_no_swap(other_numpy):
    other_numpy(f"{numpy.__version__}+cu128")
    assert colab.swapped() == {}


@pytest.fixture
def secrets(clean_environment, monkeypatch):
    """Colab's ``userdata``, with what a learner has put there."""

    def hold(get):
        module = types.ModuleType("google.colab")
        module.userdata = types.SimpleNamespace(get=get)
        monkeypatch.setitem(sys.modules, "google.colab", module)

    return hold


def test_the_key_comes_from_the_secrets_and_is_not_shown(secrets, capsys):
    secrets({"OPENAI_API_KEY": "a secret"}.__getitem__)
    assert colab.take_key() is True
    assert os.environ["OPENAI_API_KEY"] == "a secret"
    assert capsys.readouterr() == ("", "")


def test_a_key_in_the_environment_is_left_alone(secrets, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    secrets({"OPENAI_API_KEY": "a secret"}.__getitem__)
    assert colab.take_key() is False
    assert os.environ["OPENAI_API_KEY"] == "another"


def test_no_key_is_no_trouble(secrets):
    assert colab.take_key() is False  # no Colab at all
    secrets({}.__getitem__)  # it raises, as Colab does where there is none or access is refused
    assert colab.take_key() is False
    assert "OPENAI_API_KEY" not in os.environ


def test_a_second_run_only_looks(home, secrets, monkeypatch):
    secrets({"OPENAI_API_KEY": "a secret"}.__getitem__)
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # any installation would fail
    monkeypatch.syspath_prepend(colab.REPO)
    said = []
    started = time.monotonic()
    colab.set_up(said.append)
    assert time.monotonic() - started < 10
    assert said[0].startswith("The course is ready")
    assert "OPENAI_API_KEY" in said[1]
    assert "a secret" not in " ".join(said)


def test_a_failed_installation_shows_pips_own_words(monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(CourseError, match=r"no-such-package(.|\n)*->"):
        colab._pip("no-such-package")
