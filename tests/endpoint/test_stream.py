"""Streaming, and clients that go away."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from course_utils import registry
from course_utils.settings import settings

LONG = "Write the numbers from one to nine hundred in words, each on its own line."


def joined(chunks, index=0):
    choices = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
    return "".join(choice.delta.content or "" for choice in choices)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"stop": ["and"]},
        {"response_format": {"type": "json_object"}},
        {"temperature": 1, "seed": 11},
        {"temperature": 1, "seed": 4, "n": 3},
    ],
)
def test_stream_is_the_same_answer(ask, parameters):
    prompt = "Tell me about bread, butter and jam."
    whole = ask(prompt, **parameters)
    chunks = list(ask(prompt, stream=True, stream_options={"include_usage": True}, **parameters))
    for choice in whole.choices:
        assert joined(chunks, choice.index) == choice.message.content
    last = chunks[-1]
    assert last.choices == []
    assert last.usage.completion_tokens == whole.usage.completion_tokens
    assert last.usage.prompt_tokens == whole.usage.prompt_tokens
    ends = [c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason]
    assert sorted(ends) == sorted(choice.finish_reason for choice in whole.choices)


def test_the_events_themselves(raw, chat_id):
    body = {"model": chat_id, "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    with raw.stream("POST", "/v1/chat/completions", json={**body, "max_tokens": 4}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert {chunk["model"] for chunk in chunks} == {chat_id}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert all("usage" not in chunk for chunk in chunks)


def test_stream_carries_logprobs(ask):
    chunks = list(ask("Hi", stream=True, logprobs=True, top_logprobs=1, max_tokens=5))
    tokens = [t for c in chunks for x in c.choices if x.logprobs for t in x.logprobs.content]
    assert "".join(token.token for token in tokens) == joined(chunks)


def test_tokens_arrive_while_the_rest_is_made(ask):
    started = time.monotonic()
    times = [time.monotonic() - started for chunk in ask(LONG, stream=True, max_tokens=60)]
    assert times[1] < times[-1] / 2


def test_a_gone_reader_of_a_stream_stops_it(raw, chat_id, load, becomes_idle):
    body = {"model": chat_id, "messages": [{"role": "user", "content": LONG}], "stream": True}
    body |= {"temperature": 0, "max_tokens": 3000}
    with raw.stream("POST", "/v1/chat/completions", json=body) as answer:
        next(answer.iter_lines())
        assert load()["running"] == 1
    assert becomes_idle(2)


def test_a_gone_client_stops_its_answer(endpoint, chat_id, load, becomes_idle):
    body = {"model": chat_id, "messages": [{"role": "user", "content": LONG}]}
    body |= {"temperature": 0, "max_tokens": 3000}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{endpoint.base_url}/chat/completions", json=body, timeout=1)
    assert becomes_idle(2)


def test_a_client_gone_while_its_prompt_is_read(endpoint, chat_id, becomes_idle):
    context = min(settings().context_tokens, registry.local_chat().context_tokens)
    long = [{"role": "user", "content": "word " * (context - 100)}]
    body = {"model": chat_id, "messages": long, "max_tokens": 50}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{endpoint.base_url}/chat/completions", json=body, timeout=0.5)
    # Reading it to the end would take several times as long.
    assert becomes_idle(5)


def test_a_client_gone_while_it_waits_is_never_served(endpoint, chat_id, load, becomes_idle):
    parallel = settings().parallel
    body = {"model": chat_id, "messages": [{"role": "user", "content": LONG}]}
    body |= {"temperature": 0, "max_tokens": 3000}

    def give_up_after(seconds):
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{endpoint.base_url}/chat/completions", json=body, timeout=seconds)

    with ThreadPoolExecutor(parallel + 1) as pool:
        busy = [pool.submit(give_up_after, 2) for _ in range(parallel)]
        time.sleep(0.5)
        waiting = pool.submit(give_up_after, 0.6)
        time.sleep(0.3)
        assert load() == {"running": parallel, "waiting": 1}
        waiting.result()
        time.sleep(0.1)
        assert load()["waiting"] == 0
        for one in busy:
            one.result()
    assert becomes_idle(2)
