"""The ``openai`` package when something fails on the way: it tries again, or says what it was.

A small server stands in front of the endpoint: it fails as it is told, then passes requests on.
"""

import http.server
import json
import socket
import threading
import time
from types import SimpleNamespace

import httpx
import openai
import pytest
from langchain_openai import ChatOpenAI

LONG = "Write the numbers from one to nine hundred in words, each on its own line."
BUSY = (429, {"Retry-After": "1"})
# Fault → what a client that does not try again raises.
FAULTS = {
    "busy": (BUSY, openai.RateLimitError),
    "not ready": ((503, {}), openai.InternalServerError),
    "broken": ((500, {}), openai.InternalServerError),
    "hung up": ("hang up", openai.APIConnectionError),
    "cut off": ("cut", openai.APIConnectionError),
    "silent": ("wait", openai.APITimeoutError),
}


class Door(http.server.BaseHTTPRequestHandler):
    """One connection to the server in front."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(SimpleNamespace(headers=self.headers, at=time.monotonic()))
        fault = self.server.faults.pop(0) if self.server.faults else None
        if isinstance(fault, tuple):
            status, headers = fault
            error = {"message": "told to fail", "type": "server_error", "param": None, "code": None}
            self._send(status, {"Content-Type": "application/json", **headers}, {"error": error})
        elif fault == "hang up":
            self._hang_up()
        elif fault == "wait":
            self.server.stopping.wait(10)
            self._hang_up()
        else:
            kept = {name: self.headers[name] for name in ("Authorization", "Content-Type")}
            url = self.server.root + self.path
            answer = httpx.post(url, content=body, headers=kept, timeout=60, trust_env=False)
            headers = {"Content-Type": answer.headers["content-type"]}
            self._send(answer.status_code, headers, answer.content, cut=fault == "cut")

    def _send(self, status, headers, body, cut=False):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self._hang_up()

    def _hang_up(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture
def door(endpoint):
    """The server in front: ``faults`` to come, ``requests`` so far, ``base_url``."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.root = endpoint.base_url.removesuffix("/v1")
    server.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    server.faults, server.requests, server.stopping = [], [], threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.stopping.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def through(door):
    """``through(**options)`` → a client that asks through the door."""

    def through(kind=openai.OpenAI, **options):
        return kind(**{"base_url": door.base_url, "api_key": "unused", "timeout": 30, **options})

    return through


@pytest.fixture
def asked(chat_id):
    messages = [{"role": "user", "content": "Name a river."}]
    return {"model": chat_id, "messages": messages, "temperature": 0, "seed": 1, "max_tokens": 6}


@pytest.fixture
def answer(client, asked):
    return client.chat.completions.create(**asked).choices[0].message.content


@pytest.mark.parametrize("name", FAULTS)
def test_it_tries_again(door, through, asked, answer, name):
    fault, _ = FAULTS[name]
    door.faults = [fault]
    client = through(max_retries=2, timeout=3 if fault == "wait" else 30)
    raw = client.chat.completions.with_raw_response.create(**asked)
    assert raw.parse().choices[0].message.content == answer
    assert raw.retries_taken == 1
    assert [r.headers["x-stainless-retry-count"] for r in door.requests] == ["0", "1"]
    if fault == BUSY:
        first, second = door.requests
        assert second.at - first.at >= 1  # its own pause would be half a second at most


@pytest.mark.parametrize("name", FAULTS)
async def test_without_retries_it_says_what_it_was(door, through, asked, name):
    fault, error = FAULTS[name]
    door.faults = [fault, fault]
    options = {"max_retries": 0, "timeout": 0.5 if fault == "wait" else 30}
    with pytest.raises(error) as sync:
        through(**options).chat.completions.create(**asked)
    with pytest.raises(error) as other:
        async with through(openai.AsyncOpenAI, **options) as client:
            await client.chat.completions.create(**asked)
    assert type(sync.value) is type(other.value) is error
    assert len(door.requests) == 2


async def test_async_and_streams_try_again(door, through, asked, answer):
    async with through(openai.AsyncOpenAI, max_retries=1) as client:
        door.faults = [(503, {})]
        found = await client.chat.completions.create(**asked)
        assert found.choices[0].message.content == answer
        door.faults = ["hang up"]
        stream = await client.chat.completions.create(**asked, stream=True)
        chunks = [c.choices[0].delta.content or "" async for c in stream]
        assert "".join(chunks) == answer
    assert len(door.requests) == 4


def test_it_gives_up_at_last(door, through, asked):
    door.faults = [(503, {})] * 3
    with pytest.raises(openai.InternalServerError, match="told to fail"):
        through(max_retries=1).chat.completions.create(**asked)
    assert len(door.requests) == 2


def test_a_refusal_is_not_tried_again(door, through, asked):
    with pytest.raises(openai.BadRequestError):
        through(max_retries=2).chat.completions.create(**{**asked, "temperature": 3})
    with pytest.raises(openai.NotFoundError):
        through(max_retries=2).chat.completions.create(**{**asked, "model": "none"})
    assert len(door.requests) == 2


@pytest.mark.parametrize("fault", [(503, {}), "cut"])
def test_an_upload_tried_again_is_whole(door, through, client, tmp_path, fault):
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"{}\n" * 100_000)
    door.faults = [fault]
    with path.open("rb") as opened:
        file = through(max_retries=1).files.create(file=opened, purpose="fine-tune")
    assert len(door.requests) == 2
    assert client.files.content(file.id).read() == path.read_bytes()


def test_langchain_tries_again(door, asked, answer):
    door.faults = [(503, {})]
    settings = {name: value for name, value in asked.items() if name != "messages"}
    chat = ChatOpenAI(base_url=door.base_url, api_key="unused", **settings)
    assert chat.invoke("Name a river.").content == answer
    assert len(door.requests) == 2


def test_too_slow_an_answer(client, asked, becomes_idle):
    """The endpoint itself is slower than the client's patience, and stops when it is left."""
    long = {**asked, "messages": [{"role": "user", "content": LONG}], "max_tokens": 3000}
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.7).chat.completions.create(**long)
    assert becomes_idle(2)


def test_nobody_listens(free_port, asked):
    client = openai.OpenAI(
        base_url=f"http://127.0.0.1:{free_port()}/v1", api_key="unused", max_retries=1
    )
    with pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(**asked)
