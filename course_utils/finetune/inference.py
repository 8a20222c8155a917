"""Answers and losses of a model that is held in this process, for lesson 04 and its study."""

from collections.abc import Sequence
from contextlib import contextmanager


def complete(model, tokenizer, prompts: Sequence[str], max_new_tokens: int) -> list[str]:
    """Continue each text greedily, all in one batch.

    Args:
        model: A causal language model of transformers or PEFT.
        tokenizer: Its tokenizer.
        prompts: Texts; chats with the template applied.
        max_new_tokens: Most tokens to write for each.

    Returns:
        What was added to each prompt.
    """
    import torch

    # Padded on the left: every answer begins where the prompts end.
    batch = tokenizer(list(prompts), return_tensors="pt", padding=True, padding_side="left")
    begin = batch["input_ids"].shape[1]
    with torch.inference_mode(), _folded_head(model):
        made = model.generate(
            **batch.to(model.device), max_new_tokens=max_new_tokens, do_sample=False
        )
    return tokenizer.batch_decode(made[:, begin:], skip_special_tokens=True)


def mean_loss(model, tokenizer, texts: Sequence[str]) -> float:
    """Mean loss per token over plain texts, in nats."""
    import torch

    batch = tokenizer(list(texts), return_tensors="pt", padding=True).to(model.device)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    with torch.inference_mode(), _folded_head(model):
        return model(**batch, labels=labels).loss.item()


@contextmanager
def _folded_head(model):
    """One copy of the output layer for the whole batch.

    Where its weight is frozen, torch multiplies the last positions of a batch by a copy of it per
    example: 57 MB each with a 135M model.
    """
    weight = model.get_output_embeddings().weight
    trained = weight.requires_grad
    weight.requires_grad_(True)
    try:
        yield
    finally:
        weight.requires_grad_(trained)
