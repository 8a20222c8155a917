"""The relay against a real server in the part of a hosted API, with the real clients."""

import asyncio
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest
import uvicorn
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from course_utils import registry
from course_utils.endpoint.budget import Budget
from course_utils.endpoint.relay import start_relay

KEY = "a-key-that-only-the-relay-knows"
CHAT = registry.hosted_chat()
ENCODER = registry.hosted_encoder()
USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
ASK = {"model": CHAT.id, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 10}


class Upstream:
    """Answers as the hosted API would; ``seen`` has each request's path, key and body."""

    def __init__(self):
        self.seen = []
        self.status, self.pause_s, self.endless, self.done = 200, 0.0, False, True
        self.left = threading.Event()
        routes = [
            Route("/v1/chat/completions", self.chat, methods=["POST"]),
            Route("/v1/embeddings", self.embeddings, methods=["POST"]),
            Route("/v1/models", self.models),
        ]
        config = uvicorn.Config(Starlette(routes=routes), log_level="error", lifespan="off")
        self.server = uvicorn.Server(config)
        listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        self.thread = threading.Thread(target=self.server.run, args=([listener],), daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.005)

    async def note(self, request: Request) -> dict:
        body = json.loads(await request.body() or b"{}")
        self.seen.append((request.url.path, request.headers.get("authorization"), body))
        return body

    async def chat(self, request):
        body = await self.note(request)
        await asyncio.sleep(self.pause_s)
        if self.status != 200:
            error = {"message": f"bad, and your key is {KEY}", "type": "x", "code": "no"}
            headers = {"retry-after": "7", "set-cookie": "a=b"}
            return JSONResponse({"error": error}, self.status, headers)
        if body.get("stream"):
            return StreamingResponse(self.chunks(body), media_type="text/event-stream")
        message = {"role": "assistant", "content": "Hello."}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        head = {"id": "c", "object": "chat.completion", "created": 1, "model": body["model"]}
        return JSONResponse({**head, "choices": choices, "usage": USAGE})

    async def chunks(self, body):
        head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        try:
            while True:
                for word in ("Hello", "."):
                    choices = [{"index": 0, "delta": {"content": word}, "finish_reason": None}]
                    line = json.dumps({**head, "choices": choices, "usage": None})
                    # Cut in the middle, as the network may.
                    yield f"data: {line[:20]}"
                    yield f"{line[20:]}\n\n"
                if not self.endless:
                    break
                await asyncio.sleep(0.01)
            if (body.get("stream_options") or {}).get("include_usage"):
                yield f"data: {json.dumps({**head, 'choices': [], 'usage': USAGE})}\n\n"
            if self.done:
                yield "data: [DONE]\n\n"
        finally:
            self.left.set()

    async def embeddings(self, request):
        body = await self.note(request)
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        data = [{"object": "embedding", "index": i, "embedding": [0.5]} for i in range(len(texts))]
        usage = {"prompt_tokens": 5, "total_tokens": 5}
        head = {"object": "list", "model": body["model"]}
        return JSONResponse({**head, "data": data, "usage": usage})

    async def models(self, request):
        await self.note(request)
        return JSONResponse({"object": "list", "data": [{"id": CHAT.id, "object": "model"}]})


@pytest.fixture(scope="module")
def server():
    upstream = Upstream()
    yield upstream
    upstream.server.should_exit = True
    upstream.thread.join(5)


@pytest.fixture
def upstream(server):
    server.seen.clear()
    server.left.clear()
    server.status, server.pause_s, server.endless, server.done = 200, 0.0, False, True
    return server


@pytest.fixture
def relay(upstream, home):
    """A relay that takes the server for one that costs money."""
    return start_relay(upstream.base_url, KEY, free=False)


@pytest.fixture
def client(relay):
    with openai.OpenAI(base_url=relay.base_url, api_key=relay.token) as client:
        yield client


def spent():
    return Budget().spent_usd()


def post(relay, body, path="chat/completions", token=None):
    headers = {"Authorization": f"Bearer {token or relay.token}"}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{relay.base_url}/{path}", content=content, headers=headers, timeout=10)


# ---------------------------------------------------------------------------------------- the key


def test_adds_the_key_and_never_shows_it(relay, client, upstream):
    answer = client.chat.completions.with_raw_response.create(**ASK)
    assert answer.parse().choices[0].message.content == "Hello."
    assert upstream.seen[0][1] == f"Bearer {KEY}"
    upstream.status = 401  # this host quotes the key in its error
    refused = post(relay, ASK)
    assert refused.json()["error"]["message"] == "bad, and your key is [key]"
    for shown in (
        answer.text,
        str(answer.headers),
        refused.text,
        str(refused.headers),
        repr(relay),
    ):
        assert KEY not in shown


def test_only_who_has_the_token_may_spend(relay, upstream):
    for request in (
        lambda: post(relay, ASK, token="local"),
        lambda: httpx.post(f"{relay.base_url}/chat/completions", json=ASK),
        lambda: httpx.get(f"{relay.base_url}/models"),
    ):
        refused = request()
        assert refused.status_code == 401
        assert "connect()" in refused.json()["error"]["message"]
    assert upstream.seen == []


def test_one_relay_for_a_host_and_key(relay, upstream):
    assert start_relay(upstream.base_url, KEY, free=False) is relay
    assert start_relay(upstream.base_url, "another", free=False).token != relay.token


# --------------------------------------------------------------------------------------- the cost


def test_books_what_an_answer_cost(client):
    client.chat.completions.create(**ASK)
    assert spent() == pytest.approx(CHAT.cost(12, 3))
    client.embeddings.create(model=ENCODER.id, input=["a", "b"])
    assert spent() == pytest.approx(CHAT.cost(12, 3) + ENCODER.cost(5))


def test_books_a_stream_and_hides_the_counts_that_nobody_asked_for(client, upstream):
    # As a learner writes it: no look at whether a chunk has choices.
    words = [c.choices[0].delta.content for c in client.chat.completions.create(**ASK, stream=True)]
    assert words == ["Hello", "."]
    assert upstream.seen[0][2]["stream_options"] == {"include_usage": True}
    assert spent() == pytest.approx(CHAT.cost(12, 3))


def test_the_counts_of_a_stream_stay_where_they_were_asked_for(client):
    options = {"include_usage": True}
    *_, last = client.chat.completions.create(**ASK, stream=True, stream_options=options)
    assert last.choices == []
    assert last.usage.prompt_tokens == 12


def test_books_a_stream_of_a_host_that_says_no_goodbye(client, upstream):
    upstream.done = False
    assert len(list(client.chat.completions.create(**ASK, stream=True))) == 2
    deadline = time.monotonic() + 5
    while spent() != pytest.approx(CHAT.cost(12, 3)):  # booked just after the stream has ended
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_langchain_works_unchanged(relay):
    model = ChatOpenAI(model=CHAT.id, base_url=relay.base_url, api_key=relay.token, max_tokens=10)
    answer = model.invoke("Hi")
    assert answer.content == "Hello."
    assert answer.usage_metadata["input_tokens"] == 12
    assert "".join(chunk.content for chunk in model.stream("Hi")) == "Hello."
    assert spent() == pytest.approx(2 * CHAT.cost(12, 3))
    encoder = OpenAIEmbeddings(
        model=ENCODER.id,
        base_url=relay.base_url,
        api_key=relay.token,
        check_embedding_ctx_length=False,
    )
    assert encoder.embed_query("Hi") == [0.5]
    assert spent() == pytest.approx(2 * CHAT.cost(12, 3) + ENCODER.cost(5))


def test_a_host_on_this_machine_is_free(upstream, home):
    free = start_relay(upstream.base_url, KEY)
    assert post(free, {**ASK, "model": "whatever-it-serves"}).status_code == 200
    assert spent() == 0
    assert free.price_of("whatever-it-serves") == "on this machine, free of charge"


def test_says_the_price(relay):
    assert relay.price_of(CHAT.id).startswith(f"${CHAT.usd_input:.2f} in / ")


def test_reading_costs_nothing_and_works_with_an_empty_budget(client, monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET_USD", "0")
    assert [model.id for model in client.models.list()] == [CHAT.id]
    assert spent() == 0


# --------------------------------------------------------------------------------------- the stop


def test_the_stop_comes_before_anything_is_sent(relay, upstream, monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET_USD", "0.000001")
    refused = post(relay, ASK)
    assert refused.status_code == 402
    error = refused.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == "course_budget_exceeded"
    assert "COURSE_BUDGET_USD" in error["message"]
    assert upstream.seen == []
    assert spent() == 0
    monkeypatch.setenv("COURSE_BUDGET_USD", "1")  # counts at once, in the running relay
    assert post(relay, ASK).status_code == 200


def test_the_client_does_not_try_again(relay, monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET_USD", "0")
    asked = []
    hooks = {"request": [asked.append]}
    model = openai.OpenAI(base_url=relay.base_url, api_key=relay.token, max_retries=3)
    model._client.event_hooks = hooks
    with pytest.raises(openai.APIStatusError) as failure:
        model.chat.completions.create(**ASK)
    assert failure.value.status_code == 402
    assert len(asked) == 1


def test_many_at_once_cannot_overrun(relay, upstream, monkeypatch):
    upstream.pause_s = 0.3
    most = CHAT.cost(len(json.dumps(ASK)), 10)
    monkeypatch.setenv("COURSE_BUDGET_USD", f"{3.5 * most:.9f}")
    with ThreadPoolExecutor(10) as pool:
        codes = list(pool.map(lambda _: post(relay, ASK).status_code, range(10)))
    assert sorted(codes) == [200] * 3 + [402] * 7
    assert len(upstream.seen) == 3
    assert spent() == pytest.approx(3 * CHAT.cost(12, 3))


def test_a_request_without_a_length_reserves_the_longest_answer(relay, monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET_USD", f"{CHAT.cost(0, CHAT.max_output_tokens):.9f}")
    unbounded = {key: value for key, value in ASK.items() if key != "max_tokens"}
    assert post(relay, unbounded).status_code == 402
    assert post(relay, {**unbounded, "max_completion_tokens": 10}).status_code == 200


def test_several_answers_are_reserved_for(relay, monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET_USD", f"{CHAT.cost(1000, 100):.9f}")
    assert post(relay, {**ASK, "n": 2}).status_code == 200
    assert post(relay, {**ASK, "n": 100}).status_code == 402


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"model": "nonesuch"}, "no model 'nonesuch'"),
        ({"model": None}, "no model"),
        ({"model": next(m.id for m in registry.models().values() if m.runs == "gpu")}, "no price"),
        ({"max_tokens": "ten"}, "max_tokens is 'ten'"),
        ({"max_tokens": -5}, "max_tokens is -5"),
        ({"n": 1.5}, "n is 1.5"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "image_url"),
    ],
)
def test_what_cannot_be_priced_is_not_sent(relay, upstream, change, what):
    refused = post(relay, {**ASK, **change})
    assert refused.status_code == 400
    message = refused.json()["error"]["message"]
    assert what in message
    assert "\n  -> " in message
    assert upstream.seen == []
    assert spent() == 0


@pytest.mark.parametrize("body", [b"", b"not json", b"[1]", b"\xff\xfe", b'{"max_tokens": NaN'])
def test_a_body_that_is_no_object_is_not_sent(relay, upstream, body):
    assert post(relay, body).status_code == 400
    assert upstream.seen == []


def test_what_nobody_priced_is_not_sent(relay, upstream):
    for method, path in (
        ("POST", "images/generations"),
        ("POST", "uploads"),
        ("POST", "fine_tuning/jobs/a/b/cancel"),
        ("POST", "fine_tuning/jobs/../../x/cancel"),
        ("POST", "models/x"),
        ("DELETE", "files"),
        ("DELETE", "files/x%2Fy"),
        ("DELETE", "files/%2E%2E"),
        ("DELETE", "files/x%3Fy"),
        ("PUT", "x"),
    ):
        refused = httpx.request(
            method,
            f"{relay.base_url}/{path}",
            headers={"Authorization": f"Bearer {relay.token}"},
            json={} if method == "POST" else None,
        )
        assert refused.status_code == 403
        assert refused.json()["error"]["code"] == "not_priced"
    assert upstream.seen == []


# ------------------------------------------------------------------------------------ when it fails


@pytest.mark.parametrize("status", [400, 429, 500])
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_passes_through_and_costs_nothing(relay, upstream, status, stream):
    upstream.status = status
    refused = post(relay, {**ASK, "stream": stream})
    assert refused.status_code == status
    assert refused.json()["error"]["code"] == "no"
    assert refused.headers["retry-after"] == "7"
    assert "set-cookie" not in refused.headers
    assert spent() == 0


def test_a_host_that_cannot_be_reached_costs_nothing(home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    relay = start_relay(f"http://127.0.0.1:{port}/v1", KEY, free=False)
    refused = post(relay, ASK)
    assert refused.status_code == 502
    assert "gave no answer (ConnectError)" in refused.json()["error"]["message"]
    assert spent() == 0


def test_a_client_that_leaves_pays_and_stops_the_host(relay, upstream):
    upstream.endless = True
    headers = {"Authorization": f"Bearer {relay.token}"}
    body = {**ASK, "stream": True}
    with httpx.stream(
        "POST", f"{relay.base_url}/chat/completions", headers=headers, json=body
    ) as r:
        next(r.iter_lines())
    assert upstream.left.wait(5)
    # Nobody knows how much was written by then, so it costs the most.
    assert spent() == pytest.approx(CHAT.cost(len(json.dumps(body)), 10), rel=0.5)
    assert spent() > CHAT.cost(12, 10)
    upstream.endless = False
    assert post(relay, ASK).status_code == 200
