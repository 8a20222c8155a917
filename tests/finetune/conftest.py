"""A base that trains in no time."""

import pytest

from course_utils import registry
from course_utils.finetune.base import base_folder


@pytest.fixture
def tiny_base(home):
    """The chat model's tokenizer with a network of two small layers and random weights."""
    torch = pytest.importorskip("torch")
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    chat = registry.local_chat()
    gguf = registry.model_path(chat, "gguf")
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    # Large weights: tokens differ in loss, so that a mean of means is not the mean.
    config = LlamaConfig(
        vocab_size=len(tokenizer), tie_word_embeddings=True, initializer_range=0.5, **shape, **heads
    )
    LlamaForCausalLM(config).save_pretrained(base_folder(chat))
    tokenizer.save_pretrained(base_folder(chat))
    return chat
