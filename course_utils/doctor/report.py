"""What the doctor found, for the screen and for an issue."""

import getpass
import os
import platform
import re
from pathlib import Path

import psutil

from course_utils.doctor.finding import course
from course_utils.doctor.packages import installed
from course_utils.settings import own_key

# What most reports turn on; the rest stands in the check of the packages.
NAMED = ("openai", "langchain-core", "langchain-openai", "chromadb", "xllamacpp", "jupyterlab")
TRAINERS = ("torch", "transformers", "peft", "trl")


def lines(report: dict) -> str:
    """A report as the terminal shows it, a cure below each check that has one."""
    shown = []
    for check in report["checks"]:
        shown.append(f"{_verdict(check)}  {check['name']}: {check['detail']}")
        if check["cure"]:
            shown.append(f"        -> {check['cure']}")
    return "\n".join(shown)


def verdict(report: dict) -> str:
    """The last line: what became of the checks."""
    failed = sum(not check["ok"] for check in report["checks"])
    if not failed:
        return "This machine is ready."
    several = "checks" if failed > 1 else "check"
    return f"{failed} {several} failed. If the cures do not help: {course('doctor --report')}"


def markdown(report: dict) -> str:
    """A report to paste into an issue: versions and checks, no key, no name of a user."""
    found = [f"- {name} {installed(name) or 'not installed'}" for name in (*NAMED, *TRAINERS)]
    text = "\n".join(
        [
            "### Versions",
            "",
            f"- course {installed('rag-or-fine-tuning') or 'not installed'}",
            f"- Python {platform.python_version()}, {platform.platform()}",
            f"- {psutil.cpu_count()} CPUs, {psutil.virtual_memory().total / 1e9:.0f} GB of memory",
            *found,
            "",
            "### Checks",
            "",
            "```text",
            lines(report),
            "```",
        ]
    )
    return anonymous(text)


def anonymous(text: str) -> str:
    """Text without key, home folder and user's name."""
    key = own_key()
    if key and len(key) >= 8:  # short ones are words such as "none"
        text = text.replace(key, "[key]")
    flags = re.IGNORECASE if os.name == "nt" else 0
    homes = {str(Path.home()), str(Path.home().resolve()), Path.home().as_posix()}
    for home in sorted(homes - {"/"}, key=len, reverse=True):
        text = re.sub(rf"(?<![\w.~-]){re.escape(home)}(?![\w.-])", "~", text, flags=flags)
    # Elsewhere than in the home folder, as in /media/NAME/disk.
    return re.sub(rf"(?<=[/\\]){re.escape(_user())}(?![\w.-])", "USER", text, flags=flags)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a number without a name, as in some containers
        return "USER"


def _verdict(check: dict) -> str:
    if not check["ok"]:
        return "FAIL"
    return "note" if check["cure"] else "ok  "
