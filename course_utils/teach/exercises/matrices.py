"""Lesson 04: judges of what is done with an adapter's matrices."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.teach.exercises.core import NotYet, call, describe, wanted


def compare_merge(merge: Callable, w: np.ndarray, a: np.ndarray, b: np.ndarray, alpha: int) -> None:
    """Raise ``NotYet`` unless ``merge`` adds the update α/r · B·A to W."""
    given = [w.copy(), a.copy(), b.copy()]
    found = np.asarray(_called(merge, *given, alpha))
    wanted(
        all(np.array_equal(old, new) for old, new in zip((w, a, b), given, strict=True)),
        "`merge` changes the matrices that it was given (+= works in place): the base would be "
        "lost",
    )
    wanted(
        found.shape == w.shape,
        f"W is {w.shape[0]}×{w.shape[1]}, and the result has the shape {found.shape}",
    )
    rank, update = len(a), b @ a
    slips = (
        (alpha / rank * update, "that is the update alone; W is missing"),
        (w + update, "the update is not scaled: α/r"),
        (w + alpha * update, "the update is scaled by α; α/r is wanted"),
        (w + rank / alpha * update, "the scale is upside down: α/r"),
        (w - alpha / rank * update, "the update is subtracted; that takes an adapter out again"),
        (w + alpha / len(b) * update, "r is the thin side: the rows of A, the columns of B"),
        (w + alpha / len(a[0]) * update, "r is the thin side: the rows of A, the columns of B"),
    )
    if not np.allclose(found, w + alpha / rank * update, rtol=1e-4, atol=1e-6):
        known = [why for wrong, why in slips if np.allclose(found, wrong, rtol=1e-4, atol=1e-6)]
        why = known[0] if known else "compare with W + α/r · B·A"
        raise NotYet(f"W {w.shape}, rank {rank}, α {alpha}: {why}")


def compare_shrink(shrink: Callable, a: np.ndarray, b: np.ndarray, rank: int) -> None:
    """Raise ``NotYet`` unless ``shrink`` finds the closest A and B of a smaller rank."""
    given = a.copy(), b.copy()
    pair = _called(shrink, *given, rank)
    wanted(
        all(np.array_equal(old, new) for old, new in zip((a, b), given, strict=True)),
        "`shrink` changes A or B: build new ones",
    )
    wanted(
        isinstance(pair, list | tuple) and len(pair) == 2,
        f"a pair is wanted, the new A and the new B; this is {describe(pair)}",
    )
    small_a, small_b = map(np.asarray, pair)
    shapes = ((rank, a.shape[1]), (len(b), rank))
    turned = (small_b.shape, small_a.shape) == shapes
    wanted(not turned, "A and B are the wrong way round: A first")
    wanted(
        (small_a.shape, small_b.shape) == shapes,
        f"rank {rank} wants shapes {shapes}, these are {(small_a.shape, small_b.shape)}",
    )
    update = b @ a
    best = math.sqrt(float((np.linalg.svd(update, compute_uv=False)[rank:] ** 2).sum()))
    error, size = float(np.linalg.norm(update - small_b @ small_a)), np.linalg.norm(update)
    if error <= best + 1e-4 * size:
        return
    why = "a closer pair exists"
    if np.allclose(small_b @ small_a, b[:, :rank] @ a[:rank]):
        why = "the first columns of B and rows of A are not the important ones"
    elif error > size * 0.9:
        why = "that is hardly nearer than no adapter at all: are the singular values in it once?"
    raise NotYet(
        f"rank {len(a)} → {rank}: an error of {error / size:.0%} of the update, {best / size:.0%} "
        f"can be had; {why}"
    )


def _called(function: Callable, *given: Any) -> Any:
    """What a learner's function returns; a product in the wrong order is told in words."""
    try:
        return call(function, *given)
    except NotYet as failed:
        *_, a, b, _ = given
        words = str(failed.__cause__)
        if "matmul" not in words and "not aligned" not in words:
            raise
        raise NotYet(
            f"these two do not multiply: the update is B·A, ({len(b)} × {len(a)}) · "
            f"({len(a)} × {a.shape[1]}), outputs × r and r × inputs; A·B is something else"
        ) from failed
