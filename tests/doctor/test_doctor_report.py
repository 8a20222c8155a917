"""What is printed: the screen, and the text for an issue."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.doctor import finding, report
from course_utils.settings import REPO

KEY = "sk-Qw9zXu7tRe5-pLm3nBv1cYk8"
FOUND = {
    "ok": False,
    "checks": [
        {"name": "one", "ok": True, "detail": "fine", "cure": ""},
        {"name": "two", "ok": True, "detail": "could be better", "cure": "do this"},
        {"name": "three", "ok": False, "detail": "broken", "cure": "do that"},
    ],
}


def doctor(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "course_utils.cli", "doctor", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=REPO,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"} | environment,
        timeout=60,
    )


def test_the_screen():
    assert report.lines(FOUND).splitlines() == [
        "ok    one: fine",
        "note  two: could be better",
        "        -> do this",
        "FAIL  three: broken",
        "        -> do that",
    ]
    assert report.verdict(FOUND).startswith("1 check failed.")
    assert "doctor --report" in report.verdict(FOUND)
    assert report.verdict({"checks": FOUND["checks"][:2]}) == "This machine is ready."


def test_the_report_tells_versions_and_checks_and_nobodys_name(machine, tmp_path):
    alice = tmp_path / "people" / "alice"
    alice.mkdir(parents=True)
    user = {"HOME": str(alice), "USERPROFILE": str(alice), "LOGNAME": "alice", "USER": "alice"}
    done = doctor(
        "--report",
        **user,
        USERNAME="alice",
        OPENAI_API_KEY=KEY,
        COURSE_HOME=str(alice / "course"),
        COURSE_MODELS_DIR=str(tmp_path / "media" / "alice" / "models"),
        OPENAI_BASE_URL=f"https://example.com/{KEY}/v1",
    )
    assert done.returncode == 1  # no weights there
    text = done.stdout
    assert text.startswith("### Versions\n")
    assert "- Python 3." in text
    assert "FAIL  model weights: missing" in text
    assert f"~{os.sep}course" in text
    assert "OPENAI_API_KEY is set" in text
    assert "alice" not in text
    assert str(tmp_path) not in text.replace("~", "")
    assert not any(KEY[i : i + 6] in text for i in range(len(KEY) - 5))
    assert text.count("```") == 2


def test_a_name_is_taken_out_of_paths_alone(monkeypatch):
    monkeypatch.setattr(report, "_user", lambda: "root")
    text = f"root cause at /media/root/disk, /mnt/root and {Path.home()}/x, {Path.home()}-2/x"
    assert (
        report.anonymous(text)
        == f"root cause at /media/USER/disk, /mnt/USER and ~/x, {Path.home()}-2/x"
    )


def test_json_and_screen_agree(machine):
    screen = doctor().stdout.splitlines()
    assert screen[0].startswith("ok    python: 3.")
    assert "ready" in screen[-1] or "failed" in screen[-1]


@pytest.mark.skipif(os.name == "nt", reason="programs are found otherwise there")
def test_a_command_can_be_typed_as_it_stands(monkeypatch, tmp_path):
    here = tmp_path / "my course"
    (here / "bin").mkdir(parents=True)
    python, script = here / "bin" / "python", here / "bin" / "course"
    python.symlink_to(sys.executable)
    monkeypatch.setattr(finding.sys, "executable", str(python))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert finding.course("stop") == f'`"{python}" -m course_utils.cli stop`'
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    assert finding.course("stop") == f'`"{script}" stop`'
    monkeypatch.chdir(here)
    assert finding.course("stop") == "`bin/course stop`"
    monkeypatch.setenv("PATH", str(here / "bin"))
    assert finding.course("stop") == "`course stop`"
