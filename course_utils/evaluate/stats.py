"""Means with confidence intervals, by the bootstrap."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

RESAMPLES = 4000


@dataclass(frozen=True)
class Interval:
    """A mean of ``n`` values with the ends of its confidence interval."""

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.0%} [{self.low:.0%}, {self.high:.0%}], n={self.n}"

    @property
    def errors(self) -> tuple[float, float]:
        """Lengths of the error bar below and above the mean, as matplotlib wants them."""
        return self.mean - self.low, self.high - self.mean


def mean_interval(values: Sequence[float], level: float = 0.95, seed: int = 0) -> Interval:
    """Mean of per-question scores with a percentile bootstrap interval.

    Scores that are all 0 or all 1 leave the bootstrap nothing to vary, and its interval would have
    no width. None of ``n`` right still allows a small share: there the exact (Clopper-Pearson)
    bound is taken.

    Args:
        values: One score per question in 0..1, shape ``(n,)``; booleans count as 0 and 1.
        level: Share of the resampled means inside the interval.
        seed: Makes the interval the same on every run.

    Raises:
        ValueError: There are no values.
    """
    scores = np.asarray(values, dtype=float)
    interval = _bootstrap(scores, level, seed)
    possible = 1 - ((1 - level) / 2) ** (1 / scores.size)
    if not scores.any():
        return replace(interval, high=possible)
    if (scores == 1).all():
        return replace(interval, low=1 - possible)
    return interval


def paired_difference(
    ours: Sequence[float], theirs: Sequence[float], level: float = 0.95, seed: int = 0
) -> Interval:
    """Mean of ``ours - theirs`` on the same questions, with a paired bootstrap interval.

    Pairing removes the questions' own difficulty, so the interval is narrower than the gap
    between two separate ones suggests.

    Raises:
        ValueError: The two lists differ in length.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"not the same questions: {len(ours)} and {len(theirs)} scores")
    difference = np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)
    return _bootstrap(difference, level, seed)


def paired_p(ours: Sequence[float], theirs: Sequence[float], seed: int = 0) -> float:
    """Two-sided p-value of ``ours - theirs`` by a sign-flip permutation test.

    If the two did not differ, each question's difference could as well have the other sign.

    Raises:
        ValueError: The two lists differ in length.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"not the same questions: {len(ours)} and {len(theirs)} scores")
    difference = np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), (RESAMPLES, difference.size))
    chance = np.abs(signs @ difference) >= abs(difference.sum()) - 1e-9
    # The observed signs are one of the possible draws, so the value is never exactly 0.
    return float((1 + chance.sum()) / (RESAMPLES + 1))


def _bootstrap(scores: np.ndarray, level: float, seed: int) -> Interval:
    if scores.size == 0:
        raise ValueError("no values: nothing was scored")
    draws = np.random.default_rng(seed).integers(0, scores.size, (RESAMPLES, scores.size))
    means = scores[draws].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(scores.mean()), float(low), float(high), scores.size)
