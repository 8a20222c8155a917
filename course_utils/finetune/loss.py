"""The loss on answers, without a table of logits for every token and all of the vocabulary.

A logit table is a batch's largest tensor: 49,152 numbers per token of a 135M model, in several
copies. Here the output layer sees only tokens that count, a few at a time, and their gradient is
taken at once, so that one small table is all there ever is.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

# Tokens whose logits exist at the same time; fewer would read the output layer more often.
CHUNK = 64


def answer_loss(
    head: nn.Module, hidden: Tensor, targets: Tensor, scale: float | Tensor
) -> tuple[Tensor, Tensor]:
    """Cross-entropy over tokens, summed and scaled, and how many come out as the most likely.

    Args:
        head: The model's output layer.
        hidden: What it is given, one row per token.
        targets: The token that each row should predict.
        scale: One over the number of tokens for a mean.
    """
    if type(head) is nn.Linear and head.bias is None and not head.weight.requires_grad:
        return _ChunkedLoss.apply(hidden.to(head.weight.dtype), head.weight, targets, scale)
    logits = head(hidden).float()  # a head that learns too needs its own gradient
    correct = (logits.detach().argmax(-1) == targets).sum()
    return functional.cross_entropy(logits, targets, reduction="sum") * scale, correct


@contextmanager
def without_head(head: nn.Module) -> Iterator[None]:
    """Let the model return what its output layer would be given."""
    head.forward = lambda hidden: hidden
    try:
        yield
    finally:
        del head.forward


class _ChunkedLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx, hidden: Tensor, weight: Tensor, targets: Tensor, scale: float | Tensor
    ) -> tuple[Tensor, Tensor]:
        rows = len(hidden)
        # Every piece has the same shape: oneDNN keeps kernels and buffers for each that it meets.
        hidden = functional.pad(hidden, (0, 0, 0, -rows % CHUNK))
        targets = functional.pad(targets, (0, -rows % CHUNK))
        gradient = torch.empty_like(hidden)
        total, correct = hidden.new_zeros((), dtype=torch.float), targets.new_zeros(())
        for start in range(0, rows, CHUNK):
            part = slice(start, start + CHUNK)
            losses, right = _piece(hidden[part], weight, targets[part], scale, gradient[part])
            total += losses[: rows - start].sum()
            correct += right[: rows - start].sum()
        ctx.save_for_backward(gradient[:rows])
        ctx.mark_non_differentiable(correct)
        return total * scale, correct

    @staticmethod
    def backward(ctx, by_total: Tensor, _by_correct: Tensor) -> tuple[Tensor, None, None, None]:
        [gradient] = ctx.saved_tensors
        return gradient * by_total, None, None, None


def _piece(
    hidden: Tensor, weight: Tensor, targets: Tensor, scale: float | Tensor, gradient: Tensor
) -> tuple[Tensor, Tensor]:
    """Loss of each row and whether it came out right; writes the gradient by ``hidden``."""
    wanted = targets[:, None]
    table = functional.linear(hidden, weight).float()
    highest, best = table.max(-1, keepdim=True)
    # From here on in place: logits, their exponentials, the loss's derivative by them.
    picked = table.sub_(highest).gather(1, wanted)
    norm = table.exp_().sum(-1, keepdim=True)
    table.mul_(scale / norm).scatter_add_(1, wanted, torch.full_like(norm, -scale))
    torch.mm(table.to(weight.dtype), weight, out=gradient)
    return norm.log() - picked, best == wanted
