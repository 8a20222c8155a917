"""Clients that dawdle, lie, vanish or never stop: cut off in time, while others are answered."""

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from bad_input.nasty_requests import (
    CHAT,
    FILES,
    FORM,
    JSON,
    MIB,
    PATIENCE_S,
    PURPOSE,
    chat,
    file_part,
    form,
    http,
)

# What a cut-off may take beyond the server's patience, on a machine with other work.
GRACE_S = 10
DRIP_S = 0.2
CHUNKED = (*JSON, "Transfer-Encoding: chunked")
CHUNKED_FORM = (*FORM, "Transfer-Encoding: chunked")


class Client:
    """A connection that remembers nothing and forgives everything."""

    def __init__(self, target):
        self.target = target
        self.socket = socket.create_connection(target.address, timeout=PATIENCE_S + GRACE_S)

    def send(self, data):
        self.socket.sendall(data)

    def drip(self, data, listening=True):
        """Send a byte now and then, until the server closes or, if it is heard, says something."""
        with contextlib.suppress(OSError):
            for at in range(len(data)):
                self.send(data[at : at + 1])
                time.sleep(DRIP_S)
                if listening and self.heard():
                    return

    def pour(self, piece, most):
        """Send the same over and over; returns the bytes that were taken."""
        sent = 0
        with contextlib.suppress(OSError):
            while sent < most and not self.heard():
                self.send(piece)
                sent += len(piece)
        return sent

    def heard(self):
        self.socket.setblocking(False)
        try:
            return self.socket.recv(1, socket.MSG_PEEK) is not None
        except BlockingIOError:
            return False
        finally:
            self.socket.settimeout(PATIENCE_S + GRACE_S)

    def answer(self):
        """Everything up to the end of the connection; a hang is an error."""
        got = b""
        with contextlib.suppress(ConnectionError):
            while piece := self.socket.recv(65536):
                got += piece
        return got

    def status(self):
        """Of the first answer; 0: the server has closed without one."""
        got = self.answer()
        return int(got.split()[1]) if got else 0


def kept_open(request):
    return request.replace(b"Connection: close\r\n", b"")


def silent(client):
    return client.status() == 0


def half_a_line(client):
    client.send(b"GET /v1/mo")
    return client.status() == 0


def dripped_head(client):
    client.drip(b"GET /v1/models HTTP/1.1\r\n" + b"X: y\r\n" * 20)
    return client.status() == 0


def half_a_second_head(client):
    client.send(kept_open(http("GET", "/v1/models", b"", ())) + b"GET /v1/mo")
    client.drip(b"d" * 100, listening=False)
    return client.answer().count(b"HTTP/1.1 ") == 1


def body_never_sent(client):
    client.send(http("POST", CHAT, length=100))
    return client.status() == 408


def body_never_continued(client):
    client.send(http("POST", CHAT, headers=(*JSON, "Expect: 100-continue"), length=100))
    return b" 408 " in client.answer()


def dripped_body(client):
    client.send(http("POST", CHAT, length=1000))
    client.drip(b" " * 100)
    return client.status() == 408


def dripped_chunks(client):
    client.send(http("POST", CHAT, headers=CHUNKED, length=None))
    client.drip(b"1\r\n \r\n" * 20)
    return client.status() == 408


def dripped_chunk_size(client):
    client.send(http("POST", CHAT, headers=CHUNKED, length=None))
    client.drip(b"0" * 100)
    return client.status() in (400, 408)


def dripped_upload(client):
    client.send(http("POST", FILES, form(PURPOSE, file_part(), end=""), FORM, length=10_000))
    client.drip(b"x" * 100)
    return client.status() == 408


def dripped_page_form(client):
    client.send(http("POST", "/", length=1000))
    client.drip(b"x" * 100)
    return 400 <= client.status() < 500


def endless_body(client):
    client.send(http("POST", CHAT, headers=CHUNKED, length=None))
    sent = client.pour(b"100000\r\n" + b" " * MIB + b"\r\n", 200 * MIB)
    return sent < 100 * MIB and client.status() in (0, 413)  # 0: reset while it still sent


def endless_upload(client):
    client.send(http("POST", FILES, headers=CHUNKED_FORM, length=None))
    head = form(PURPOSE, file_part(), end="")
    client.send(f"{len(head):x}\r\n".encode() + head + b"\r\n")
    sent = client.pour(b"100000\r\n" + b"x" * MIB + b"\r\n", 200 * MIB)
    return sent < 120 * MIB and client.status() in (0, 413)


def endless_chunk_extension(client):
    client.send(http("POST", CHAT, headers=CHUNKED, length=None) + b"1;")
    sent = client.pour(b"x" * MIB, 200 * MIB)
    return sent < 100 * MIB and client.status() in (0, 400, 408, 413)


def endless_head(client):
    client.send(b"GET /v1/models HTTP/1.1\r\n")
    sent = client.pour(b"X: y\r\n" * 50_000, 20 * MIB)
    return sent < 20 * MIB and client.status() in (0, 400)


def endless_line(client):
    client.send(b"GET /")
    sent = client.pour(b"x" * MIB, 200 * MIB)
    return sent < 100 * MIB and client.status() in (0, 400)


def endless_nothing(client):
    sent = client.pour(b"\r\n" * 100_000, 200 * MIB)
    return sent < 200 * MIB and client.status() in (0, 400)


def announced_much(client):
    client.send(http("POST", FILES, b"--xx\r\n", FORM, length=10**12))
    return client.status() in (408, 413)


def half_closed_in_the_head(client):
    client.send(b"GET /v1/models HTTP/1.1\r\nHost:")
    client.socket.shutdown(socket.SHUT_WR)
    return client.status() in (0, 400)


def half_closed_in_the_body(client):
    client.send(http("POST", CHAT, b'{"model":', length=1000))
    client.socket.shutdown(socket.SHUT_WR)
    return client.status() < 500


def half_closed_in_the_upload(client):
    client.send(http("POST", FILES, form(PURPOSE, file_part(), end=""), FORM, length=1000))
    client.socket.shutdown(socket.SHUT_WR)
    return client.status() < 500


def half_closed_in_a_chunk(client):
    client.send(http("POST", CHAT, b"5\r\n{", CHUNKED, None))
    client.socket.shutdown(socket.SHUT_WR)
    return client.status() < 500


def half_closed_behind_the_request(client):
    client.send(chat(client.target, stream="true"))
    client.socket.shutdown(socket.SHUT_WR)
    return client.status() < 500


def gone_in_the_body(client):
    client.send(http("POST", CHAT, b'{"model":', length=1000))
    client.socket.close()
    return True


def gone_in_the_stream(client):
    client.send(chat(client.target, stream="true", max_tokens="500"))
    client.socket.recv(10)
    client.socket.close()
    return True


def reset_in_the_upload(client):
    client.send(http("POST", FILES, form(PURPOSE, file_part(), end=""), FORM, length=1000))
    no_time = b"\1\0\0\0\0\0\0\0"
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_time)
    client.socket.close()
    return True


def longer_than_announced(client):
    """What is too much looks like the next request, and is none."""
    client.send(kept_open(http("GET", "/v1/models", b"", ())) + b"x" * 99 + b"\r\n\r\n")
    got = client.answer()
    return got.startswith(b"HTTP/1.1 200") and b"HTTP/1.1 400" in got


def smuggled(client):
    """Two lengths, by which two readers would see different requests."""
    inner = b"0\r\n\r\nDELETE /v1/files/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    client.send(http("POST", CHAT, inner, CHUNKED, len(inner)))
    return 400 <= client.status() < 500


def pipelined(client):
    one = kept_open(http("GET", "/v1/models", b"", ()))
    client.send(one * 99 + http("GET", "/v1/models", b"", ()))
    return client.answer().count(b"HTTP/1.1 200") == 100


def pipelined_behind_a_stream(client):
    first = chat(client.target, stream="true", max_tokens="3")
    client.send(kept_open(first) + http("GET", "/v1/models", b"", ()))
    got = client.answer()
    return got.count(b"HTTP/1.1 200") == 2 and b"[DONE]" in got


def never_reads(client):
    file = client.target.client.files.create(file=("a", b"x" * (15 * MIB)), purpose="fine-tune")
    client.send(http("GET", f"{FILES}/{file.id}/content"))
    time.sleep(PATIENCE_S + 3)
    return len(client.answer()) < 15 * MIB


CASES = [
    silent,
    half_a_line,
    dripped_head,
    half_a_second_head,
    body_never_sent,
    body_never_continued,
    dripped_body,
    dripped_chunks,
    dripped_chunk_size,
    dripped_upload,
    dripped_page_form,
    endless_body,
    endless_upload,
    endless_chunk_extension,
    endless_head,
    endless_line,
    endless_nothing,
    announced_much,
    half_closed_in_the_head,
    half_closed_in_the_body,
    half_closed_in_the_upload,
    half_closed_in_a_chunk,
    half_closed_behind_the_request,
    gone_in_the_body,
    gone_in_the_stream,
    reset_in_the_upload,
    longer_than_announced,
    smuggled,
    pipelined,
    pipelined_behind_a_stream,
    never_reads,
]


@pytest.fixture(scope="module")
def outcomes(target):
    """Case → True, False or its exception; all at once, with a patient client beside them."""
    done, waits = threading.Event(), []

    def ask_meanwhile():
        with httpx.Client(base_url=target.root, timeout=60, trust_env=False) as http:
            while not done.is_set():
                started = time.monotonic()
                http.get("/v1/models").raise_for_status()
                waits.append(time.monotonic() - started)
                time.sleep(0.05)

    def run(case):
        try:
            return case(Client(target))
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(CASES) + 1) as threads:
        asking = threads.submit(ask_meanwhile)
        found = dict(zip(CASES, threads.map(run, CASES), strict=True))
        done.set()
        asking.result()
    found["waits"] = waits
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_cut_off_or_answered(outcomes, case):
    assert outcomes[case] is True


def test_others_were_answered_meanwhile(outcomes):
    assert len(outcomes["waits"]) > 20
    assert max(outcomes["waits"]) < 5


def test_nothing_is_left_of_them(target, outcomes):
    """No file without a row, no generation for a client that has gone."""
    deadline = time.monotonic() + GRACE_S
    files = target.home / "endpoint" / "files"
    while time.monotonic() < deadline:
        known = {file.id for file in target.client.files.list()}
        left = {path.name for path in files.iterdir()} - known
        load = httpx.get(f"{target.root}/health", trust_env=False).json()["engine"]
        if not left and load == {"running": 0, "waiting": 0}:
            return
        time.sleep(0.2)
    raise AssertionError((left, load))


def test_many_idle_connections(target):
    """Three hundred that say nothing keep nobody out, and end."""
    idle = [Client(target) for _ in range(300)]
    started = time.monotonic()
    httpx.get(f"{target.root}/v1/models", timeout=5, trust_env=False).raise_for_status()
    assert all(client.status() == 0 for client in idle)
    assert time.monotonic() - started < PATIENCE_S + GRACE_S


def test_more_connections_than_are_taken(target):
    """The next one is told so, and has its turn when they have ended."""
    from course_utils.endpoint.protocol import MOST_CONNECTIONS

    with contextlib.ExitStack() as held:
        for _ in range(MOST_CONNECTIONS):
            held.enter_context(Client(target).socket)
        one_more = Client(target)
        one_more.send(http("GET", "/v1/models"))
        assert one_more.status() == 503
    deadline = time.monotonic() + GRACE_S
    while httpx.get(f"{target.root}/v1/models", trust_env=False).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
