"""Lesson 01: scores on dev and test for each number of examples, and the gain between two."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from course_utils.evaluate.stats import mean_interval, paired_difference
from course_utils.teach.exercises.core import NotYet, describe, wanted


def check_scores(scores: Any, name: str, needed: Iterable[int]) -> None:
    """Raise unless ``scores`` has a list of right and wrong for each number of examples."""
    wanted(
        isinstance(scores, Mapping),
        f"`{name}` is to be a dict from number of examples to scores, this is {describe(scores)}",
    )
    missing = [n for n in needed if n not in scores]
    wanted(not missing, f"`{name}` has nothing for {missing[:1]} examples")
    for values in scores.values():
        wanted(
            isinstance(values, list | tuple | np.ndarray),
            f"`{name}` is to hold a list per number of examples, one entry per question, "
            f"not {describe(values)}",
        )
    lengths = {len(values) for values in scores.values()}
    wanted(len(lengths) == 1, f"in `{name}` the lists differ in length: not the same questions")


def explain_gain(gain: Any, ours: list, base: list, dev_ours: list, dev_base: list) -> None:
    """Raise with the mistake that made this gain."""
    wanted(
        gain != paired_difference(base, ours),
        "the gain has the wrong sign: the chosen prompt comes first, then the one that it replaces",
    )
    wanted(
        gain != paired_difference(dev_ours, dev_base),
        "that is the gain on dev, where the prompt was chosen; report it on test",
    )
    wanted(
        gain != mean_interval(ours),
        "that is the score of the chosen prompt; the difference from one example is wanted",
    )
    raise NotYet("`gain` is not paired_difference(test_scores[best], test_scores[1])")
