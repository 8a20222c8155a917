"""Binder's build without Docker: repo2docker's steps, in its order, in a clean environment.

repo2docker copies the whole repository first, since the requirements name a local file; it installs
``binder/requirements.txt`` from the repository's root, runs ``binder/postBuild`` there, and starts
the image through ``binder/start``. The folder is also the user's home.
"""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="Binder is Linux")]
NO_NETWORK = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}


def python_of(runtime: str) -> str:
    """The interpreter that ``runtime.txt`` names, or where it is missing, the running one."""
    return shutil.which(runtime.strip().replace("-", "")) or sys.executable


def clean(home, venv) -> dict:
    """The environment of a new user, with the virtual environment first on the path."""
    kept = {k: v for k, v in os.environ.items() if k.startswith("PIP_") or k in ("LANG", "TMPDIR")}
    return kept | {"HOME": str(home), "PATH": f"{venv / 'bin'}:{os.environ['PATH']}"}


def test_the_image_builds_and_lesson_00_runs_in_it_without_the_network(source_tree, tmp_path):
    venv = tmp_path / "venv"
    environment = clean(source_tree, venv)

    def step(*command, **more):
        started = time.monotonic()
        done = subprocess.run(
            [str(part) for part in command], cwd=source_tree, env=environment | more,
            capture_output=True, text=True,
        )  # fmt: skip
        print(f"{time.monotonic() - started:.0f} s: {' '.join(map(str, command))}")
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    runtime = (source_tree / "binder" / "runtime.txt").read_text()
    step(python_of(runtime), "-m", "venv", venv)
    step("pip", "install", "--no-cache-dir", "-r", "binder/requirements.txt")
    step("./binder/postBuild", PIP_RETRIES="1")  # where PyTorch's index cannot be asked
    assert step("python", "-c", "import torch; print(torch.version.cuda)") == "None\n"
    assert "no endpoint" in step("course", "stop")  # a trace of one would greet every learner
    try:
        report = json.loads(step("./binder/start", "course", "run", "00", "--json", **NO_NETWORK))
    finally:
        step("course", "stop")
    assert report["ok"], report
    print(report, step("du", "-sh", venv, source_tree / ".course"))
    assert report["notebooks"][0]["peak_mb"] < 2000
