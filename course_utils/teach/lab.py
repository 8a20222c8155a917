"""Opens the course in JupyterLab."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from course_utils.settings import NOTEBOOKS, REPO

FIRST_LESSON = NOTEBOOKS / "00_start_here.ipynb"


def open_lab(options: Sequence[str]) -> int:
    """Run JupyterLab on the first lesson until the user stops it.

    Its terminals find the `course` command.

    Args:
        options: Passed on to ``jupyter lab``, such as ``--no-browser`` or ``--port 8899``.

    Returns:
        JupyterLab's exit code.
    """
    first = FIRST_LESSON.relative_to(REPO).as_posix()
    print(f"Opening {first}. Ctrl+C twice ends JupyterLab.", flush=True)
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={REPO}"]
    command += [f"--LabApp.default_url=/lab/tree/{first}", *options]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # in a container root is often the only user
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    try:
        return subprocess.run(command, env=os.environ | {"PATH": path}).returncode
    except KeyboardInterrupt:
        return 0
