"""Tokens are counted between a real client and a real endpoint."""

from collections import Counter

import openai

from course_utils import registry
from course_utils.endpoint import process
from course_utils.study import hosted_use


def test_what_the_endpoint_charges_is_what_is_counted(home):
    counts = Counter()
    try:
        app = hosted_use._counting(process.ensure_running().base_url, counts)
        server, address = hosted_use._start(app)
        client = openai.OpenAI(base_url=address, api_key="none")
        chat = {
            "model": registry.local_chat().id,
            "messages": [{"role": "user", "content": "Name a colour."}],
            "max_tokens": 5,
        }
        whole = client.chat.completions.create(**chat)
        *_, last = client.chat.completions.create(
            **chat, stream=True, stream_options={"include_usage": True}
        )
        embedded = client.embeddings.create(model=registry.local_encoder().id, input="a colour")
        assert client.models.list().data  # asks for nothing that costs
    finally:
        process.stop()
    server.should_exit = True
    usages = [whole.usage, last.usage]
    assert counts == {
        "calls": 2,
        "tokens_in": sum(usage.prompt_tokens for usage in usages),
        "tokens_out": sum(usage.completion_tokens for usage in usages),
        "most_out": 10,
        "embedded": embedded.usage.prompt_tokens,
    }


def test_the_judges_prompts_are_ragas_own():
    judged = hosted_use._judge()
    assert judged["calls"] == 2 * hosted_use.JUDGED
    assert judged["tokens_in"] > 200 * judged["calls"]  # it sends instructions and examples
