"""A machine with nothing set, and ways to look at one check of it."""

import http.server
import threading
from functools import cache

import pytest

from course_utils import registry
from course_utils.doctor import examine

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "JUPYTER_PATH", "JUPYTER_PREFER_ENV_PATH")


@pytest.fixture
def machine(home, clean_environment, monkeypatch):
    """A course home of its own; no key, no proxy, nothing said to Jupyter."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return home


@pytest.fixture
def look(machine):
    """Makes one check, through the front door."""

    def look_at(name):
        (found,) = examine([name])["checks"]
        assert found["name"] == name
        return found

    return look_at


@pytest.fixture
def models_toml(tmp_path, monkeypatch):
    """Puts a changed copy of data/models.toml in the registry's place."""
    text = registry.REGISTRY_FILE.read_text(encoding="utf-8")
    file = tmp_path / "models.toml"

    def change(replace):
        file.write_text(replace(text), encoding="utf-8")
        monkeypatch.setattr(registry, "REGISTRY_FILE", file)
        # What was read already is kept for the other tests.
        monkeypatch.setattr(registry, "_registry", cache(registry._registry.__wrapped__))

    return change


class Host(http.server.BaseHTTPRequestHandler):
    """Says what the server was told to say; also in the part of a proxy."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("authorization")))
        self.server.release.wait(self.server.pause_s)
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.body.encode())

    def do_CONNECT(self):
        self.do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def host():
    """A real server on loopback: set ``status``, ``body`` and ``pause_s``; ``asked`` has paths."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
    server.asked, server.status, server.body, server.pause_s = [], 200, "", 0
    server.release = threading.Event()
    server.root = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.release.set()  # whoever still waits
    server.shutdown()
    server.server_close()
