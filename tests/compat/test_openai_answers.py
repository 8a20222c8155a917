"""The ``openai`` package as people use it: async, streams, raw responses, parsed answers."""

import asyncio
from typing import Literal

import openai
import pytest
from pydantic import BaseModel

LONG = "Write the numbers from one to nine hundred in words, each on its own line."


class Order(BaseModel):
    plan: Literal["starter", "team"]
    urgent: bool


@pytest.fixture
def wanted(chat_id):
    """``wanted(prompt, …)`` → parameters of a short answer that is the same each time."""

    def wanted(prompt="Name a river and a lake.", **parameters):
        messages = [{"role": "user", "content": prompt}]
        parameters = {"temperature": 0, "seed": 1, "max_tokens": 12, **parameters}
        return {"model": chat_id, "messages": messages, **parameters}

    return wanted


@pytest.fixture
def answer(client, wanted):
    """What the plain call answers to ``wanted()``."""
    return client.chat.completions.create(**wanted()).choices[0].message.content


@pytest.fixture
async def aclient(where):
    async with openai.AsyncOpenAI(max_retries=0, **where) as client:
        yield client


def text(chunks):
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


async def test_async_answers_the_same_and_several_at_once(aclient, wanted, answer):
    asked = [aclient.chat.completions.create(**wanted()) for _ in range(3)]
    assert {a.choices[0].message.content for a in await asyncio.gather(*asked)} == {answer}


async def test_async_stream(aclient, wanted, answer):
    chunks = [c async for c in await aclient.chat.completions.create(**wanted(stream=True))]
    assert text(chunks) == answer and len(chunks) > 3


async def test_async_embeddings(aclient, client, encoder_id):
    found = await aclient.embeddings.create(model=encoder_id, input=["refund", "river"])
    assert found.data == client.embeddings.create(model=encoder_id, input=["refund", "river"]).data


async def test_async_files(aclient, tmp_path):
    (tmp_path / "train.jsonl").write_bytes(b"{}\n" * 2000)
    file = await aclient.files.create(file=tmp_path / "train.jsonl", purpose="fine-tune")
    assert (file.filename, file.bytes) == ("train.jsonl", 6000)
    assert await aclient.files.retrieve(file.id) == file
    async with aclient.files.with_streaming_response.content(file.id) as content:
        await content.stream_to_file(tmp_path / "back.jsonl")
    assert (tmp_path / "back.jsonl").read_bytes() == b"{}\n" * 2000
    assert (await aclient.files.delete(file.id)).deleted


def test_a_stream_left_early_stops_the_engine(client, wanted, load, becomes_idle):
    with client.chat.completions.create(**wanted(LONG, stream=True, max_tokens=3000)) as stream:
        assert next(stream).choices
        assert load()["running"] == 1
    assert becomes_idle(2)


async def test_an_async_stream_left_early_stops_the_engine(aclient, wanted, load, becomes_idle):
    asked = wanted(LONG, stream=True, max_tokens=3000)
    async with await aclient.chat.completions.create(**asked) as stream:
        assert (await anext(stream)).choices
        assert load()["running"] == 1
    assert becomes_idle(2)


def test_raw_response(client, wanted, answer):
    raw = client.chat.completions.with_raw_response.create(**wanted())
    assert raw.status_code == 200 and raw.headers["content-type"] == "application/json"
    assert raw.retries_taken == 0
    assert raw.parse().choices[0].message.content == answer
    raw = client.chat.completions.with_raw_response.create(**wanted(stream=True))
    assert raw.headers["content-type"].startswith("text/event-stream")
    assert text(raw.parse()) == answer


async def test_async_raw_response(aclient, wanted, answer):
    raw = await aclient.chat.completions.with_raw_response.create(**wanted())
    assert raw.parse().choices[0].message.content == answer
    raw = await aclient.chat.completions.with_raw_response.create(**wanted(stream=True))
    assert text([chunk async for chunk in raw.parse()]) == answer


def test_streaming_response(client, wanted, answer):
    """The body is read when it is asked for, whole or by line."""
    api = client.chat.completions.with_streaming_response
    with api.create(**wanted()) as whole:
        assert whole.status_code == 200
        assert whole.parse().choices[0].message.content == answer
    with api.create(**wanted(stream=True)) as lines:
        events = [line for line in lines.iter_lines() if line]
    assert all(line.startswith("data: ") for line in events) and events[-1] == "data: [DONE]"


async def test_async_streaming_response(aclient, wanted, answer):
    async with aclient.chat.completions.with_streaming_response.create(**wanted()) as whole:
        assert (await whole.parse()).choices[0].message.content == answer


async def test_the_stream_helpers(client, aclient, wanted):
    """``stream()`` gathers the answer and tells of each part; the answer has to come to an end."""
    asked = wanted("Say only the word yes.", max_tokens=100)
    answer = client.chat.completions.create(**asked).choices[0].message.content
    with client.chat.completions.stream(**asked) as stream:
        events = list(stream)
    assert "".join(e.delta for e in events if e.type == "content.delta") == answer
    assert [e.content for e in events if e.type == "content.done"] == [answer]
    assert stream.get_final_completion().choices[0].message.content == answer
    async with aclient.chat.completions.stream(**asked) as stream:
        assert (await stream.get_final_completion()).choices[0].message.content == answer


async def test_a_helper_told_of_a_cut_answer_raises(aclient, wanted):
    async with aclient.chat.completions.stream(**wanted(LONG)) as stream:
        with pytest.raises(openai.LengthFinishReasonError):
            await stream.get_final_completion()


async def test_an_answer_as_an_object(client, aclient, wanted):
    asked = {**wanted("We need Team by tomorrow!", max_tokens=200), "response_format": Order}
    order = client.chat.completions.parse(**asked).choices[0].message.parsed
    assert isinstance(order, Order)
    assert (await aclient.chat.completions.parse(**asked)).choices[0].message.parsed == order
    with client.chat.completions.stream(**asked) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == order


async def test_async_refusals(aclient, wanted):
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError, match="temperature") as refused:
            await aclient.chat.completions.create(**wanted(temperature=3, stream=stream))
        assert (refused.value.status_code, refused.value.param) == (400, "temperature")
        assert refused.value.type == "invalid_request_error"
    with pytest.raises(openai.NotFoundError) as unknown:
        await aclient.models.retrieve("none")
    assert unknown.value.code == "model_not_found"


OTHERS = {
    "completions": lambda c: c.completions.create(model="m", prompt="Hi"),
    "responses": lambda c: c.responses.create(model="m", input="Hi"),
    "images": lambda c: c.images.generate(prompt="a cat"),
    "moderations": lambda c: c.moderations.create(input="Hi"),
    "speech": lambda c: c.audio.speech.create(model="m", voice="alloy", input="Hi"),
    "batches": lambda c: c.batches.list(),
    "vector stores": lambda c: c.vector_stores.list(),
}


@pytest.mark.parametrize("api", OTHERS)
def test_an_api_that_is_not_here_says_so(client, api):
    with pytest.raises(openai.NotFoundError, match="/docs"):
        OTHERS[api](client)
