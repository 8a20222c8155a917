"""One endpoint per course home: start, share, stop, and what is left after a kill."""

import json
import os
import subprocess
import sys
import time

import httpx
import openai
import psutil
import pytest

from course_utils import registry
from course_utils.endpoint import process
from course_utils.errors import CourseError
from course_utils.settings import REPO

ENSURE = (
    "import json; from dataclasses import asdict;"
    "from course_utils.endpoint.process import ensure_running;"
    "print(json.dumps(asdict(ensure_running())))"
)


@pytest.fixture
def fresh(home):
    """An empty course home whose endpoint, if any, is stopped afterwards."""
    yield home
    process.stop()


def in_another_process():
    return subprocess.Popen(
        [sys.executable, "-c", ENSURE], stdout=subprocess.PIPE, text=True, cwd=REPO
    )


def ends_within(seconds, pid, meanwhile=lambda: None):
    """True once the process is gone; one whose parent has not looked yet counts as gone."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        meanwhile()
        time.sleep(0.05)
    return False


def test_start_share_stop(fresh):
    assert process.running() is None
    assert process.stop() is False
    # Two at once, in real processes, and then a third here: all get the same one.
    starting = [in_another_process() for _ in range(2)]
    found = [json.loads(one.communicate(timeout=60)[0]) for one in starting]
    third = process.ensure_running()
    assert found[0] == found[1]
    assert third == process.Endpoint(**found[0]) == process.running()
    assert httpx.get(f"{third.base_url}/models").status_code == 200
    assert process.stop() is True
    assert process.running() is None
    assert not process.state_file().exists()
    assert not psutil.pid_exists(third.pid)


def test_it_outlives_whoever_started_it_but_not_kill_9(fresh):
    starter = in_another_process()
    first = process.Endpoint(**json.loads(starter.communicate(timeout=60)[0]))
    assert starter.returncode == 0
    assert process.running() == first
    psutil.Process(first.pid).kill()
    assert ends_within(5, first.pid)
    assert process.state_file().exists()  # it had no time to tidy up
    assert process.running() is None
    second = process.ensure_running()
    assert second.pid != first.pid
    assert process.running() == second


@pytest.mark.parametrize(
    "left",
    [
        "",
        "{",
        "[]",
        '{"base_url": "http://127.0.0.1:9/v1", "pid": 999999, "port": 9}',
        # A live process that is no endpoint.
        f'{{"base_url": "http://127.0.0.1:9/v1", "pid": {os.getpid()}, "port": 9}}',
    ],
)
def test_a_stale_note_is_nobody(home, left):
    process.state_file().parent.mkdir(parents=True)
    process.state_file().write_text(left)
    assert process.running() is None
    assert process.stop() is False


def test_another_homes_endpoint_is_not_ours(home, endpoint):
    """The note names a live endpoint, but one that serves another course home."""
    process.state_file().parent.mkdir(parents=True)
    note = {"base_url": endpoint.base_url, "pid": endpoint.pid}
    process.state_file().write_text(json.dumps(note))
    assert process.running() is None
    assert process.stop() is False
    assert psutil.pid_exists(endpoint.pid)


def test_it_ends_when_nobody_asks(fresh, monkeypatch):
    monkeypatch.setenv("COURSE_IDLE_MINUTES", str(2 / 60))
    endpoint = process.ensure_running()
    client = openai.OpenAI(base_url=endpoint.base_url, api_key="unused", max_retries=0)
    # A long answer is no idleness, and looking at its health is no use of it.
    answer = client.chat.completions.create(
        model=registry.local_chat().id,
        messages=[{"role": "user", "content": "Write the numbers from one to 900 in words."}],
        max_tokens=300,
        temperature=0,
    )
    assert answer.usage.completion_tokens > 100
    assert ends_within(8, endpoint.pid, meanwhile=process.running)
    assert process.running() is None
    assert not process.state_file().exists()


def test_memory_is_free_while_nobody_asks(fresh):
    soon = "from course_utils.endpoint import serve; serve.UNLOAD_AFTER_S = 0.5; serve.serve()"
    command, environment = [sys.executable, "-c", soon], os.environ | process.ENVIRONMENT
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPO, env=environment) as server:
        try:
            server.stdout.readline()
            url, memory = process.running().base_url, psutil.Process(server.pid).memory_info
            client = openai.OpenAI(base_url=url, api_key="unused", max_retries=0)

            def asked():
                client.embeddings.create(model=registry.local_encoder().id, input="Hello")
                answer = client.chat.completions.create(
                    model=registry.local_chat().id,
                    messages=[{"role": "user", "content": "Hello"}],
                    max_tokens=8,
                    temperature=0,
                )
                return answer.choices[0].message.content, memory().rss

            words, loaded = asked()
            deadline = time.monotonic() + 20
            while memory().rss > 0.6 * loaded and time.monotonic() < deadline:
                time.sleep(0.1)
            assert memory().rss <= 0.6 * loaded
            assert asked()[0] == words
        finally:
            server.terminate()


def test_unprepared_models_are_named_with_the_cure(home, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_MODELS_DIR", str(tmp_path / "none"))
    with pytest.raises(CourseError, match="course models prepare"):
        process.ensure_running()


def test_a_damaged_model_shows_the_log(home, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_MODELS_DIR", str(tmp_path / "models"))
    model = registry.local_chat()
    for weights in model.files:
        path = registry.file_path(model, weights)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:  # the right size, nothing in it
            file.truncate(weights.bytes)
    with pytest.raises(CourseError) as caught:
        process.ensure_running()
    assert "log.txt" in str(caught.value) and "course doctor" in str(caught.value)


def serve(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "course_utils.cli", "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPO,
    )


def test_foreground_with_an_alias(fresh):
    chat, alias = registry.local_chat().id, registry.hosted_chat().id
    foreground = serve("--port", "0", "--alias", f"{alias}={chat}")
    try:
        line = foreground.stdout.readline()
        endpoint = process.running()
        assert endpoint.base_url in line
        client = openai.OpenAI(base_url=endpoint.base_url, api_key="unused")
        answer = client.chat.completions.create(
            model=alias, messages=[{"role": "user", "content": "Hi"}], max_tokens=2
        )
        assert answer.model == chat  # who answered, not who was asked for
        assert client.models.retrieve(alias).alias_of == chat
        assert alias in {model.id for model in client.models.list()}

        second = serve("--port", "0")
        _, message = second.communicate(timeout=30)
        assert second.returncode == 1
        assert "running already" in message and endpoint.base_url in message
        assert process.ensure_running() == endpoint
    finally:
        foreground.terminate()
        foreground.wait(20)
    assert not process.state_file().exists()


def test_a_taken_port_is_named(home, endpoint):
    refused = serve("--port", str(endpoint.port))
    _, message = refused.communicate(timeout=30)
    assert refused.returncode == 1
    assert str(endpoint.port) in message and "--port" in message


def test_only_loopback(endpoint):
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(endpoint.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}
