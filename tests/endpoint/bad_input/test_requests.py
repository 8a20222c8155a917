"""The corpus of nasty requests, sent over plain connections."""

import contextlib
import json
import re
import socket
import time

import pytest

from bad_input.nasty_requests import corpus
from course_utils import registry

SOONEST_S = 30


class _Names:
    """What the names of the corpus need; the bytes are made anew for the real target."""

    chat_id, encoder_id = registry.local_chat().id, registry.local_encoder().id
    file_id = job_id = "x"


NAMES = [name for name, _ in corpus(_Names)]


@pytest.fixture(scope="module")
def requests(target):
    target.encoder_id = _Names.encoder_id
    return dict(corpus(target))


@pytest.fixture(scope="module")
def send(target):
    """``send(bytes)`` → status (None: no answer), headers, body; until the server closes."""

    def send(request):
        with socket.create_connection(target.address, timeout=SOONEST_S) as connection:
            with contextlib.suppress(OSError):  # refused before all was sent: read what was said
                connection.sendall(request)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := connection.recv(65536):
                    answer += piece
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head:
            return None, "", b""
        status, *headers = head.decode("latin-1").split("\r\n")
        headers = "\n".join(headers).lower()
        if length := re.search("content-length: ([0-9]+)", headers):
            body = body[: int(length[1])]  # behind it, the answer to what looked like a request
        return int(status.split()[1]), headers, body

    return send


def test_the_corpus_is_large_and_its_names_differ():
    assert len(NAMES) == len(set(NAMES)) > 300


@pytest.mark.parametrize("name", NAMES)
def test_answered(name, requests, send, check_error):
    started = time.monotonic()
    status, headers, body = send(requests[name])
    assert time.monotonic() - started < SOONEST_S
    assert status is not None and status < 500, body
    group = name.partition(":")[0]
    if group in ("fine", "name"):
        assert status == 200, body
    elif group != "either":
        assert status >= 400, body
    if status >= 400:
        assert "content-type: application/json" in headers
        check_error(json.loads(body))


def test_names_come_back_and_add_no_headers(target, send, requests):
    kept = 0
    for file in target.client.files.list():
        answer = target.client.files.with_raw_response.content(file.id)
        assert "set-cookie" not in answer.headers and "x" not in answer.headers
        assert len(answer.headers["content-disposition"]) < 5000
        kept += file.filename.startswith(("..", "/", "C:"))
    assert kept
