"""Lesson 00: the best of equal prompts, played often."""

from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.teach.exercises.core import call, describe, number, wanted


def plays(winner: Callable, prompts: int, questions: int, truth: float) -> np.ndarray:
    """Mean dev and test score over many rounds, if they are what chance gives."""
    rng = np.random.default_rng(0)
    first = _pair(call(winner, prompts, questions, truth, rng))
    rounds = np.array([first, *(_pair(winner(prompts, questions, truth, rng)) for _ in range(399))])
    drawn = np.random.default_rng(1).random((2000, prompts, questions)) < truth
    best = drawn.mean(axis=2).max(axis=1).mean()
    dev, test = rounds.mean(axis=0)
    case = f"with {prompts} prompts, {questions} questions, truth {truth}"
    wanted(
        rounds.std(axis=0).min() > 0,
        f"{case} each round gives the same: draw from `rng`, anew in each round",
    )
    fits = np.isclose([dev, test, test, dev], [best, truth, best, truth], atol=0.03)
    wanted(
        fits[:2].all() or not fits[2:].all(), f"{case} the pair is the wrong way round: dev first"
    )
    wanted(
        not fits[0] or test < truth + 0.03,
        f"{case} the test score is {test:.0%} on average: it takes part in the choice. The winner "
        "is chosen on dev, and then meets new questions",
    )
    wanted(
        dev > best - 0.03 or not np.isclose(dev, truth, atol=0.03),
        f"{case} the dev score is {dev:.0%} on average: no better than any prompt. Take the best",
    )
    wanted(fits[0], f"{case} the dev score is {dev:.0%} on average, it should be near {best:.0%}")
    wanted(
        fits[1], f"{case} the test score is {test:.0%} on average, it should be near {truth:.0%}"
    )
    return rounds.mean(axis=0)


def _pair(result: Any) -> np.ndarray:
    wanted(
        isinstance(result, list | tuple | np.ndarray) and len(result) == 2,
        f"`winner` is to return two numbers, dev and test, this is {describe(result)}",
    )
    pair = np.array([number(one, "each of the two scores") for one in result])
    wanted((pair <= 1).all(), "a score above 1: shares are wanted, from 0 to 1")
    return pair
