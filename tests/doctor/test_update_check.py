"""``course update-check`` against a real repository with tags, a real registry, and nobody."""

import json
import os
import subprocess
import sys
from datetime import date, timedelta

import pytest

from course_utils import registry
from course_utils.doctor import updates
from course_utils.settings import REPO

TODAY = date(2030, 1, 1)


@pytest.fixture
def releases(tmp_path):
    """A repository; called with tags, it gets them."""
    repository = tmp_path / "course.git"
    who = {"GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x@example.com"}
    who |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in who.items()}

    def git(*arguments):
        subprocess.run(["git", *arguments], check=True, capture_output=True, env=os.environ | who)

    git("init", str(repository))
    git("-C", str(repository), "commit", "--allow-empty", "-m", "one")

    def tag(*names):
        for name in names:
            git("-C", str(repository), "tag", "-a", name, "-m", name)
        return str(repository)

    return tag


def update_check(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "course_utils.cli", "update-check", *arguments],
        capture_output=True,
        text=True,
        cwd=REPO,
        timeout=60,
    )


def test_a_newer_release_needs_doing(releases):
    repository = releases("v0.0.9", "v99.9.0", "v99.10.0", "v100.0.0rc1", "v101", "notes-102.0")
    done = update_check("--json", "--repository", repository)
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert report["ok"] is False
    (release,) = [check for check in report["checks"] if check["name"] == "release"]
    assert release["detail"].startswith("99.10.0 is out, ")
    assert "git pull" in release["cure"]
    assert "make setup" in release["cure"]


@pytest.mark.parametrize(
    ("tags", "said"),
    [(("v0.0.1",), "is the newest"), ((), "has no releases yet"), (("start",), "no releases yet")],
)
def test_nothing_newer(releases, tags, said):
    found = updates.release(releases(*tags))
    assert found.ok
    assert said in found.detail
    assert found.cure == ""


@pytest.mark.parametrize("address", ["https://nonesuch.invalid/course", "/nowhere/course.git"])
def test_who_cannot_be_asked_is_no_failure(address):
    done = update_check("--repository", address)
    assert "note  release: " in done.stdout
    assert "is not known" in done.stdout
    assert "Traceback" not in done.stderr


def test_without_git(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git is not installed" in updates.release("/nowhere").detail


def test_the_calendar_fails_no_test(releases):
    """Every check of the registry gets its day from here, so this file stays green for ever."""
    report = updates.check_updates(releases(), date(2000, 1, 1))
    assert report["ok"]
    assert [check["name"] for check in report["checks"]] == [
        "release",
        "versions",
        "retirements",
        "registry",
    ]


# ----------------------------------------------------------------------------------------- registry


def test_entries_are_verified_again_twice_a_year():
    entries = registry.models().values()
    oldest = min(entry.verified_on for entry in entries)
    assert updates.verified(oldest + timedelta(days=180)).ok
    late = updates.verified(oldest + timedelta(days=181))
    assert not late.ok
    assert next(entry.id for entry in entries if entry.verified_on == oldest) in late.detail
    assert "`source`" in late.cure


def entry(model_id, retires_on=None, replacement=None):
    lines = [f'id = "{model_id}"', 'name = "x"', 'role = "chat"', 'runs = "hosted"']
    lines += ['license = "x"', 'source = "x"', "context_tokens = 1", "verified_on = 2029-12-01"]
    lines += [f"retires_on = {retires_on}"] if retires_on else []
    lines += [f'replacement = "{replacement}"'] if replacement else []
    return "[[model]]\n" + "\n".join(lines) + "\n"


DEFAULTS = """[defaults]
local_chat = "chat"
local_embedding = "encoder"
hosted_chat = "chat"
hosted_embedding = "encoder"
"""
SOON, LATER = TODAY + timedelta(days=60), TODAY + timedelta(days=61)


@pytest.mark.parametrize(
    ("models", "ok", "said"),
    [
        (entry("chat"), True, "no hosted default retires within 60 days"),
        (entry("chat", LATER), True, "no hosted default retires"),
        (
            entry("chat", SOON, "next") + entry("next"),
            True,
            f"retires chat on {SOON}, next replaces",
        ),
        (entry("chat", SOON), False, f"retires chat on {SOON}, no replacement is named"),
        (entry("chat", date(2029, 1, 1)), False, "chat"),
        (entry("chat", SOON, "next") + entry("next", SOON), False, "retires next"),
    ],
)
def test_a_default_that_leaves_needs_a_successor(models_toml, models, ok, said):
    models_toml(lambda _: DEFAULTS + models + entry("encoder"))
    found = updates.retirements(TODAY)
    assert found.ok is ok
    assert said in found.detail
    assert bool(found.cure) is not ok
