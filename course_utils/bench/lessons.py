"""All lessons, one after the other: minutes, and the memory of the largest."""

import sys
from collections.abc import Mapping

from course_utils.errors import CourseError
from course_utils.teach.run import run_notebooks

LONGEST = 10


def measure() -> dict:
    """Run every lesson on a copy, as ``course run`` does; 20 to 40 minutes on two cores.

    Returns:
        ``minutes``, ``peak_mb`` and ``largest`` (the lesson that needs most memory), ``lessons``
        (seconds, peak MB and the slowest cells of each), ``longest_cells`` (see there).

    Raises:
        CourseError: A lesson failed, so that its time says nothing.
    """
    report = run_notebooks([], say=lambda text: print(text, file=sys.stderr))
    runs = report["notebooks"]
    if failed := [run["name"] for run in runs if not run["ok"]]:
        raise CourseError(f"{', '.join(failed)} failed", "`course run` shows the errors")
    largest = max(runs, key=lambda run: run["peak_mb"])
    by_lesson = {
        run["name"][:2]: {key: run[key] for key in ("seconds", "peak_mb", "slowest")}
        for run in runs
    }
    return {
        "minutes": round(sum(run["seconds"] for run in runs) / 60, 1),
        "peak_mb": largest["peak_mb"],
        "largest": largest["name"][:2],
        "lessons": by_lesson,
        "longest_cells": longest_cells(by_lesson),
    }


def longest_cells(by_lesson: Mapping[str, dict]) -> dict:
    """Where the minutes go: the longest cells of all lessons together.

    Args:
        by_lesson: Lesson → ``slowest``, as ``NotebookRun`` has it.

    Returns:
        ``minutes`` that they take, and ``cells``, the lesson, seconds and first line of each.
    """
    found = [
        cell | {"lesson": lesson} for lesson, run in by_lesson.items() for cell in run["slowest"]
    ]
    found = sorted(found, key=lambda cell: -cell["seconds"])[:LONGEST]
    return {
        "minutes": round(sum(cell["seconds"] for cell in found) / 60, 1),
        "cells": [f"{cell['lesson']}, {cell['seconds']:.0f} s: {cell['begins']}" for cell in found],
    }
