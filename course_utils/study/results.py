"""Keeps a study's result with what it takes to judge it: date, machine, versions, command."""

import importlib.metadata
import json
import os
import platform
from datetime import date
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.settings import DATA, write_atomic

RESULTS = DATA / "results"


def save_result(name: str, result: dict, command: str, packages: tuple[str, ...]) -> Path:
    """Write ``data/results/NAME.json``.

    Args:
        name: The study's name.
        result: What was measured; JSON types only.
        command: What prints it again.
        packages: Distributions whose versions matter to the figures.
    """
    path = RESULTS / f"{name}.json"
    write_atomic(path, json.dumps({"about": about(command, packages), **result}, indent=1) + "\n")
    return path


def about(command: str, packages: tuple[str, ...]) -> dict:
    """What it takes to judge a figure: date, machine, versions, and what prints it again."""
    return {
        "command": command,
        "date": date.today().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, no GPU used",
        "python": platform.python_version(),
        "versions": {package: importlib.metadata.version(package) for package in packages},
    }


def load_result(name: str) -> dict:
    """Read ``data/results/NAME.json``.

    Raises:
        CourseError: The study was never run.
    """
    path = RESULTS / f"{name}.json"
    if not path.exists():
        raise CourseError(f"no result {name!r} in {RESULTS}", f"run `course study {name}`")
    return json.loads(path.read_text(encoding="utf-8"))
