"""The life of the one endpoint of a ``COURSE_HOME``: start or find it, ask for it, stop it.

Only the standard library, psutil and filelock are imported here: ``connect()`` has to be quick.
"""

import contextlib
import errno
import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from filelock import FileLock, Timeout

from course_utils import registry
from course_utils.errors import CourseError
from course_utils.settings import REPO, refused, settings, write_atomic

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
LOG_LIMIT_BYTES = 1_000_000
SERVING = "serving.lock"
# For glibc's allocator: gives memory back after a burst (70 MB less after many embeddings).
ENVIRONMENT = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "1048576"}


@dataclass(frozen=True)
class Endpoint:
    """A running endpoint.

    Attributes:
        base_url: What an OpenAI client takes as ``base_url``.
        pid: Its process.
        is_class: Whether it wants to see a key.
    """

    base_url: str
    pid: int
    is_class: bool = False

    @property
    def port(self) -> int:
        """Its port."""
        return urlsplit(self.base_url).port


def home_id() -> str:
    """Tells the endpoints of two course homes apart, without naming a folder to clients."""
    return hashlib.sha256(str(settings().home).encode()).hexdigest()[:16]


def state_file() -> Path:
    """Where the running endpoint says who it is."""
    return settings().endpoint_dir / "endpoint.json"


def log_file() -> Path:
    """Where an endpoint in the background writes."""
    return settings().endpoint_dir / "log.txt"


def running(timeout_s: float = 10) -> Endpoint | None:
    """The endpoint of this course home, if it is alive and answers.

    Args:
        timeout_s: Seconds to wait. A machine at full load may take its time; a dead server refuses
            at once.
    """
    endpoint = noted()
    if endpoint is None or not psutil.pid_exists(endpoint.pid):
        return None
    health = _get(endpoint.base_url.removesuffix("/v1") + "/health", timeout_s)
    alive = health.get("home") == home_id() and health.get("pid") == endpoint.pid
    return endpoint if alive and health.get("status") == "ok" else None


def ensure_running() -> Endpoint:
    """Start the endpoint of this course home, or find the one that runs.

    Raises:
        CourseError: The model is not prepared, or the endpoint does not start within a minute
            (the message shows the end of its log).
    """
    endpoint = _in_use()
    if endpoint:
        return endpoint
    with _lock("starting.lock"):
        # Somebody else may have started it while we waited.
        endpoint = _in_use()
        return endpoint or _start()


def stop(timeout_s: float = STOP_TIMEOUT_S) -> bool:
    """End the endpoint of this course home; running answers may finish first.

    The note of one that was killed is removed.

    Args:
        timeout_s: Seconds after which it is ended by force.

    Returns:
        True when one was running.
    """
    try:
        with _lock(SERVING).acquire(timeout=0):  # nobody else can write the note meanwhile
            state_file().unlink(missing_ok=True)
            return False
    except Timeout:
        pass
    # The lock is held and the note is of its holder, so this is no stranger with an old pid.
    deadline = time.monotonic() + timeout_s
    while (endpoint := noted()) is None and is_served() and time.monotonic() < deadline:
        time.sleep(0.05)  # it is just starting
    if endpoint is None:
        return False
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(endpoint.pid)
        process.terminate()
        try:
            process.wait(timeout_s)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(timeout_s)
    state_file().unlink(missing_ok=True)
    return True


@contextlib.contextmanager
def serving() -> Iterator[None]:
    """Be the endpoint of this course home for a while (the server's side of this module).

    The system frees the lock even after ``kill -9``.

    Raises:
        CourseError: Another endpoint serves this course home.
    """
    try:
        # Not at once: another process may just be looking whether somebody holds it.
        lock = _lock(SERVING).acquire(timeout=1)
    except Timeout:
        other = noted()
        where = f" at {other.base_url} (process {other.pid})" if other else ""
        raise CourseError(
            f"an endpoint of {settings().home} is running already{where}",
            "use that one, or end its process first",
        ) from None
    with lock:
        state_file().unlink(missing_ok=True)  # of one that was killed
        try:
            yield
        finally:
            state_file().unlink(missing_ok=True)


def announce(base_url: str, is_class: bool = False) -> None:
    """Note where this process serves, within ``serving()`` and once it answers."""
    endpoint = Endpoint(base_url, os.getpid(), is_class)
    write_atomic(state_file(), json.dumps(asdict(endpoint)) + "\n")


def is_served() -> bool:
    """True while some process holds the serving lock, ready or not."""
    try:
        with _lock(SERVING).acquire(timeout=0):
            return False
    except Timeout:
        return True


def _in_use() -> Endpoint | None:
    """Like ``running()``, and the endpoint's idle time starts anew."""
    endpoint = running()
    if endpoint and (endpoint.is_class or _get(f"{endpoint.base_url}/models", timeout_s=10)):
        return endpoint
    return None


def noted() -> Endpoint | None:
    """The endpoint that this course home's note names, alive or not."""
    try:
        return Endpoint(**json.loads(state_file().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _start() -> Endpoint:
    # Said here at once rather than by a process that ends.
    registry.model_path(registry.local_chat(), "gguf")
    log = log_file()
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.unlink()
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "course_utils.cli", "serve"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # The package need not be installed, and the notebook's folder may vanish.
            cwd=REPO,
            env=_environment(),
            **_detached(),
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        endpoint = running()
        if endpoint:
            return endpoint
        # It ends when another one was quicker (`course serve` in a terminal): wait for that.
        if ended and not is_served():
            break
        time.sleep(0.05)
    else:
        process.kill()
    raise _not_started(f"it ended with code {process.returncode}" if ended else "it took too long")


def _environment() -> dict[str, str]:
    """What the endpoint inherits: not the user's key, which it has no use for."""
    return {k: v for k, v in {**ENVIRONMENT, **os.environ}.items() if k != "OPENAI_API_KEY"}


def _detached() -> dict:
    """Popen options that let the endpoint outlive the notebook and ignore its Ctrl-C."""
    if os.name == "nt":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return {"creationflags": flags}
    return {"start_new_session": True}


def _not_started(reason: str) -> CourseError:
    log = log_file()
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
    shown = "\n".join(f"    {line}" for line in lines)
    return CourseError(
        f"the local endpoint did not start: {reason}. The end of {log}:\n{shown}",
        "run `course doctor`; `course serve` shows the endpoint's start on the screen",
    )


def _lock(name: str) -> FileLock:
    folder = settings().endpoint_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, "no permission to write", str(folder))
    except OSError as error:
        raise refused(error) or error from None
    return FileLock(folder / name)


def _get(url: str, timeout_s: float) -> dict:
    """A JSON object from this machine, past any proxy; empty when nothing sensible comes."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=timeout_s) as answer:
            content = json.load(answer)
    except (OSError, ValueError, urllib.error.URLError):
        return {}
    return content if isinstance(content, dict) else {}
