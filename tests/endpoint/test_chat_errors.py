"""Requests that cannot be answered: OpenAI's error shape, and a message that names the cure."""

import openai
import pytest

from course_utils import registry
from course_utils.settings import settings

USER = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def refused(raw, chat_id):
    """``refused(**body)`` → status and error of a request with the chat model and one message."""

    def refused(**body):
        body = {"model": chat_id, "messages": USER, **body}
        answer = raw.post("/v1/chat/completions", json={k: v for k, v in body.items() if v != ...})
        error = answer.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        return answer.status_code, error

    return refused


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({"model": ...}, "model", "Missing"),
        ({"messages": ...}, "messages", "Missing"),
        ({"messages": []}, "messages", "at least 1"),
        ({"messages": "Hi"}, "messages", "list"),
        ({"messages": [{"role": "user"}]}, "messages[0]", "content"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content", "string"),
        ({"messages": [*USER, {"role": "bot", "content": "x"}]}, "messages[1].role", "'system'"),
        ({"messages": [*USER, {"role": "tool", "content": "x"}]}, "messages[1].role", "tools"),
        ({"messages": [{"role": "user", "content": "x", "mood": 1}]}, "messages[0].mood", "Leave"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content",
            "text",
        ),
        ({"top_k": 5}, "top_k", "Leave it out"),
        ({"temperature": 2.1}, "temperature", "2"),
        ({"temperature": "1"}, "temperature", "number"),
        ({"top_p": 0}, "top_p", "greater than 0"),
        ({"max_tokens": 0}, "max_tokens", "1"),
        ({"max_tokens": 1.5}, "max_tokens", "integer"),
        ({"max_tokens": 10**6}, "max_tokens", "context"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, None, "one of them"),
        ({"n": 9}, "n", "8"),
        ({"stop": ["a", ""]}, "stop[1]", "1 character"),
        ({"stop": list("abcde")}, "stop", "4"),
        ({"presence_penalty": -3}, "presence_penalty", "-2"),
        ({"top_logprobs": 2}, None, "logprobs=true"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "20"),
        ({"stream_options": {"include_usage": True}}, None, "stream=true"),
        ({"logit_bias": {"5": 1}}, "logit_bias", "Leave logit_bias out"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools", "Leave tools out"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "'json_object'"),
        ({"response_format": {"type": "json_schema"}}, "response_format", "json_schema"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": {"type": "frob"}},
                }
            },
            "response_format",
            "simpler",
        ),
    ],
)
def test_bad_requests(refused, body, param, words):
    status, error = refused(**body)
    assert status == 400
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert words in error["message"]


def test_body_that_is_no_json(raw):
    answer = raw.post(
        "/v1/chat/completions", content=b"{model:", headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
    assert "not valid JSON" in answer.json()["error"]["message"]


def test_body_that_is_no_object(raw):
    answer = raw.post("/v1/chat/completions", json=[1])
    assert answer.status_code == 400
    assert "JSON object" in answer.json()["error"]["message"]


def test_unknown_model_lists_what_there_is(client, chat_id):
    hosted = registry.hosted_chat().id
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model=hosted, messages=USER)
    assert caught.value.code == "model_not_found"
    assert hosted in caught.value.message and chat_id in caught.value.message


def test_an_encoder_does_not_chat(refused, chat_id, encoder_id):
    status, error = refused(model=encoder_id)
    assert (status, error["param"]) == (400, "model")
    assert chat_id in error["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_too_long_a_prompt_is_refused_with_counts(refused, count_prompt_tokens, stream):
    context = min(settings().context_tokens, registry.local_chat().context_tokens)
    messages = [{"role": "user", "content": "word " * (context + 50)}]
    status, error = refused(messages=messages, stream=stream)
    assert (status, error["code"]) == (400, "context_length_exceeded")
    assert str(context) in error["message"]
    assert str(count_prompt_tokens(messages)) in error["message"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/nope"), ("GET", "/v1/embeddings")])
def test_wrong_addresses_answer_in_the_same_shape(raw, method, path):
    answer = raw.request(method, path)
    assert answer.status_code in (404, 405)
    assert "/docs" in answer.json()["error"]["message"]
