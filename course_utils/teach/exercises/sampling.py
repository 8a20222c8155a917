"""Lesson 06: what a number of questions can show."""

from collections.abc import Callable

import numpy as np

from course_utils.study.results import load_result
from course_utils.teach.exercises.core import NotYet, call, number, wanted


def paired(a: str, b: str) -> np.ndarray:
    """``a`` minus ``b`` on each answerable question of the course's bake-off: -1, 0 or 1."""
    scores = load_result("bakeoff")["scores"]
    pairs = zip(scores[a]["correct"], scores[b]["correct"], strict=True)
    return np.array([int(ours) - int(theirs) for ours, theirs in pairs if ours is not None])


def shows(difference: np.ndarray) -> bool:
    """Whether the 95 % interval of the mean excludes 0, by the normal approximation.

    A quick stand-in for ``paired_difference``, which draws thousands of times.
    """
    margin = 1.96 * difference.std() / len(difference) ** 0.5
    return bool(abs(difference.mean()) > margin)


def true_power(difference: np.ndarray, n: int, seen: Callable = shows, draws: int = 2000) -> float:
    """Share of samples of ``n`` questions in which the difference is seen."""
    samples = np.random.default_rng(7).choice(difference, (draws, n))
    return float(np.mean([seen(sample) for sample in samples]))


def compare_power(power: Callable, difference: np.ndarray, n: int) -> None:
    """Raise ``NotYet`` unless the learner's ``power`` is ``true_power``, up to chance."""
    given = difference.copy()
    found = number(call(power, given, n), "the power")
    wanted(np.array_equal(given, difference), "`power` changes the differences: draw copies")
    case = f"{len(difference)} differences of mean {difference.mean():.2f}, n={n}"
    wanted(0 <= found <= 1, f"{case}: {found:g}; a share of the samples is wanted, not a count")
    right = true_power(difference, n)
    if abs(found - right) <= 0.06:
        return
    slips = (
        (found in (0, 1), "all samples say the same: draw with replacement, with one generator, "
         "and not the first n"),
        (abs(found - (1 - right)) <= 0.04, "that is how often it is missed"),
        (abs(found - abs(difference.mean())) <= 0.02, "that is the difference itself; how often "
         "does a sample show it?"),
        (abs(found - true_power(difference, len(difference))) <= 0.04, "n is ignored: a sample "
         "has n questions"),
        (abs(found - true_power(difference, n, lambda one: one.mean() > 0)) <= 0.05, "a mean "
         "above 0 is not enough: `shows` asks whether the interval excludes 0"),
    )  # fmt: skip
    why = next((why for wrong, why in slips if wrong), f"about {right:.1f} was expected")
    raise NotYet(f"{case}: {found:.2f}; {why}")
