"""All lessons, one after the other: minutes, and the memory of the largest."""

import sys

from course_utils.errors import CourseError
from course_utils.teach.run import run_notebooks


def measure() -> dict:
    """Run every lesson on a copy, as ``course run`` does; 20 to 40 minutes on two cores.

    Returns:
        ``minutes``, ``peak_mb`` and ``largest`` (the lesson that needs most memory), ``lessons``
        (seconds, peak MB and the slowest cells of each).

    Raises:
        CourseError: A lesson failed, so that its time says nothing.
    """
    report = run_notebooks([], say=lambda text: print(text, file=sys.stderr))
    runs = report["notebooks"]
    if failed := [run["name"] for run in runs if not run["ok"]]:
        raise CourseError(f"{', '.join(failed)} failed", "`course run` shows the errors")
    largest = max(runs, key=lambda run: run["peak_mb"])
    return {
        "minutes": round(sum(run["seconds"] for run in runs) / 60, 1),
        "peak_mb": largest["peak_mb"],
        "largest": largest["name"][:2],
        "lessons": {
            run["name"][:2]: {key: run[key] for key in ("seconds", "peak_mb", "slowest")}
            for run in runs
        },
    }
