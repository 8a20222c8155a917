"""Loopback, proxies and the endpoint: real sockets, real processes, a machine without network."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from course_utils.doctor import network
from course_utils.endpoint import process
from course_utils.settings import REPO


def unshared(*command):
    """Runs a command where there is no network, not even loopback (Linux)."""
    unshare = shutil.which("unshare")
    works = (
        unshare and subprocess.run([unshare, "-rn", "true"], capture_output=True).returncode == 0
    )
    if not works:
        pytest.skip("this machine makes no network namespaces")
    return subprocess.run(
        [unshare, "-rn", *command], capture_output=True, text=True, cwd=REPO, timeout=60
    )


def test_without_any_network_it_ends_soon_and_says_what_is_missing(machine):
    started = time.monotonic()
    done = unshared(sys.executable, "-m", "course_utils.cli", "doctor", "--json")
    assert time.monotonic() - started < 20  # two seconds on a machine with nothing else to do
    failed = {c["name"]: c for c in json.loads(done.stdout)["checks"] if not c["ok"]}
    assert "127.0.0.1" in failed["loopback"]["detail"]
    assert "firewall" in failed["loopback"]["cure"]
    assert set(failed) <= {"loopback", "memory", "disk"}
    assert done.returncode == 1


# ----------------------------------------------------------------------------------------- endpoint


@pytest.fixture
def note(machine):
    """Leaves a note of an endpoint in the course home."""

    def leave(pid, port):
        endpoint = {"base_url": f"http://127.0.0.1:{port}/v1", "pid": pid}
        process.state_file().parent.mkdir(parents=True, exist_ok=True)
        process.state_file().write_text(json.dumps(endpoint))

    return leave


@pytest.fixture
def dead():
    """The number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def test_none_is_no_trouble(look):
    assert look("endpoint")["detail"] == "not running (connect() starts it)"


def test_a_note_of_a_dead_one_and_its_cure(look, note, dead):
    note(dead, closed_port())
    found = look("endpoint")
    assert found["ok"]  # connect() starts another
    assert f"one that has ended (process {dead})" in found["detail"]
    assert "another program" not in found["detail"]
    assert "stop`" in found["cure"]
    assert process.stop() is False
    assert not process.state_file().exists()
    assert look("endpoint")["cure"] == ""


def test_strangers_with_its_number_and_on_its_port(look, note, host):
    note(os.getpid(), host.server_port)
    found = look("endpoint")
    assert "another program has its number now" in found["detail"]
    assert f"another program has its port {host.server_port} now" in found["detail"]
    assert process.stop() is False
    assert psutil.pid_exists(os.getpid())
    assert look("endpoint")["cure"] == ""


@pytest.mark.skipif(os.name == "nt", reason="no SIGSTOP there")
def test_one_that_runs_and_one_that_hangs(look, monkeypatch):
    endpoint = process.ensure_running()
    try:
        assert look("endpoint")["detail"] == f"running at {endpoint.base_url}"
        os.kill(endpoint.pid, signal.SIGSTOP)
        monkeypatch.setattr(network, "ENDPOINT_S", 0.3)
        found = look("endpoint")
        assert found["ok"] is False  # it holds the course home, so no other could start
        assert (
            f"process {endpoint.pid} serves this course home and gives no answer" in found["detail"]
        )
        assert "stop`" in found["cure"]
    finally:
        assert process.stop(timeout_s=1)
    assert look("endpoint")["detail"].startswith("not running")
    assert not psutil.pid_exists(endpoint.pid) or psutil.Process(endpoint.pid).status() == "zombie"


# ------------------------------------------------------------------------------------------ proxies


@pytest.fixture
def proxy():
    """The address of something that listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "all_proxy"])
def test_a_proxy_without_exception_for_this_machine(look, monkeypatch, proxy, name):
    monkeypatch.setenv(name, f"http://me:secret@{proxy}")
    found = look("proxy")
    assert found["ok"]
    assert f"{name.upper()}=http://{proxy}; NO_PROXY lacks this machine" in found["detail"]
    assert "NO_PROXY=127.0.0.1,localhost`" in found["cure"]
    assert "secret" not in str(found)
    monkeypatch.setenv("NO_PROXY", "intranet,127.0.0.1")
    assert look("proxy")["detail"] == f"{name.upper()}=http://{proxy}, not used on this machine"
    assert look("proxy")["cure"] == ""


def test_a_proxy_without_a_scheme_is_taken_as_clients_take_it(look, monkeypatch, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("NO_PROXY", "*")
    assert look("proxy")["cure"] == ""


def test_an_address_of_this_machine_is_no_base_url_to_worry_about(look, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8100/v1")
    assert look("base url")["cure"] == ""
