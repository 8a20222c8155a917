"""Keys and prompts: where they must not be found after anything went well or wrong."""

import hmac
import socket
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from course_utils.endpoint import access, process
from course_utils.endpoint.store import Store

WRONG = "class-wrong-but-easy-to-find"
PROMPT = "a prompt that is nobody else's business"


def asked(room, key, chat_id):
    """What a client gets to read, after good and bad requests with this key."""
    root = room.base_url.removesuffix("/v1")
    chat = {"model": chat_id, "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 2}
    form = {"files": {"file": ("f", b"x")}}
    requests = [
        ("POST", "/v1/chat/completions", {"json": chat}),
        ("POST", "/v1/chat/completions", {"json": chat | {"stream": True}}),
        ("POST", "/v1/chat/completions", {"json": chat | {"max_tokens": "many"}}),
        ("POST", "/v1/chat/completions", {"json": chat | {"model": "none"}}),
        ("POST", "/v1/chat/completions", {"content": b"{"}),
        ("POST", "/v1/embeddings", {"json": {"model": chat_id, "input": PROMPT}}),
        ("POST", "/v1/files", form | {"data": {"purpose": "fine-tune"}}),
        ("POST", "/v1/files", form),
        ("POST", "/v1/fine_tuning/jobs", {"json": {"model": chat_id, "training_file": "none"}}),
        ("GET", f"/v1/models?api_key={key}", {}),
        ("GET", "/v1/files/none/content", {}),
        ("GET", "/health", {}),
        ("GET", "/", {}),
        ("POST", "/", {"data": {"key": key}}),
        ("PATCH", "/v1/models", {}),
    ]
    with httpx.Client(base_url=root, trust_env=False, timeout=60) as http:
        for kind in ("Bearer ", "Basic ", ""):
            headers = {"Authorization": f"{kind}{key}"}
            for method, path, body in requests:
                answer = http.request(method, path, headers=headers, **body)
                yield f"{method} {path}", f"{answer.headers}\n{answer.text}"
        tall = {"Authorization": f"Bearer {key}", "X-Tall": key * 9999}
        yield "a tall header", http.get("/v1/models", headers=tall).text
    with socket.create_connection((urlsplit(root).hostname, urlsplit(root).port), 5) as raw:
        raw.sendall(f"GET / HTTP/9\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
        yield "no HTTP", raw.recv(10_000).decode()


def test_no_key_and_no_prompt_is_written_down_or_said(serve, home, chat_id, capfd):
    with serve(home, "--class", "--learners", "2") as room:
        secrets = [*room.keys.values(), WRONG]
        for key in secrets:
            for what, said in asked(room, key, chat_id):
                assert not [secret for secret in secrets if secret in said], what
        # Something that nobody foresaw, so that the log has its traceback.
        headers = {"Authorization": f"Bearer {room.keys['instructor']}"}
        with httpx.Client(base_url=room.base_url, trust_env=False, headers=headers) as http:
            stored = http.get("/files").json()["data"][0]["id"]
            (home / "endpoint" / "files" / stored).unlink()
            with pytest.raises(httpx.HTTPError):
                http.get(f"/files/{stored}/content").raise_for_status()
        room.process.terminate()
        room.process.wait(20)
        log = room.process.stdout.read() + capfd.readouterr().err
    assert "Traceback" in log
    kept = {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert any(name.endswith("endpoint.db") for name in kept)
    for secret in (*secrets, PROMPT):
        assert secret not in log
        assert [name for name, content in kept.items() if secret.encode() in content] == []


def test_a_key_is_compared_in_the_same_time_whosever_it_is(tmp_path, monkeypatch):
    store = Store(tmp_path)
    keys = access.make_keys(store, ["anna", "ben"])
    ring, compared = access.KeyRing(store), []

    def compare(*both):
        compared.append(both)
        return hmac.compare_digest(*both)

    monkeypatch.setattr(access, "hmac", type("hmac", (), {"compare_digest": compare}))
    for key in (*keys.values(), "", WRONG):
        compared.clear()
        ring.person(key)
        assert len(compared) == len(keys)  # no early end
        assert {len(part) for both in compared for part in both} == {64}  # of hashes
    store.close()


def test_the_endpoint_in_the_background_has_not_the_users_key(home, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-value")
    try:
        environment = psutil.Process(process.ensure_running().pid).environ()
    finally:
        process.stop()
    assert environment["COURSE_HOME"] == str(home)
    assert "sk-of-value" not in environment.values()
