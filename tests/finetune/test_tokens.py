import json

import pytest

from course_utils import CourseError, registry
from course_utils.finetune.tokens import NO_LABEL, TokenCounter

transformers = pytest.importorskip("transformers")
SYSTEM = {"role": "system", "content": "You are a support agent."}
ASKED = {"role": "user", "content": "What does the TH2 cost?"}
SAID = {"role": "assistant", "content": "Hello from Acme.\nIt costs $55."}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    gguf = registry.model_path(registry.local_chat(), "gguf")
    return transformers.AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)


@pytest.fixture(scope="module")
def counter(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    tokenizer.save_pretrained(folder)
    return TokenCounter(folder)


@pytest.mark.parametrize(
    "messages", [[ASKED], [SYSTEM, ASKED], [SYSTEM, ASKED, SAID], [ASKED, SAID, ASKED, SAID]]
)
@pytest.mark.parametrize("answer_next", [False, True])
def test_a_conversation_is_rendered_as_transformers_does(counter, tokenizer, messages, answer_next):
    expected = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=answer_next
    )
    assert counter.render(messages, answer_next) == expected
    assert counter.count(messages) == len(
        tokenizer(counter.render(messages), add_special_tokens=False)["input_ids"]
    )


def learned(counter, tokenizer, messages):
    encoded = counter.encode(messages)
    assert len(encoded["input_ids"]) == len(encoded["labels"]) == counter.count(messages)
    return tokenizer.decode([label for label in encoded["labels"] if label != NO_LABEL])


def test_only_the_answer_is_learned_and_where_to_end(counter, tokenizer):
    text = learned(counter, tokenizer, [SYSTEM, ASKED, SAID])
    assert text == SAID["content"] + tokenizer.eos_token


def test_every_assistant_turn_is_learned_but_those_of_weight_0(counter, tokenizer):
    first, second = SAID | {"content": "First."}, SAID | {"content": "Second."}
    end = tokenizer.eos_token
    both = [ASKED, first, ASKED, second]
    assert learned(counter, tokenizer, both) == f"First.{end}Second.{end}"
    both[1] = first | {"weight": 0}
    assert learned(counter, tokenizer, both) == f"Second.{end}"


def test_parts_of_a_message_are_joined(counter):
    parts = [{"type": "text", "text": "What does "}, {"type": "text", "text": "the TH2 cost?"}]
    assert counter.render([{"role": "user", "content": parts}]) == counter.render([ASKED])


def test_a_conversation_that_begins_with_an_answer_is_refused_with_the_cure(counter):
    with pytest.raises(CourseError, match="begin each conversation with a system or user message"):
        counter.encode([SAID, ASKED, SAID])


def test_an_older_model_keeps_its_template_in_the_configuration(counter, tmp_path):
    (tmp_path / "tokenizer.json").write_bytes((counter.folder / "tokenizer.json").read_bytes())
    config = json.loads((counter.folder / "tokenizer_config.json").read_text())
    config["chat_template"] = "{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}"
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert TokenCounter(tmp_path).render([ASKED]) == ASKED["content"] + config["eos_token"]
