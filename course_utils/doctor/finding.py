"""What a check found, and cures that can be typed as they stand."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

SETUP = "run `make setup`" if os.name != "nt" else r"run `py course_utils\bootstrap.py setup`"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        ok: False for what stops the course.
        detail: What was seen, in one line; never a key nor a password.
        cure: What to do, in one line; with ``ok``, an advice. Empty where there is nothing to do.
    """

    ok: bool
    detail: str
    cure: str = ""


def fine(detail: str) -> Finding:
    """Nothing to do."""
    return Finding(True, detail)


def note(detail: str, cure: str) -> Finding:
    """The course works, and something could be better."""
    return Finding(True, detail, cure)


def fail(detail: str, cure: str) -> Finding:
    """The course, or a part that was asked for, does not work."""
    return Finding(False, detail, cure)


def course(arguments: str) -> str:
    """A ``course`` command in backquotes, as it can be typed here, with or without activation."""
    script = Path(sys.executable).with_name("course.exe" if os.name == "nt" else "course")
    found = shutil.which("course")
    if found and Path(found).parent.resolve() == script.parent.resolve():
        return f"`course {arguments}`"
    if script.exists():
        return f"`{shown(script)} {arguments}`"
    return f"`{shown(Path(sys.executable))} -m course_utils.cli {arguments}`"


def python(arguments: str) -> str:
    """A command of this environment's Python in backquotes, as it can be typed here."""
    return f"`{shown(Path(sys.executable))} {arguments}`"


def shown(path: Path) -> str:
    """A path as a command line takes it: short where it lies below, quoted where it has spaces."""
    text = str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    return f'"{text}"' if " " in text else text
