"""What a learner waits for before asking anything: the import, and JupyterLab once set up."""

import secrets
import statistics
import subprocess
import sys
import time

import httpx
import psutil

from course_utils import bootstrap
from course_utils.bench.servers import free_port
from course_utils.errors import CourseError
from course_utils.settings import REPO
from course_utils.teach.lab import FIRST_LESSON

IMPORTS, LABS = 9, 3
START_TIMEOUT_S = 120.0
# The interpreter's own start is not in it.
IMPORT = "import time; t = time.perf_counter(); import course_utils; print(time.perf_counter() - t)"


def measure(imports: int = IMPORTS, labs: int = LABS) -> dict:
    """Run the benchmark: half a minute or so.

    Args:
        imports: Fresh interpreters that import the package.
        labs: Starts of ``make lab``, after one of warm-up.

    Returns:
        ``import_s`` (median) and ``lab_s`` (median seconds from ``make lab`` to JupyterLab
        serving the first lesson's page), each with its ``…_spread`` (lowest and highest).

    Raises:
        CourseError: This copy is not set up, or JupyterLab does not start within two minutes.
    """
    imported = [_import_s() for _ in range(imports)]
    if not (bootstrap.STAMP.exists() and bootstrap.STAMP.read_text() == bootstrap.fingerprint()):
        raise CourseError("this copy is not set up, or its packages changed", "run `make setup`")
    started = [_lab_s() for _ in range(labs + 1)][1:]
    return {
        "import_s": round(statistics.median(imported), 4),
        "import_spread": [round(min(imported), 4), round(max(imported), 4)],
        "lab_s": round(statistics.median(started), 1),
        "lab_spread": [round(min(started), 1), round(max(started), 1)],
    }


def _import_s() -> float:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], cwd=REPO, check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def _lab_s() -> float:
    port = free_port()
    token = secrets.token_hex(16)
    # What `make lab` calls; the options are passed on to JupyterLab.
    command = [sys.executable, bootstrap.__file__, "lab", "--no-browser", f"--port={port}"]
    command += [f"--IdentityProvider.token={token}", "--ServerApp.port_retries=0"]
    page = f"http://127.0.0.1:{port}/lab/tree/{FIRST_LESSON.relative_to(REPO).as_posix()}"
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not _serves(page, token):
            late = time.perf_counter() - started > START_TIMEOUT_S
            if late or process.poll() is not None:
                raise CourseError("JupyterLab did not start", "`make lab` shows what it says")
            time.sleep(0.05)
        return time.perf_counter() - started
    finally:
        _end(process.pid)
        process.wait(30)


def _serves(page: str, token: str) -> bool:
    try:
        return httpx.get(page, params={"token": token}, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _end(pid: int) -> None:
    """End a process and what it started."""
    try:
        family = psutil.Process(pid).children(recursive=True)
        family.append(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return
    for process in family:
        try:
            process.terminate()
        except psutil.NoSuchProcess:
            continue
    for process in psutil.wait_procs(family, timeout=15)[1]:
        process.kill()
