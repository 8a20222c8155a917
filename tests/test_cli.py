import json
import os
import subprocess
import sys

import click
import pytest
import typer

from course_utils import registry
from course_utils.cli import app, main
from course_utils.settings import REPO


def commands(command, path=()):
    """Every command with its words: ("models", "list") and so on."""
    if isinstance(command, click.Group) or hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from commands(inner, (*path, name))
    else:
        yield path, command


COMMANDS = dict(commands(typer.main.get_command(app)))


def course(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "course_utils.cli", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=REPO,
        env=os.environ
        | {"PYTHONPATH": str(REPO), "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1", "COLUMNS": "100"}
        | environment,
        timeout=60,
    )


def test_there_are_commands():
    assert {("doctor",), ("models", "prepare"), ("lab",), ("run",)} <= set(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_shows_an_example(path):
    text = " ".join((COMMANDS[path].help or "").split())
    assert f"Example: course {' '.join(path)}" in text


def test_help_is_printed():
    done = course("models", "prepare", "--help")
    assert done.returncode == 0
    assert "Example: course models prepare" in " ".join(done.stdout.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("models", "use", "nonesuch"), "no model 'nonesuch'"),
        (("run", "99"), "no lesson 99"),
        (("test", "--only", "nothing"), "no part 'nothing'"),
        (("serve", "--alias", "nonsense"), "--alias takes NAME=ID"),
    ],
)
def test_an_expected_failure_says_what_and_the_cure(home, monkeypatch, capsys, arguments, what):
    monkeypatch.setattr(sys, "argv", ["course", *arguments])
    with pytest.raises(SystemExit) as ending:
        main()
    assert ending.value.code == 1
    printed = capsys.readouterr()
    assert what in printed.err
    assert "\n  -> " in printed.err
    assert printed.out == ""


def test_a_setting_that_makes_no_sense_is_an_expected_failure():
    done = course("models", "list", COURSE_PARALLEL="many")
    assert done.returncode == 1
    assert "COURSE_PARALLEL is 'many'" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_prints_json_and_nothing_else(tmp_path):
    done = course("doctor", "--json", COURSE_HOME=str(tmp_path / "home"), COURSE_MODELS_DIR="")
    report = json.loads(done.stdout)
    assert report["ok"] is False  # no weights in that home
    assert done.returncode == 1
    assert not (tmp_path / "home").exists()


def test_whole_ids_are_listed_on_a_narrow_terminal():
    done = course("models", "list", COLUMNS="80")
    dates = {str(model.retires_on) for model in registry.models().values() if model.retires_on}
    assert {*registry.models(), *dates} <= set(done.stdout.split())
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_scores_of_adapters_are_said_in_words(home):
    done = course("adapters", "list")
    assert "100% in style when asked bare, 8% in style with a passage, 10% facts" in done.stdout
