"""Lesson 04's exercises: right answers pass, typical wrong ones are told why."""

import numpy as np
import pytest

from course_utils.finetune.memory import LLAMA_8B
from course_utils.teach.exercises.lesson_04 import TRAINED_8B

# ------------------------------------------------------------------------------------ 04.1: count


def count(sides, layers, rank):
    return layers * sum(rank * (inputs + outputs) for inputs, outputs in sides)


def count_by_matrices(sides, layers, rank):
    made = [(np.empty((rank, i)), np.empty((o, rank))) for i, o in sides] * layers
    return np.int64(sum(a.size + b.size for a, b in made))


def test_the_8b_adapter_has_as_many_numbers_as_the_notebook_says():
    hidden, mlp = LLAMA_8B["hidden_size"], LLAMA_8B["intermediate_size"]
    shared = hidden * LLAMA_8B["num_key_value_heads"] // LLAMA_8B["num_attention_heads"]
    sides = [(hidden, hidden), (hidden, shared)] * 2 + [(hidden, mlp)] * 3
    assert count(sides, LLAMA_8B["num_hidden_layers"], 16) == TRAINED_8B


# ------------------------------------------------------------------------------------ 04.2: batch


def split(need, limit_gb, batch, gb=1e9):
    micro = max(n for n in range(1, batch + 1) if batch % n == 0 and need(n) <= limit_gb * gb)
    return micro, batch // micro


def split_downwards(need, limit_gb, batch):
    micro = np.int64(batch)
    while batch % micro or need(micro) > limit_gb * 1e9:
        micro -= 1
    return [micro, batch // micro]


def split_any(need, limit_gb, batch):
    micro = max(n for n in range(1, batch + 1) if need(n) <= limit_gb * 1e9)
    return micro, batch // micro


def split_by_halves(need, limit_gb, batch):
    micro = batch
    while need(micro) > limit_gb * 1e9:
        micro //= 2
    return micro, batch // micro


def split_strictly(need, limit_gb, batch):
    return split(lambda n: need(n) + 1, limit_gb, batch)


# ------------------------------------------------------------------------------------ 04.3: labels


def labels(pieces):
    return [token if kind == "reply" else -100 for kind, ids in pieces for token in ids]


def labels_in_turns(pieces):
    found = []
    for kind, ids in pieces:
        found.extend(ids if kind == "reply" else [-100] * len(ids))
    return tuple(found)


def loss(losses, labels):
    kept = [one for one, label in zip(losses, labels, strict=True) if label != -100]
    return sum(kept) / len(kept)


def loss_as_arrays(losses, labels):
    return np.mean(np.array(losses)[np.array(labels) != -100])


def masked_in_place(pieces):
    for kind, ids in pieces:
        if kind != "reply":
            ids[:] = [-100] * len(ids)
    return [token for _, ids in pieces for token in ids]


def without_end(pieces):
    return [t if k == "reply" and t != 2 else -100 for k, ids in pieces for t in ids]


def one_reply(which):
    def labels(pieces):
        place = [i for i, (kind, _) in enumerate(pieces) if kind == "reply"][which]
        return [t if i == place else -100 for i, (_, ids) in enumerate(pieces) for t in ids]

    return labels


# ------------------------------------------------------------------------ 04.4, 04.5: matrices


def merge(w, a, b, alpha):
    return w + alpha / len(a) * (b @ a)


def merge_by_sums(w, a, b, alpha):
    rank = b.shape[1]
    return w + sum(np.outer(b[:, k], a[k]) for k in range(rank)) * (alpha / rank)


def merge_in_place(w, a, b, alpha):
    w += alpha / len(a) * (b @ a)
    return w


def shrink(a, b, rank):
    u, sizes, v = np.linalg.svd(b @ a, full_matrices=False)
    return v[:rank], u[:, :rank] * sizes[:rank]


def shrink_halves(a, b, rank):
    u, sizes, v = np.linalg.svd(b @ a)
    roots = np.sqrt(sizes[:rank])
    return roots[:, None] * v[:rank], u[:, :rank] * roots


def shrink_by_projection(a, b, rank):
    u = np.linalg.svd(b @ a)[0][:, :rank]
    return u.T @ b @ a, u


def unsized(a, b, rank):
    u, _, v = np.linalg.svd(b @ a, full_matrices=False)
    return v[:rank], u[:, :rank]


def sized_twice(a, b, rank):
    u, sizes, v = np.linalg.svd(b @ a, full_matrices=False)
    return sizes[:rank, None] * v[:rank], u[:, :rank] * sizes[:rank]


def shrink_in_place(a, b, rank):
    found = shrink(a, b, rank)
    a[rank:] = 0
    return found


RIGHT = {
    "a sum": ("04.1", count),
    "matrices": ("04.1", count_by_matrices),
    "a float": ("04.1", lambda *shape: float(count(*shape))),
    "divisors": ("04.2", split),
    "downwards, NumPy": ("04.2", split_downwards),
    "a comprehension": ("04.3", labels, loss),
    "turns and arrays": ("04.3", labels_in_turns, loss_as_arrays),
    "arrays": ("04.3", lambda pieces: np.array(labels(pieces)), loss),
    "the formula": ("04.4", merge),
    "outer products": ("04.4", merge_by_sums),
    "lists": ("04.4", lambda *given: merge(*given).tolist()),
    "sizes in B": ("04.5", shrink),
    "sizes in both": ("04.5", shrink_halves),
    "projected": ("04.5", shrink_by_projection),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right(told, name):
    id, *answer = RIGHT[name]
    assert told(id, *answer).startswith(f"{id} done: ")


NOT_YET = {
    # 04.1
    "one layer": ("04.1", lambda s, n, r: count(s, 1, r), "that is one layer"),
    "full fine-tuning": ("04.1", lambda s, n, r: n * sum(i * o for i, o in s), "the area of W"),
    "A alone": ("04.1", lambda s, n, r: n * r * sum(i for i, _ in s), "that is A alone"),
    "B alone": ("04.1", lambda s, n, r: n * r * sum(o for _, o in s), "that is B alone"),
    "square": ("04.1", lambda s, n, r: n * r * sum(2 * i for i, _ in s), "W need not be square"),
    "multiplied": ("04.1", lambda s, n, r: n * sum(i * r * o for i, o in s), "do not multiply"),
    "the first matrix": ("04.1", lambda s, n, r: count(s[:1], n, r), "one matrix of each layer"),
    "the last matrix": ("04.1", lambda s, n, r: count(s[-1:], n, r), "one matrix of each layer"),
    "twice": ("04.1", lambda *shape: 2 * count(*shape), "0.5 times as many are right"),
    "a rank of one's own": (
        "04.1",
        lambda s, n, r: count(s, n, 16),
        "the count is the same at rank 9: use `rank`",
    ),
    "nothing": ("04.1", lambda *shape: 0, "zero?"),
    "as text": ("04.1", lambda *shape: f"{count(*shape):,}", "the count is to be a number"),
    "a figure": ("04.1", 921_600, "a function is wanted, this is an int (921600)"),
    # 04.2
    "no divisor": ("04.2", split_any, "8 × 1 are 8, not 15"),
    "halves": ("04.2", split_by_halves, "3 fits, and so does 4"),
    "strictly": ("04.2", split_strictly, "2 fits, and so does 4"),
    "GiB": ("04.2", lambda *a: split(*a, gb=1024**3), "needs 24.9 GB and does not fit"),
    "MB": ("04.2", lambda *a: split(*a, gb=1e6), "stops with ValueError"),
    "one at a time": ("04.2", lambda need, gb, batch: (1, batch), "1 fits, and so does"),
    "all at once": ("04.2", lambda need, gb, batch: (batch, 1), "and does not fit"),
    "the other way round": ("04.2", lambda *a: split(*a)[::-1], "16 needs 79.5 GB and does not"),
    "divided with a rest": (
        "04.2",
        lambda need, gb, batch: (split(need, gb, batch)[0], batch / split(need, gb, batch)[0]),
        "`//` divides without a rest",
    ),
    "the micro-batch alone": ("04.2", lambda *a: split(*a)[0], "a pair is wanted"),
    "batch beside it": ("04.2", lambda need, gb, n: (split(need, gb, n)[0], n), "16 × 16 are 256"),
    "none": ("04.2", lambda *a: (0, 16), "both are 1 at least"),
    # 04.3
    "all tokens": ("04.3", lambda p: [t for _, ids in p for t in ids], loss, "no label is -100"),
    "0 for nothing": (
        "04.3",
        lambda p: [t if k == "reply" else 0 for k, ids in p for t in ids],
        loss,
        "no label is -100",
    ),
    "the other way": (
        "04.3",
        lambda p: [-100 if k == "reply" else t for k, ids in p for t in ids],
        loss,
        "the customer's words are learned",
    ),
    "shifted": ("04.3", lambda p: [*labels(p)[1:], -100], loss, "shifted by one token"),
    "shifted the other way": (
        "04.3",
        lambda p: [-100, *labels(p)[:-1]],
        loss,
        "shifted by one token",
    ),
    "without its end": ("04.3", without_end, loss, "never learns to stop"),
    "the last reply": ("04.3", one_reply(-1), loss, "every reply of a conversation counts"),
    "the first reply": ("04.3", one_reply(0), loss, "every reply of a conversation counts"),
    "the prompt left out": (
        "04.3",
        lambda p: [t for k, ids in p if k == "reply" for t in ids],
        loss,
        "6 tokens and 3 labels",
    ),
    "in place": ("04.3", masked_in_place, loss, "`labels` changes the ids"),
    "True and False": (
        "04.3",
        lambda p: [k == "reply" for k, ids in p for _ in ids],
        loss,
        "a label is to be a number, this is a bool",
    ),
    "how many": ("04.3", lambda p: len(labels(p)), loss, "`labels` is to return a list"),
    "a mean over all": ("04.3", labels, lambda losses, _: np.mean(losses), "the prompt's among"),
    "divided by all": (
        "04.3",
        labels,
        lambda losses, given: loss(losses, given) * sum(g != -100 for g in given) / len(given),
        "would make the model look better",
    ),
    "the sum": (
        "04.3",
        labels,
        lambda losses, given: loss(losses, given) * sum(g != -100 for g in given),
        "that is the sum",
    ),
    # 04.4
    "no scale": ("04.4", lambda w, a, b, alpha: w + b @ a, "not scaled"),
    "α": ("04.4", lambda w, a, b, alpha: w + alpha * b @ a, "scaled by α"),
    "r/α": ("04.4", lambda w, a, b, alpha: w + len(a) / alpha * b @ a, "upside down"),
    "the long side": ("04.4", lambda w, a, b, alpha: w + alpha / len(b) * b @ a, "the thin side"),
    "rank 16": ("04.4", lambda w, a, b, alpha: w + alpha / 16 * b @ a, "compare with W + α/r"),
    "subtracted": (
        "04.4",
        lambda w, a, b, alpha: w - alpha / len(a) * b @ a,
        "takes an adapter out",
    ),
    "W is missing": (
        "04.4",
        lambda w, a, b, alpha: alpha / len(a) * b @ a,
        "that is the update alone",
    ),
    "A·B": ("04.4", lambda w, a, b, alpha: w + alpha / len(a) * a @ b, "these two do not multiply"),
    "A·B by dot": (
        "04.4",
        lambda w, a, b, alpha: w + np.dot(a, b),
        "the update is B·A, (6 × 2) · (2 × 9), outputs × r and r × inputs",
    ),
    "element by element": (
        "04.4",
        lambda w, a, b, alpha: w + b * a,
        "with (6 × 9 numbers, 2 × 9 numbers, 6 × 2 numbers, 4) your function stops with ValueError",
    ),
    "turned": ("04.4", lambda *given: merge(*given).T, "the result has the shape (9, 6)"),
    "W in place": ("04.4", merge_in_place, "the base would be lost"),
    # 04.5
    "the first rows": ("04.5", lambda a, b, r: (a[:r], b[:, :r]), "are not the important ones"),
    "no sizes": ("04.5", unsized, "are the singular values in it once?"),
    "sizes twice": ("04.5", sized_twice, "are the singular values in it once?"),
    "B first": ("04.5", lambda *given: shrink(*given)[::-1], "the wrong way round: A first"),
    "nothing smaller": (
        "04.5",
        lambda a, b, rank: (a, b),
        "rank 2 wants shapes ((2, 20), (12, 2))",
    ),
    "one too many": ("04.5", lambda a, b, r: shrink(a, b, r + 1), "rank 2 wants shapes"),
    "the product": (
        "04.5",
        lambda *given: shrink(*given)[1] @ shrink(*given)[0],
        "a pair is wanted",
    ),
    "the last values": (
        "04.5",
        lambda a, b, rank: (shrink(a, b, 9)[0][2 : 2 + rank], shrink(a, b, 9)[1][:, 2 : 2 + rank]),
        "a closer pair exists",
    ),
    "A·B, cut": (
        "04.5",
        lambda a, b, rank: np.linalg.svd(a @ b)[:2],
        "these two do not multiply: the update is B·A, (12 × 6) · (6 × 20)",
    ),
    "A in place": ("04.5", shrink_in_place, "`shrink` changes A or B"),
}


@pytest.mark.parametrize("name", NOT_YET)
def test_wrong_is_told_why(not_yet, name):
    not_yet(*NOT_YET[name])


OPEN = {
    "no count": ("04.1", lambda *shape: ...),
    "no pair": ("04.2", lambda *given: ...),
    "half a pair": ("04.2", lambda *given: (1, ...)),
    "no labels": ("04.3", lambda pieces: ..., loss),
    "no loss": ("04.3", labels, lambda losses, labels: ...),
    "no matrix": ("04.4", lambda *given: ...),
    "no B": ("04.5", lambda a, b, rank: (shrink(a, b, rank)[0], ...)),
}


@pytest.mark.parametrize("name", OPEN)
def test_open_is_said(still_open, name):
    still_open(*OPEN[name])
