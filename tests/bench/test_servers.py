import re
import socket

import httpx
import pytest

from course_utils.bench import servers
from course_utils.errors import CourseError

SERVES = """
import sys
from http.server import HTTPServer, SimpleHTTPRequestHandler
place = ("127.0.0.1", int(sys.argv[-1].partition("=")[2]))
HTTPServer(place, SimpleHTTPRequestHandler).serve_forever()
"""


def _program(monkeypatch, text):
    server = servers.Server("python", lambda model: ["-c", text, model], lambda: "a model")
    monkeypatch.setitem(servers.SERVERS, "trial", server)


def test_a_server_is_found_at_its_port_and_ended(monkeypatch):
    _program(monkeypatch, SERVES)
    with servers.serving("trial") as (client, model):
        assert model == "a model"
        assert httpx.get(str(client.base_url)).status_code == 404
    with socket.socket() as gone:
        assert gone.connect_ex(("127.0.0.1", client.base_url.port))


def test_one_that_ends_says_why(monkeypatch):
    _program(monkeypatch, "raise SystemExit('no such model')")
    with (
        pytest.raises(CourseError, match=re.escape("trial does not serve: no such model")),
        servers.serving("trial"),
    ):
        pass


def test_only_what_is_installed_is_compared(monkeypatch):
    absent = servers.Server("no_such_package", list, str)
    monkeypatch.setattr(servers, "SERVERS", {"absent": absent})
    assert servers.installed() == []
