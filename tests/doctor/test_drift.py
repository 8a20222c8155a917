"""The weekly check: what it runs exists, what it may do is little, and its issue is opened once."""

import os
import re
import shutil
import subprocess

import pytest
import typer
import yaml

from course_utils.cli import app
from course_utils.settings import REPO

FILE = REPO / ".github" / "workflows" / "drift.yml"
TEXT = FILE.read_text(encoding="utf-8")
DRIFT = yaml.safe_load(TEXT)
STEPS = [step for job in DRIFT["jobs"].values() for step in job["steps"]]
STEPS_TEXT = "\n".join(step.get("run", "") for step in STEPS)

GH = """#!/bin/sh
printf '%s\\n' "$*" >> gh.log
[ "$1 $2" = "issue list" ] && printf '%s' "$OPEN"
exit 0
"""


def test_it_runs_weekly_on_the_newest_packages():
    when = DRIFT[True]  # YAML's word for "on"
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", when["schedule"][0]["cron"])
    assert DRIFT["jobs"]["newest"]["env"]["COURSE_NEWEST"] == "1"
    assert "COURSE_NEWEST" in (REPO / "course_utils" / "bootstrap.py").read_text(encoding="utf-8")


def test_only_the_job_that_opens_the_issue_may_write_and_issues_alone():
    assert DRIFT["permissions"] == {"contents": "read"}
    allowed = {name: job.get("permissions") for name, job in DRIFT["jobs"].items()}
    checks = {"newest", "calendar", "audit"}
    assert allowed == {**dict.fromkeys(checks), "report": {"issues": "write"}}
    assert set(DRIFT["jobs"]["report"]["needs"]) == checks
    assert all(
        f"needs.{name}.result" in DRIFT["jobs"]["report"]["env"]["RESULTS"] for name in checks
    )


def test_what_it_calls_exists():
    commands = typer.main.get_command(app).commands
    called = set(re.findall(r"\bcourse ([a-z-]+)", STEPS_TEXT))
    assert {"doctor", "update-check"} <= called <= set(commands)
    targets = re.findall(r"make ([a-z]+)", TEXT)
    makefile = (REPO / "Makefile").read_text(encoding="utf-8")
    assert targets == ["site"]
    assert re.search(r"^site:", makefile, re.MULTILINE)
    assert "--linkcheck" in (REPO / "course_utils/teach/site/__main__.py").read_text()


def test_every_pinned_package_is_audited_and_none_left_out_in_silence():
    [command] = re.findall(r"^pip-audit .*?(?= 2>&1)", STEPS_TEXT, re.MULTILINE)
    assert {"--strict", "--disable-pip", "--no-deps"} <= set(command.split())
    assert command.endswith("-r constraints.txt")
    # Without pip nothing but exact pins can be looked up.
    lines = (REPO / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line.strip() and not line.startswith("#")]
    assert len(pins) > 100
    assert [pin for pin in pins if not re.match(r"[\w.-]+==[\w.+-]+( *;.*)?$", pin)] == []


@pytest.fixture
def report(tmp_path):
    """Runs the last step, in a folder with notes, where a program writes down what gh is told."""
    bash = shutil.which("bash")
    if not bash or os.name == "nt":
        pytest.skip("the step is for bash on Linux")
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)

    def run(open_issue, **notes):
        (tmp_path / "notes").mkdir(exist_ok=True)
        for name, text in notes.items():
            (tmp_path / "notes" / f"{name}.md").write_text(text)
        environment = {"OPEN": open_issue, "RESULTS": "newest: failure", "RUN": "https://run/7"}
        environment |= {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
        script = ["--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[-1]["run"]]
        subprocess.run([bash, *script], check=True, cwd=tmp_path, env=environment)
        return (tmp_path / "gh.log").read_text(), (tmp_path / "body.md").read_text()

    return run


def test_the_first_failure_opens_an_issue(report):
    told, body = report("", linux="FAIL  packages: broken", empty="")
    assert "label create drift --force" in told
    assert "issue create --title The weekly check fails --label drift --body-file body.md" in told
    assert "issue comment" not in told
    assert "(newest: failure): https://run/7" in body
    assert "<summary>linux.md</summary>\n\nFAIL  packages: broken\n" in body
    assert "empty" not in body


def test_the_next_one_comments_on_it(report):
    told, _ = report("17")
    assert "issue comment 17 --body-file body.md" in told
    assert "issue create" not in told


def test_long_notes_fit_into_an_issue(report):
    _, body = report("", a="x" * 99_999, b="y" * 99_999, c="z" * 99_999)
    assert len(body) < 65_536  # GitHub's limit
