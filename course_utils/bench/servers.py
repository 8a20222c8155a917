"""Other servers that answer OpenAI's client on a CPU, from the same weights.

Each runs with its own defaults, in a process of its own, and is asked as the endpoint is.
"""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import IO

import httpx
from openai import OpenAI

from course_utils import registry
from course_utils.errors import CourseError
from course_utils.finetune.base import prepare_base

START_TIMEOUT_S = 180


@dataclass(frozen=True)
class Server:
    """How another server is started, and what it calls the model.

    Attributes:
        package: What must be installed.
        command: Arguments for the Python interpreter, from the model's name.
        model: Makes the model's name: a file or folder.
    """

    package: str
    command: Callable[[str], list[str]]
    model: Callable[[], str]


SERVERS = {
    # Comes with the training extra.
    "transformers_serve": Server(
        "transformers",
        lambda model: [
            *("-c", "from transformers.cli.transformers import main; main()"),
            *("serve", model, "--device=cpu"),
        ],
        lambda: str(prepare_base(registry.local_chat())),
    ),
    # Compiles llama.cpp when it is installed, so the course does not bring it.
    "llama_cpp_python": Server(
        "llama_cpp",
        lambda model: ["-m", "llama_cpp.server", f"--model={model}"],
        lambda: str(registry.model_path(registry.local_chat(), "gguf")),
    ),
}


def installed() -> list[str]:
    """Names of the servers whose packages are there."""
    return [name for name, server in SERVERS.items() if find_spec(server.package)]


@contextmanager
def serving(name: str) -> Iterator[tuple[OpenAI, str]]:
    """One of ``SERVERS``, running: a client for it, and what it calls the model.

    Raises:
        CourseError: It ended, or did not answer in time.
    """
    server, port = SERVERS[name], free_port()
    model = server.model()
    command = [sys.executable, *server.command(model), "--host=127.0.0.1", f"--port={port}"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            if not _answers(process, f"http://127.0.0.1:{port}/"):
                raise CourseError(
                    f"{name} does not serve: {_last_line(log)}",
                    f"mend the installation of {server.package}, or measure without it",
                )
            yield OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none"), model
        finally:
            process.terminate()
            process.wait(30)


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _answers(process: subprocess.Popen, url: str) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            httpx.get(url, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return True  # whatever it says: these load their model before they listen
    return False


def _last_line(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it says nothing"
