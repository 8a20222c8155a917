"""Answers of a model in this process: a batch answers as its questions would alone."""

import math

import pytest

from course_utils import registry
from course_utils.finetune.inference import complete, mean_loss

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def tiny():
    """A random network of two layers, with the chat model's tokenizer."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    gguf = registry.model_path(registry.local_chat(), "gguf")
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        eos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config).eval().requires_grad_(False), tokenizer


def test_a_batch_answers_as_its_questions_alone(tiny):
    prompts = ["A short one", "A much longer question about sensors in greenhouses", "Why?"]
    together = complete(*tiny, prompts, max_new_tokens=6)
    assert together == [complete(*tiny, [prompt], max_new_tokens=6)[0] for prompt in prompts]
    assert len(set(together)) > 1


def test_the_model_is_left_as_it_was(tiny):
    model, _ = tiny
    complete(*tiny, ["A question"], max_new_tokens=1)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    head = model.get_output_embeddings().weight.requires_grad_(True)
    complete(*tiny, ["A question"], max_new_tokens=1)
    assert head.requires_grad
    head.requires_grad_(False)


def test_a_random_network_is_as_uncertain_as_its_vocabulary_is_large(tiny):
    _, tokenizer = tiny
    texts = ["Paris is in France.", "A longer sentence, padded by none and padding the other."]
    assert mean_loss(*tiny, texts) == pytest.approx(math.log(len(tokenizer)), rel=0.02)


def test_padding_does_not_count(tiny):
    short, long = "Paris is in France.", "A longer sentence that the short one is padded to here."
    tokenizer = tiny[1]
    sizes = [len(tokenizer(text)["input_ids"]) - 1 for text in (short, long)]
    alone = [mean_loss(*tiny, [text]) for text in (short, long)]
    weighted = sum(a * n for a, n in zip(alone, sizes, strict=True)) / sum(sizes)
    assert mean_loss(*tiny, [short, long]) == pytest.approx(weighted, rel=1e-4)
