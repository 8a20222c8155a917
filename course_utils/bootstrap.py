"""Sets the course up from a bare clone, then opens or tests it. Standard library only.

    python course_utils/bootstrap.py setup          virtual environment, packages, models
    python course_utils/bootstrap.py lab  [ARGS…]   the same, then JupyterLab on the first lesson
    python course_utils/bootstrap.py test [ARGS…]   the same, then lint, unit tests, notebooks

The Makefile calls it; on Windows, where there is no make, call it yourself. Each step is skipped
when it is already done, so a second run takes seconds, and an interrupted one is simply run again.
With COURSE_NEWEST=1 in the environment the packages are the newest that pyproject.toml allows,
not those of constraints.txt: so the weekly check sees what breaks before learners do.
"""

from __future__ import annotations  # an old Python must get as far as being told so

import hashlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
VENV = REPO / ".venv"
STAMP = VENV / "course-setup.txt"
OLDEST_PYTHON = (3, 11)


def say(text: str) -> None:
    print(f"[course] {text}", flush=True)


def stop(what: str, cure: str) -> None:
    print(f"[course] {what}\n[course]   -> {cure}", file=sys.stderr)
    raise SystemExit(1)


def in_venv(program: str) -> Path:
    folder, suffix = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
    return VENV / folder / (program + suffix)


def setup() -> None:
    """Make ``.venv``, install the packages that pyproject.toml names, prepare the models."""
    if sys.version_info < OLDEST_PYTHON:
        stop(
            f"Python {sys.version.split()[0]} is too old.",
            "Install Python 3.11 or newer; then `make lab PYTHON=python3.11` (or newer).",
        )
    create_venv()
    install_packages()
    run(in_venv("course"), "models", "prepare", failure="The models could not be prepared.")


def create_venv() -> None:
    if in_venv("python").exists() and works(in_venv("python"), "-c", "import pip"):
        return
    say(f"Creating the virtual environment {VENV} …")
    shutil.rmtree(VENV, ignore_errors=True)
    run(
        sys.executable, "-m", "venv", VENV,
        failure="The virtual environment could not be made "
        "(on Debian and Ubuntu: `sudo apt install python3-venv`).",
    )  # fmt: skip


def install_packages() -> None:
    wanted = fingerprint()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    import tomllib

    course = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["course"]
    say("Installing the packages (3 GB on disk; some minutes the first time) …")
    started = time.monotonic()
    pip = [in_venv("python"), "-m", "pip", "install", "--disable-pip-version-check"]
    failure = "Installing failed. Read pip's last lines above; then run the same command again."
    # torch goes first and alone, so that a CPU build already satisfies what the rest asks for.
    if not works(in_venv("python"), "-c", "import importlib.metadata as m; m.version('torch')"):
        index = cpu_index(course["torch_cpu_index"])
        run(*pip, *index, "torch" if newest() else course["torch"], failure=failure)
    extras = ",".join(course["extras"])
    run(*pip, *versions(course), "-e", f"{REPO}[{extras}]", failure=failure)
    # Written last: an interrupted installation is taken up again by the next run.
    STAMP.write_text(wanted)
    say(f"Packages installed in {time.monotonic() - started:.0f} s.")


def cpu_index(address: str) -> list[str]:
    """pip options that avoid CUDA libraries, where there is no NVIDIA GPU and the index answers."""
    if sys.platform != "linux" or shutil.which("nvidia-smi"):
        return []  # elsewhere the ordinary build is the CPU (or Metal) build already
    try:
        urllib.request.urlopen(f"{address}/torch/", timeout=5).close()
    except (OSError, http.client.HTTPException, ValueError):
        return []
    say("No NVIDIA GPU found: taking PyTorch's CPU build.")
    return ["--extra-index-url", address]


def newest() -> bool:
    """True when the newest allowed packages are asked for, and not the tested ones."""
    return os.environ.get("COURSE_NEWEST", "") not in {"", "0"}


def versions(course: dict) -> list[object]:
    """pip options that say which versions to take."""
    if not newest():
        return ["-c", REPO / "constraints.txt"]
    # The CPU index again: torch may be upgraded too.
    return ["--upgrade", "--upgrade-strategy=eager", *cpu_index(course["torch_cpu_index"])]


def fingerprint() -> str:
    """Changes whenever the packages have to be installed again."""
    files = (REPO / "pyproject.toml", REPO / "constraints.txt")
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files))
    kept = {"files": digest.hexdigest(), "python": sys.version, "at": str(REPO)}
    # Only where it is asked for, so that a stamp of old still counts.
    return json.dumps(kept | ({"newest": True} if newest() else {}))


def works(*command: object) -> bool:
    try:
        return subprocess.run([str(part) for part in command], capture_output=True).returncode == 0
    except OSError:  # there, but not a program (any more)
        return False


def run(*command: object, failure: str) -> None:
    done = subprocess.run([str(part) for part in command], cwd=REPO)
    if done.returncode:
        stop(failure, f"The command was: {' '.join(str(part) for part in command)}")


def hand_over(*command: object) -> None:
    """End as ``command`` ends, passing its exit code on."""
    try:
        raise SystemExit(subprocess.run([str(part) for part in command], cwd=REPO).returncode)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def main(arguments: list[str]) -> None:
    task, *rest = arguments or ["help"]
    if task not in {"setup", "lab", "test"}:
        print(__doc__)
        raise SystemExit(0 if task in {"help", "-h", "--help"} else 2)
    setup()
    if task == "setup":
        say("Ready. `make lab` opens the course, `make test` runs its tests.")
    else:
        hand_over(in_venv("course"), task, *rest)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        stop("Interrupted.", "Run the same command again: it goes on where it stopped.")
