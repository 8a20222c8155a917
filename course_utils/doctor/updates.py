"""``course update-check``: is there a newer release, and has the registry grown stale?"""

import os
import re
import subprocess
from datetime import date, timedelta

from packaging.version import Version

from course_utils import registry
from course_utils.doctor import as_report
from course_utils.doctor.finding import Finding, fail, fine, note
from course_utils.doctor.packages import differing_pins
from course_utils.registry import Model
from course_utils.teach import address

VERIFY_AGAIN = timedelta(days=180)
GIT_TIMEOUT_S = 10


def check_updates(repository: str | None = None, today: date | None = None) -> dict:
    """Look for what has moved since this copy of the course was made.

    Args:
        repository: Address or folder to ask for releases; ``None`` takes the course's own.
        today: Day to count from; ``None`` takes the clock's.

    Returns:
        The shape of ``doctor.examine()``; ``ok`` is false when something needs doing.
    """
    today = today or date.today()
    return as_report(
        [
            ("release", release(repository)),
            ("versions", versions()),
            ("retirements", retirements(today)),
            ("registry", verified(today)),
        ]
    )


def release(repository: str | None = None) -> Finding:
    """Is a newer release tagged?"""
    where = repository or address.repository()
    here = Version(address.release())
    tags, trouble = _tags(where)
    if trouble:
        return note(
            f"{here} here; whether there is a newer one is not known: {where} gave no answer "
            f"({trouble})",
            "try again when the network is there",
        )
    newest = max(tags, default=None)
    if newest is None:
        return fine(f"{here} here; {where} has no releases yet")
    if newest > here:
        cure = "`git pull --autostash` (or download it again), then `make setup`"
        return fail(f"{newest} is out, {here} is here", cure)
    return fine(f"{here} is the newest")


def _tags(where: str) -> tuple[list[Version], str]:
    """The releases at an address, and why it could not be asked."""
    command = ["git", "ls-remote", "--tags", "--refs", "--", where]
    # Whoever has to log in there is told so rather than asked.
    quiet = os.environ | {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=GIT_TIMEOUT_S, env=quiet
        )
    except FileNotFoundError:
        return [], "git is not installed"
    except subprocess.TimeoutExpired:
        return [], f"no answer within {GIT_TIMEOUT_S} s"
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["git failed"])[0]
        return [], re.sub(r"^fatal: (unable to access '.*?': )?", "", said)
    # Releases only: v1.2.0 and not v1.2.0rc1, nor a tag of another kind.
    found = re.findall(r"refs/tags/(v\d+(?:\.\d+)+)$", done.stdout, re.MULTILINE)
    return [Version(tag) for tag in found], ""


def versions() -> Finding:
    """Which of the installed packages differ from the pins? Nobody is asked for newer ones."""
    differing = differing_pins()
    if not differing:
        return fine("what is installed is what constraints.txt pins")
    return fine(f"differ from constraints.txt: {', '.join(differing.values())}")


def retirements(today: date) -> Finding:
    """Does every hosted model that the course names by default have a future?"""
    soon = today + registry.WARN_BEFORE
    # The one in use on that day: where it has left by then, nothing replaces it.
    orphans = [one for one in _hosted(soon) if one.leaves_by(soon)]
    if orphans:
        said = registry.retiring(*(one.id for one in orphans), today=today)
        return fail("; ".join(said), "name its `replacement`, with an entry, in data/models.toml")
    said = registry.retiring(*(one.id for one in _hosted(today)), today=today)
    if said:
        return fine(f"{'; '.join(said)} in the lessons")
    return fine(f"no hosted default retires within {registry.WARN_BEFORE.days} days")


def _hosted(day: date) -> tuple[Model, Model]:
    return registry.hosted_chat(day), registry.hosted_encoder(day)


def verified(today: date) -> Finding:
    """Has somebody compared the registry with its sources in the last half year?"""
    entries = registry.models().values()
    old = [one.id for one in entries if one.verified_on < today - VERIFY_AGAIN]
    if old:
        detail = f"verified more than {VERIFY_AGAIN.days} days ago: {', '.join(old)}"
        return fail(detail, "compare each with its `source`, then set `verified_on`")
    oldest = min(one.verified_on for one in entries)
    return fine(f"{len(entries)} models, each verified on {oldest} or later")
