"""Lesson 04: count an adapter, fit a batch, mask the prompt, merge by hand, choose a rank."""

import copy
import math
from collections.abc import Callable
from numbers import Integral

import numpy as np

from course_utils.finetune.memory import LLAMA_8B, training_memory
from course_utils.finetune.tokens import NO_LABEL
from course_utils.teach.exercises.core import NotYet, call, describe, exercise, number, wanted
from course_utils.teach.exercises.matrices import compare_merge, compare_shrink

# Llama 3.1 8B and an adapter of rank 16 on all its linear layers, as lesson 04 counts them.
BASE_8B, TRAINED_8B = 8_030_261_248, 41_943_040


@exercise(
    "04.1",
    "warm-up",
    goal="Write `lora_parameters`: the numbers that an adapter of a rank trains.",
    hints=(
        "Draw A and B beside a layer with `inputs` and `outputs`. How many rows and columns has "
        "each?",
        "A is rank × inputs, B is outputs × rank.",
        "layers * sum(rank * (inputs + outputs) for inputs, outputs in sides)",
    ),
)
def _lora_parameters(lora_parameters: Callable) -> str:
    for sides, layers, rank in (
        ([(4096, 4096), (4096, 1024), (11_008, 4096)], 32, 8),
        ([(576, 576), (576, 192)], 30, 16),
        ([(10, 6)], 1, 4),
    ):
        _compare_count(lora_parameters, sides, layers, rank)
    return (
        "rank × (inputs + outputs) for each matrix in each layer. α is not in it: it scales the "
        "update and adds no number"
    )


def _compare_count(count: Callable, sides: list, layers: int, rank: int) -> None:
    found = number(call(count, sides, layers, rank), "the count")
    right = layers * rank * sum(i + o for i, o in sides)
    slips = {
        right / layers: "that is one layer; there are `layers` of them",
        layers * sum(i * o for i, o in sides): "that is full fine-tuning: the area of W, not the "
        "sides of A and B",
        layers * rank * sum(i for i, _ in sides): "that is A alone; B has numbers too",
        layers * rank * sum(o for _, o in sides): "that is B alone; A has numbers too",
        layers * rank * sum(2 * i for i, _ in sides): "W need not be square: inputs and outputs "
        "differ",
        layers * rank * sum(2 * o for _, o in sides): "W need not be square: inputs and outputs "
        "differ",
        layers * rank * sum(sides[0]): "that is one matrix of each layer; all of `sides` count",
        layers * rank * sum(sides[-1]): "that is one matrix of each layer; all of `sides` count",
        layers * sum(i * rank * o for i, o in sides): "A and B stand side by side; their sizes "
        "add, they do not multiply",
    }
    if found != right:
        why = f"{right / found:.3g} times as many are right" if found else "zero?"
        if found and number(call(count, sides, layers, rank + 1), "the count") == found:
            why = f"the count is the same at rank {rank + 1}: use `rank`"
        why = slips.get(found, why)
        raise NotYet(f"sides {sides}, {layers} layers, rank {rank}: {found:,.0f} is wrong; {why}")


@exercise(
    "04.2",
    "core",
    goal="Write `split_batch`: the largest micro-batch that fits, and how often to accumulate.",
    hints=(
        "Which micro-batches divide the batch without a rest? Which of them fit?",
        "`need(n)` is in bytes, the limit in GB: 1 GB is 1e9 bytes.",
        "micro = max(n for n in range(1, batch + 1) if batch % n == 0 and need(n) <= limit_gb * "
        "1e9); return micro, batch // micro",
    ),
)
def _split_batch(split_batch: Callable) -> str:
    for limit, batch, (base, each) in (
        (24, 16, (17.1e9, 3.9e9)),
        (80, 16, (17.1e9, 3.9e9)),
        (60, 12, (0, 9e9)),  # 6 fit, no power of two
        (40, 12, (0, 9e9)),  # 4 fit, which halving leaves out
        (40, 8, (0, 10e9)),  # 4 fit exactly
        (50, 15, (1e9, 6e9)),
    ):
        _compare_split(split_batch, lambda n, base=base, each=each: base + each * n, limit, batch)
    memory = [training_memory(LLAMA_8B, BASE_8B, TRAINED_8B, batch=n).total for n in (1, 4)]
    return (
        "the optimiser sees the same batch either way; only what is computed at once is smaller "
        f"({memory[0] / 1e9:.0f} GB for one example of an 8B model, {memory[1] / 1e9:.0f} for four)"
    )


def _compare_split(split: Callable, need: Callable, limit: int, batch: int) -> None:
    case = f"{limit} GB, batch {batch}, {need(1) / 1e9:g} GB for one, {need(2) / 1e9:g} for two"
    pair = call(split, need, limit, batch)
    wanted(
        isinstance(pair, list | tuple) and len(pair) == 2,
        f"a pair is wanted, micro-batch and accumulation; this is {describe(pair)}",
    )
    for value in pair:
        wanted(
            isinstance(value, Integral) and not isinstance(value, bool),
            f"whole numbers are wanted, this is {describe(value)}; `//` divides without a rest",
        )
    micro, steps = pair
    wanted(micro > 0 and steps > 0, f"{case}: {micro} and {steps}; both are 1 at least")
    fits = [n for n in range(1, batch + 1) if batch % n == 0 and need(n) <= limit * 1e9]
    wanted(micro * steps == batch, f"{case}: {micro} × {steps} are {micro * steps}, not {batch}")
    wanted(
        need(micro) <= limit * 1e9,
        f"{case}: a micro-batch of {micro} needs {need(micro) / 1e9:g} GB and does not fit",
    )
    wanted(
        micro == max(fits),
        f"{case}: {micro} fits, and so does {max(fits)}; a larger one uses the GPU better",
    )


@exercise(
    "04.3",
    "core",
    goal="Write `labels` (what the loss looks at) and `answer_loss` (its mean there).",
    hints=(
        "One label for each token: the token itself where the model shall learn, -100 elsewhere.",
        "Nothing is shifted and nothing is cut: the trainer shifts, and the ids stay whole. The "
        "loss is divided by the tokens that count.",
        "labels: [t if kind == 'reply' else -100 for kind, ids in pieces for t in ids]. "
        "answer_loss: keep the losses whose label is not -100, then their mean.",
    ),
)
def _loss_mask(labels: Callable, answer_loss: Callable) -> str:
    for pieces in (
        [("prompt", [1, 9, 8]), ("reply", [7, 6, 2])],
        [("prompt", [1, 5]), ("reply", [4, 2]), ("prompt", [3]), ("reply", [6, 7, 2])],
        [("prompt", [1, 5, 5, 5]), ("reply", [5, 2]), ("prompt", [3])],
    ):
        _compare_labels(labels, pieces)
    for losses, given in (([4.0, 4.0, 1.0, 2.0], [-100, -100, 7, 2]), ([3.0, 0.5], [-100, 2])):
        _compare_loss(answer_loss, losses, given)
    return (
        "the model learns to write replies and to end them, not to write customers' questions; "
        "and the mean over the reply alone can be compared between long and short prompts"
    )


def _compare_labels(labels: Callable, pieces: list) -> None:
    given = copy.deepcopy(pieces)
    found = call(labels, given)
    wanted(given == pieces, "`labels` changes the ids that it was given: build a new list")
    wanted(
        isinstance(found, list | tuple | np.ndarray),
        f"`labels` is to return a list, this is {describe(found)}",
    )
    found = [int(number(label, "a label")) for label in found]
    ids = [token for _, part in pieces for token in part]
    right = [t if kind == "reply" else NO_LABEL for kind, part in pieces for t in part]
    wanted(
        len(found) == len(ids),
        f"{len(ids)} tokens and {len(found)} labels: the prompt keeps its place, with -100",
    )
    if found == right:
        return
    kinds = [(place, kind) for place, (kind, part) in enumerate(pieces) for _ in part]
    replies = {place for place, kind in kinds if kind == "reply"}
    kept = {place for (place, _), label in zip(kinds, found, strict=True) if label != NO_LABEL}
    slips = (
        (NO_LABEL not in found, "no label is -100, so the loss looks at the prompt too"),
        (kept and not kept & replies, "the reply is masked, and the customer's words are learned"),
        (found[1:] == right[:-1] or found[:-1] == right[1:], "they are shifted by one token; the "
         "trainer does that itself"),
        (kept < replies, "every reply of a conversation counts, not one of them"),
        (kept == replies, "a token of a reply is masked; without its last one the model never "
         "learns to stop"),
    )  # fmt: skip
    why = next((why for wrong, why in slips if wrong), f"wanted are {right}")
    raise NotYet(f"for {pieces} the labels are {found}: {why}")


def _compare_loss(answer_loss: Callable, losses: list[float], labels: list[int]) -> None:
    found = number(call(answer_loss, losses, labels), "the loss")
    kept = [loss for loss, label in zip(losses, labels, strict=True) if label != NO_LABEL]
    slips = {
        sum(losses) / len(losses): "that is the mean over all tokens, the prompt's among them",
        sum(kept) / len(losses): "divide by the tokens that count, not by all: a long prompt would "
        "make the model look better",
        sum(kept): "that is the sum; a long reply would look worse than a short one",
    }
    if not math.isclose(found, sum(kept) / len(kept), rel_tol=1e-5):
        why = next((why for value, why in slips.items() if math.isclose(found, value)), "see hint")
        raise NotYet(f"losses {losses}, labels {labels}: {found:g} is wrong; {why}")


@exercise(
    "04.4",
    "core",
    goal="Write `merge`: W with an adapter's update added, as PEFT merges it.",
    hints=(
        "W + α/r · B·A. Where do you read r?",
        "The rank is the number of rows of A.",
        "W + alpha / len(A) * (B @ A)",
    ),
)
def _merge(merge: Callable) -> str:
    rng = np.random.default_rng(0)
    for outputs, inputs, rank, alpha in ((6, 9, 2, 4), (5, 5, 4, 4), (7, 3, 1, 8), (8, 12, 3, 2)):
        shapes = ((outputs, inputs), (rank, inputs), (outputs, rank))
        compare_merge(merge, *(rng.normal(size=shape) for shape in shapes), alpha)
    return (
        "after the merge an ordinary matrix is left, with no extra work for any token, and no "
        "switch: the base is W minus the same update"
    )


@exercise(
    "04.5",
    "stretch",
    goal="Write `shrink`: the A and B of a smaller rank that come closest to the trained update.",
    hints=(
        "The update is B·A, a sum of rank-1 pieces. Which pieces of it would you keep?",
        "np.linalg.svd(B @ A, full_matrices=False) gives U, s, V with the largest s first. Keep "
        "the first `rank` of each.",
        "return V[:rank], U[:, :rank] * s[:rank]",
    ),
)
def _shrink(shrink: Callable) -> str:
    rng = np.random.default_rng(1)
    for outputs, inputs, trained, rank in ((12, 20, 6, 2), (9, 9, 4, 3), (30, 8, 5, 1)):
        shapes = ((trained, inputs), (outputs, trained))
        compare_shrink(shrink, *(rng.normal(size=shape) for shape in shapes), rank)
    return (
        "no pair of this rank comes closer. Cut off is what the training used least; whether the "
        "replies miss it, only a measurement on them tells"
    )
