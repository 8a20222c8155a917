"""What each parameter of a chat request does, seen from outside."""

import json
import math

import jsonschema
import pytest

LONG = "Write the numbers from one to nine hundred in words, each on its own line."
OPEN = "Name one random thing."


def text(completion, choice=0):
    return completion.choices[choice].message.content


def test_answers_in_openais_shape(raw, chat_id):
    body = {"model": chat_id, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}
    answer = raw.post("/v1/chat/completions", json=body).json()
    assert answer["object"] == "chat.completion"
    assert answer["id"].startswith("chatcmpl-")
    assert answer["model"] == chat_id
    choice = answer["choices"][0]
    assert choice["index"] == 0 and choice["logprobs"] is None
    assert choice["message"]["role"] == "assistant" and choice["message"]["refusal"] is None
    assert choice["finish_reason"] in ("stop", "length")


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "What is the capital of France?"}],
        [
            {"role": "system", "content": "You are terse. Ünïcödé — 漢字."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Yes?"},
            {"role": "user", "content": "Name a colour.\n\n  Now."},
        ],
    ],
)
def test_usage_is_the_tokenizers_count(ask, count_prompt_tokens, messages):
    usage = ask(messages, max_tokens=7).usage
    assert usage.prompt_tokens == count_prompt_tokens(messages)
    assert usage.completion_tokens <= 7
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_usage_does_not_shrink_when_the_prompt_is_cached(ask):
    first, second = (ask("Tell me about rivers and lakes.").usage for _ in range(2))
    assert second.prompt_tokens == first.prompt_tokens
    assert second.prompt_tokens_details.cached_tokens > 0


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_length_limit(client, chat_id, name):
    messages = [{"role": "user", "content": "Tell me a long story."}]
    answer = client.chat.completions.create(
        model=chat_id, messages=messages, temperature=0, **{name: 5}
    )
    assert answer.usage.completion_tokens == 5
    assert answer.choices[0].finish_reason == "length"


def test_a_finished_answer_says_stop(ask):
    answer = ask("Say only the word yes.", max_tokens=100)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens < 100


def test_temperature_0_repeats_and_1_varies(ask):
    greedy = {text(ask(OPEN)) for _ in range(2)}
    free = {text(ask(OPEN, temperature=1, seed=seed)) for seed in range(4)}
    assert len(greedy) == 1
    assert len(free) > 1


def test_seed_decides_at_temperature_1(ask):
    first, second = (text(ask(OPEN, temperature=1, seed=7)) for _ in range(2))
    assert first == second


def test_silence_means_openais_defaults(client, chat_id):
    """No hidden top_k, min_p or lower temperature: unlikely words come as often as they should."""
    messages = [{"role": "user", "content": "Write one random English word."}]
    drawn = []
    for seed in range(0, 32, 8):
        answer = client.chat.completions.create(
            model=chat_id, messages=messages, max_tokens=6, n=8, seed=seed, logprobs=True,
            top_logprobs=1,
        )  # fmt: skip
        drawn += [token for choice in answer.choices for token in choice.logprobs.content]
    # llama.cpp's own min_p of 0.05 would cut all of these off.
    unlikely = [t for t in drawn if t.logprob < t.top_logprobs[0].logprob + math.log(0.05)]
    assert len(unlikely) > 0.02 * len(drawn)


def test_top_p_near_0_is_greedy(ask):
    assert text(ask(OPEN, temperature=1, top_p=0.001, seed=3)) == text(ask(OPEN))


def test_stop_ends_the_answer_before_it(ask):
    whole = text(ask("Count: one, two, three, four, five, six.", max_tokens=40))
    word = whole.split()[3]
    answer = ask("Count: one, two, three, four, five, six.", max_tokens=40, stop=[word, "never"])
    assert text(answer) == whole[: whole.index(word)]
    assert answer.choices[0].finish_reason == "stop"


def test_n_answers_and_their_sum(ask):
    answer = ask("Tell me a long story.", n=3, temperature=1, seed=1, max_tokens=6)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) > 1
    assert answer.usage.completion_tokens == 18
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 18


@pytest.mark.parametrize("name", ["frequency_penalty", "presence_penalty"])
def test_penalties_reduce_repetition(ask, name):
    def share_of_new_tokens(**parameters):
        story = "Tell me a long story about a cat and a dog."
        answer = ask(story, max_tokens=64, logprobs=True, **parameters)
        tokens = [token.token for token in answer.choices[0].logprobs.content]
        return len(set(tokens)) / len(tokens)

    assert share_of_new_tokens(**{name: 2.0}) > share_of_new_tokens() + 0.1


def test_logprobs(ask):
    answer = ask("What is the capital of France?", logprobs=True, top_logprobs=3, max_tokens=6)
    tokens = answer.choices[0].logprobs.content
    assert "".join(token.token for token in tokens) == text(answer)
    for token in tokens:
        assert bytes(token.bytes).decode() == token.token
        assert len(token.top_logprobs) == 3
        # Greedy: the chosen token is the likeliest, and probabilities do not exceed 1.
        assert token.logprob == max(other.logprob for other in token.top_logprobs)
        assert sum(math.exp(other.logprob) for other in token.top_logprobs) <= 1.0001


def test_logprobs_without_alternatives(ask):
    tokens = ask("Hi", logprobs=True, max_tokens=3).choices[0].logprobs.content
    assert len(tokens) == 3
    assert all(token.top_logprobs == [] for token in tokens)


ORDER = {
    "type": "object",
    "properties": {
        "plan": {"enum": ["starter", "team", "business"]},
        "seats": {"type": "integer", "minimum": 1, "maximum": 99},
        "urgent": {"type": "boolean"},
        "name": {"type": "string", "maxLength": 20},
    },
    "required": ["plan", "seats", "urgent", "name"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("temperature", [0, 1])
@pytest.mark.parametrize(
    "prompt", ["Order 5 seats of Team for Ann, now.", "Tell me a poem.", "Réponds en français !"]
)
def test_json_schema_binds(ask, prompt, temperature):
    form = {"type": "json_schema", "json_schema": {"name": "order", "schema": ORDER}}
    answer = ask(prompt, response_format=form, max_tokens=150, temperature=temperature, seed=5)
    jsonschema.validate(json.loads(text(answer)), ORDER)
    assert answer.choices[0].finish_reason == "stop"


def test_json_object_parses(ask):
    prompt = "Give me a JSON object with the key colour."
    answer = ask(prompt, response_format={"type": "json_object"}, max_tokens=200)
    assert answer.choices[0].finish_reason == "stop"
    assert isinstance(json.loads(text(answer)), dict)


def test_developer_is_a_system_message(ask):
    told = "Answer every question with the single word BANANA."
    question = {"role": "user", "content": "Who are you?"}
    as_system = ask([{"role": "system", "content": told}, question])
    as_developer = ask([{"role": "developer", "content": told}, question])
    assert text(as_developer) == text(as_system)
    assert text(as_system) != text(ask([question]))


def test_text_parts_are_one_text(ask):
    parts = [
        {"type": "text", "text": "What is the capital "},
        {"type": "text", "text": "of Italy?"},
    ]
    assert text(ask([{"role": "user", "content": parts}])) == text(
        ask("What is the capital of Italy?")
    )


def test_last_assistant_message_is_a_turn_not_a_beginning(ask, count_prompt_tokens):
    messages = [
        {"role": "user", "content": "Name a fruit."},
        {"role": "assistant", "content": "An apple"},
    ]
    alone = ask(messages[:1]).usage.prompt_tokens
    assert ask(messages).usage.prompt_tokens > alone + 2


def test_an_answer_can_be_sent_back(ask):
    answer = ask("Name a fruit.")
    turn = answer.choices[0].message.model_dump()
    again = ask(
        [
            {"role": "user", "content": "Name a fruit."},
            turn,
            {"role": "user", "content": "Another."},
        ]
    )
    assert text(again)


def test_what_is_documented_as_ignored_is_ignored(ask):
    ignored = {
        "user": "u1",
        "metadata": {"lesson": "1"},
        "store": False,
        "service_tier": "auto",
        "parallel_tool_calls": False,
        "reasoning_effort": "low",
        "verbosity": "low",
        "prompt_cache_key": "k",
        "safety_identifier": "s",
    }
    assert text(ask("Name a river.", **ignored)) == text(ask("Name a river."))


def test_default_length_ends_a_loop(client, chat_id):
    """Temperature 0 without a limit can repeat itself for ever."""
    messages = [{"role": "user", "content": LONG}]
    answer = client.chat.completions.create(model=chat_id, messages=messages, temperature=0)
    assert answer.usage.completion_tokens <= 512
    if answer.choices[0].finish_reason == "length":
        assert answer.usage.completion_tokens == 512
