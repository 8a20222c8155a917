"""The project's test command: lint, unit tests, every notebook under nbval."""

import os
import subprocess
import sys
import time

from course_utils.errors import CourseError
from course_utils.settings import REPO
from course_utils.teach.run import CELL_TIMEOUT_S, QUIET

PARTS = ("lint", "unit", "notebooks")
NBVAL = [
    "--nbval",
    "--nbval-current-env",
    # Without a limit nbval waits half an hour for a dead kernel.
    f"--nbval-cell-timeout={CELL_TIMEOUT_S}",
    "--nbval-sanitize-with=tests/nbval_sanitize.cfg",
]


def check(only: str | None = None, everything: bool = False) -> int:
    """Run the checks, printing each command before it runs.

    Args:
        only: One of ``lint``, ``unit``, ``notebooks``; ``None`` runs all three.
        everything: Tests marked slow run too.

    Returns:
        0 when all passed, otherwise the first failing command's exit code.

    Raises:
        CourseError: There is no such part.
    """
    if only is not None and only not in PARTS:
        raise CourseError(f"no part {only!r}", f"--only takes one of: {', '.join(PARTS)}")
    python = [sys.executable, "-m"]
    commands = {
        "lint": [
            [*python, "ruff", "check", "."],
            [*python, "ruff", "format", "--check", "."],
            [*python, "codespell_lib", "."],
        ],
        "unit": [[*python, "pytest", "tests", *([] if everything else ["-m", "not slow"])]],
        "notebooks": [[*python, "pytest", *NBVAL, "notebooks"]],
    }
    outcome = 0
    for part in PARTS if only is None else (only,):
        for command in commands[part]:
            print(f"\n== {part}: {' '.join(command[2:])}", flush=True)
            started = time.monotonic()
            code = subprocess.run(command, cwd=REPO, env=os.environ | QUIET).returncode
            verdict = "passed" if code == 0 else f"FAILED (exit code {code})"
            print(f"== {part}: {verdict} in {time.monotonic() - started:.0f} s", flush=True)
            outcome = outcome or code
    return outcome
