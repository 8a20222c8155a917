"""The key and the host, against real servers on loopback, as hosts and as proxies."""

import json
import shutil
import socket
import ssl
import subprocess

import pytest

from course_utils import doctor, registry
from course_utils.doctor import host as host_checks
from course_utils.endpoint.budget import Budget

KEY = "sk-Qw9zXu7tRe5-pLm3nBv1cYk8"
CHAT, ENCODER = registry.hosted_chat().id, registry.hosted_encoder().id
LISTED = json.dumps({"object": "list", "data": [{"id": CHAT}, {"id": ENCODER}]})
FAR = "http://api.example.test/v1"  # a name that nobody has: only a proxy could reach it


@pytest.fixture
def ask(look, monkeypatch):
    """Looks at provider and key, with this address as the provider."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("COURSE_CHAT_MODEL", CHAT)
    monkeypatch.setenv("COURSE_EMBEDDING_MODEL", ENCODER)

    def ask_at(address):
        monkeypatch.setenv("COURSE_PROVIDER", address)
        found = look("provider and key")
        assert not any(KEY[i : i + 6] in str(found) for i in range(len(KEY) - 5))
        assert bool(found["cure"]) or found["ok"]
        return found

    return ask_at


def refused(code="x"):
    error = {"message": f"Incorrect API key provided: {KEY}", "type": "x", "code": code}
    return json.dumps({"error": error})


@pytest.mark.parametrize(
    ("status", "body", "detail", "cure"),
    [
        (401, refused("invalid_api_key"), "refuses the key (401)", "set OPENAI_API_KEY"),
        (403, refused(), "forbids the use of the key (403)", "permissions"),
        (404, "not found", "no OpenAI-compatible API at this address (404)", "/v1"),
        (200, "<html>Welcome</html>", "no OpenAI-compatible API", "/v1"),
        (200, '{"data": {"id": 1}}', "no OpenAI-compatible API", "/v1"),
        (302, "", "refuses the request (302)", "/v1"),
        (429, refused("insufficient_quota"), "no credit left", "pay in"),
        (429, refused("rate_limit_exceeded"), "too many requests", "wait a minute"),
        (503, "", "has trouble (503)", "status page"),
    ],
)
def test_tells_refusals_apart(ask, host, status, body, detail, cure):
    host.status, host.body = status, body
    found = ask(f"{host.root}/v1")
    assert found["ok"] is False
    assert detail in found["detail"]
    assert cure in found["cure"]
    assert host.asked == [("/v1/models", f"Bearer {KEY}")]


def test_a_key_that_works(ask, host):
    host.body = LISTED
    found = ask(f"{host.root}/v1/")
    assert found == {**found, "ok": True, "cure": ""}
    assert "takes the key; it is on this machine" in found["detail"]


def test_a_model_that_the_host_does_not_list(ask, host):
    host.body = json.dumps({"data": [{"id": CHAT}]})
    found = ask(f"{host.root}/v1")
    assert found["ok"]
    assert f"{ENCODER} is not in the host's list" in found["detail"]
    assert "COURSE_EMBEDDING_MODEL" in found["cure"]


def test_a_host_that_hangs(ask, host, monkeypatch):
    monkeypatch.setattr(host_checks, "TIMEOUT_S", 0.2)
    host.pause_s = 30
    found = ask(f"{host.root}/v1")
    assert found["ok"] is False
    assert "no answer within 0.2 s" in found["detail"]


def test_nobody_at_that_port(ask):
    found = ask(f"http://127.0.0.1:{closed_port()}/v1")
    assert found["ok"] is False
    assert "refused" in found["detail"]
    assert "start the program" in found["cure"]


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def test_no_such_host(ask):
    found = ask("https://nonesuch.invalid/v1")  # a name that is reserved for having no address
    assert found["ok"] is False
    assert "nonesuch.invalid/v1 is not reached" in found["detail"]
    assert "check the network" in found["cure"]


def test_a_password_in_the_address_is_not_shown(ask):
    found = ask(f"http://me:secret@127.0.0.1:{closed_port()}/v1")
    assert "secret" not in str(found)
    assert "http://127.0.0.1" in found["detail"]


# ------------------------------------------------------------------------------------- with a proxy


def test_a_paid_host_is_asked_through_the_proxy_and_the_budget_is_named(ask, host, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", host.root)
    monkeypatch.setenv("COURSE_BUDGET_USD", "0.5")
    host.body = LISTED
    found = ask(FAR)
    assert host.asked == [(f"{FAR}/models", f"Bearer {KEY}")]
    assert found["ok"]
    assert f"{FAR} takes the key; $0.0000 of $0.50 spent here" in found["detail"]
    assert found["cure"] == ""
    Budget().reserve(0.5)
    found = ask(FAR)
    assert found["ok"]
    assert "COURSE_BUDGET_USD" in found["cure"]


def test_a_model_without_a_price(ask, host, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", host.root)
    monkeypatch.setenv("COURSE_CHAT_MODEL", "nonesuch")
    host.body = json.dumps({"data": [{"id": "nonesuch"}, {"id": ENCODER}]})
    found = ask(FAR)
    assert found["ok"] is False
    assert "no model 'nonesuch' in data/models.toml" in found["detail"]


def test_a_proxy_that_wants_a_login(ask, host, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", host.root)
    host.status = 407
    assert "the proxy wants a login (407)" in ask(FAR)["detail"]


def test_a_proxy_that_refuses_the_tunnel(ask, host, monkeypatch):
    port = host.server_port
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@127.0.0.1:{port}")
    host.status = 407
    found = ask("https://api.example.test/v1")
    assert host.asked[0][0] == "api.example.test:443"
    assert found["ok"] is False
    assert f"the proxy http://127.0.0.1:{port} refuses" in found["detail"]
    assert "HTTPS_PROXY" in found["cure"]
    assert "secret" not in str(found)


def test_a_proxy_that_is_gone(ask, monkeypatch):
    address = f"http://127.0.0.1:{closed_port()}"
    monkeypatch.setenv("HTTPS_PROXY", address)
    found = ask("openai")
    assert found["ok"] is False
    assert "refused" in found["detail"]
    assert f"check the proxy {address}" in found["cure"]


def test_this_machine_is_asked_without_the_proxy(ask, host, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    host.body = LISTED
    assert ask(f"{host.root}/v1")["ok"]


def test_a_certificate_that_nobody_knows(ask, host, tmp_path):
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    command += " -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(
        [openssl, *command.split(), "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    host.socket = context.wrap_socket(host.socket, server_side=True)
    found = ask(f"https://127.0.0.1:{host.server_port}/v1")
    assert found["ok"] is False
    assert "certificate verify failed" in found["detail"]
    assert "SSL_CERT_FILE" in found["cure"]


# ---------------------------------------------------------------------------------------- local use


def test_with_the_local_provider_nobody_is_asked(machine, host, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, host.root)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    report = doctor.examine()
    assert host.asked == []
    assert KEY not in json.dumps(report)
    (key,) = [check for check in report["checks"] if check["name"] == "provider and key"]
    assert key["detail"] == "provider local; OPENAI_API_KEY is set, and stays unused"
