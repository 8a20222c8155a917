"""Lesson 06: a question file, fragile assumptions, open questions, verdicts, sample size."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from course_utils.decide.questions import check_answers
from course_utils.study.results import load_result
from course_utils.teach.exercises.core import NotYet, call, describe, exercise, number, wanted
from course_utils.teach.exercises.decision import (
    TEAM,
    compare_answers,
    compare_asking,
    compare_swing,
    open_and_decisive,
    outcomes,
)
from course_utils.teach.exercises.own_file import SPOILT, judge_questions
from course_utils.teach.exercises.sampling import compare_power, paired, true_power

# Claim → its range, and what its figure is.
RANGES = {
    "few-shot": (0.80, 1.0, "share"),
    "no facts": (0.0, 0.05, "share"),
    "ten points": (0.10, 1.0, "difference"),
    "same style": (-0.02, 0.02, "difference"),
    "no harm": (-0.01, 1.0, "difference"),
}
VERDICTS = ("holds", "does not hold here", "not decided")
SIZES = (20, 50, 100, 200, 400)
WANTED_POWER = 0.8


@exercise(
    "06.1",
    "warm-up",
    goal="Correct the lines of a question file so that all eight can be scored, and rightly.",
    hints=(
        "Begin with the lines that the course names; each message has its cure. Then check every "
        "gold against its document: two of them no tool can judge.",
        "Lines 2, 3, 4, 5 and 8 have a wrong form. Lines 6 and 7 look well and are wrong: read "
        "shipping.md and warranty-hardware.md.",
        'For instance 2: {"question": …, "accepted": "$9", "sources": "shipping.md"} and 4: '
        '{"question": …, "kind": "unanswerable"}. A parcel is lost after 12 business days.',
    ),
)
def _question_file(corrected: Any) -> str:
    wanted(
        isinstance(corrected, Mapping),
        f"a dict is wanted, line → the whole row as it should be; this is {describe(corrected)}",
    )
    judge_questions(corrected)
    return (
        f"all {len(SPOILT)} questions can be scored. The checks found five lines. The gold of "
        "lines 6 and 7 only a reader could find, and it would have marked right replies as wrong"
    )


@exercise(
    "06.2",
    "core",
    goal="Write `swing`: what each assumption does when it alone is off; then name the fragile "
    "ones.",
    hints=(
        "One at a time: all the others stay as assumed. How do you make a dict in which one value "
        "differs, without touching the first?",
        "`assumed | {name: value * (1 - by)}` is such a dict, and `outcome(**that)` its outcome.",
        "{name: tuple(outcome(**assumed | {name: value * f}) for f in (1 - by, 1 + by)) for name, "
        "value in assumed.items()}; fragile: the names with None among the two.",
    ),
)
def _sensitivity(swing: Callable, fragile: Any, outcome: Callable, assumed: Mapping) -> str:
    for result, values, by in (
        (lambda a, b, c: a * b + c, {"a": 10.0, "b": 2.0, "c": 5.0}, 0.2),
        (lambda up, saved: up / saved if saved > 1 else None, {"up": 90.0, "saved": 1.2}, 0.25),
        (lambda x: x**2, {"x": 4}, 0.5),
        (outcome, assumed, 0.2),
    ):
        compare_swing(swing, result, values, by)
    right = {name for name, ends in outcomes(outcome, assumed, 0.2).items() if None in ends}
    wanted(
        isinstance(fragile, list | set | tuple) and set(fragile) <= set(assumed),
        f"`fragile` is to be a list of names out of {', '.join(assumed)}; this is "
        f"{describe(fragile)}",
    )
    wanted(
        set(fragile) == right,
        f"`fragile` has {len(set(fragile))} of {len(assumed)} names, and not the right ones: which "
        "outcomes are None, that is, never?",
    )
    return (
        f"off by a fifth, {' or '.join(sorted(right))} alone turns 'some day' into 'never'. The "
        "saving is a small difference of two large amounts, so small errors in either outweigh "
        "every doubt about hours, wages and volume"
    )


@exercise(
    "06.3",
    "core",
    goal="Write the team's `answers`, and `worth_asking`: which open questions can still change "
    "the recommendation.",
    hints=(
        "`answers`: only what the text says; what nobody knows stays out. `worth_asking`: what "
        "would have to happen for a question not to matter?",
        "Take each question without an answer, try each of its possible answers, and compare "
        "`recommend(...).approach` with that of now.",
        "any(recommend({**answers, id: value}, measured).approach != now for value in values)",
    ),
)
def _asking(answers: Any, worth_asking: Callable) -> str:
    compare_answers(answers)
    report = load_result("bakeoff")
    close = {
        "approaches": [
            {"name": name, "correct": right, "ci_low": right - 0.2, "ci_high": right + 0.2}
            for name, right in (("prompt", 0.5), ("rag", 0.6))
        ]
    }
    for known, measured in (
        (TEAM, None),
        ({}, None),
        ({"private": True, "fits_prompt": True, "change": "yearly"}, None),
        ({"change": "weekly", "private": True, "citations": True, "style": False}, None),
        ({"private": True}, close),
        (TEAM, report),
    ):
        compare_asking(worth_asking, known, measured)
    ids, left = sorted(open_and_decisive(TEAM)), len(open_and_decisive(TEAM, report))
    return (
        f"of {len(check_answers({})) - len(TEAM)} open questions {len(ids)} could still change the "
        f"approach: {', '.join(ids)}. The others can stay open. Given the course's bake-off, "
        f"{left or 'none'} of them would: what was measured counts before rules"
    )


@exercise(
    "06.4",
    "core",
    goal="Write `verdict` (an interval against a claim's range), and the ranges of four claims.",
    hints=(
        "Draw two bars on a line, the interval and the claim. How can they lie? Three ways matter.",
        "Inside: every value that is plausible agrees. Apart: none does. Anything else leaves it "
        "open. For the ranges: '10 points or more' is from 0.10 to 1; 'within' has two sides.",
        "holds: at_least <= low and high <= at_most; does not hold here: high < at_least or low > "
        "at_most. 'At most 1 point less often' begins at -0.01.",
    ),
)
def _verdicts(verdict: Callable, ranges: Any) -> str:
    for case in (
        (0.85, 0.90, 0.80, 1.0),
        (0.70, 0.82, 0.80, 1.0),
        (0.72, 0.92, 0.80, 1.0),
        (0.60, 0.75, 0.80, 1.0),
        (0.0, 0.20, 0.05, 0.10),
        (12.0, 13.0, 50.0, 300.0),
        (250.0, 320.0, 50.0, 300.0),
        (310.0, 420.0, 50.0, 300.0),
        (-0.08, 0.08, -0.05, 0.05),
        (0.0, 0.02, 0.0, 0.05),
        (0.0, 0.1, 0.1, 1.0),
        (0.05, 0.2, -1.0, 0.05),
    ):
        _compare_verdict(verdict, *case)
    wanted(
        isinstance(ranges, Mapping) and set(ranges) == set(RANGES),
        f"`ranges` is to be a dict with {', '.join(RANGES)}; this is {describe(ranges)}",
    )
    for name, ends in ranges.items():
        _compare_range(name, ends)
    return (
        "what touches the border of a claim is not decided. 'No difference found' says as little: "
        "to call two things equal, name the margin first, and see the interval inside it"
    )


def _right_verdict(low: float, high: float, at_least: float, at_most: float) -> str:
    if at_least <= low and high <= at_most:
        return VERDICTS[0]
    return VERDICTS[1] if high < at_least or low > at_most else VERDICTS[2]


def _compare_verdict(
    verdict: Callable, low: float, high: float, at_least: float, at_most: float
) -> None:
    found = call(verdict, low, high, at_least, at_most)
    case = f"measured [{low:g}, {high:g}], claimed {at_least:g} to {at_most:g}"
    wanted(
        isinstance(found, str) and found.strip().lower() in VERDICTS,
        f"{case}: one of {', '.join(map(repr, VERDICTS))} is wanted, this is {describe(found)}",
    )
    found, right = found.strip().lower(), _right_verdict(low, high, at_least, at_most)
    if found == right:
        return
    why = {
        (VERDICTS[0], VERDICTS[2]): "part of the interval lies outside the claim, so it may as "
        "well not hold",
        (VERDICTS[1], VERDICTS[2]): "part of the interval lies inside the claim, so it may as "
        "well hold",
        (VERDICTS[2], VERDICTS[0]): "every value of the interval agrees with the claim (ends "
        "count)",
        (VERDICTS[2], VERDICTS[1]): "no value of the interval agrees with the claim",
    }.get((found, right), "draw both on a line")
    raise NotYet(f"{case}: {found!r} is not right; {why}")


def _compare_range(name: str, ends: Any) -> None:
    at_least, at_most, kind = RANGES[name]
    wanted(
        isinstance(ends, list | tuple) and len(ends) == 2,
        f"ranges[{name!r}] is to be a pair, from and to; this is {describe(ends)}",
    )
    low, high = (number(end, f"an end of ranges[{name!r}]") for end in ends)
    wanted(low <= high, f"ranges[{name!r}]: the lower end comes first")
    wanted(
        all(abs(end) <= 1 or math.isinf(end) for end in (low, high)),
        f"ranges[{name!r}]: shares are wanted; 10 points are 0.10",
    )
    low, high = max(low, 0.0 if kind == "share" else -1.0), min(high, 1.0)
    if math.isclose(low, at_least, abs_tol=1e-6) and math.isclose(high, at_most, abs_tol=1e-6):
        return
    slips = (
        (name == "same style" and low >= 0, "'within 2 points' has two sides"),
        (name == "no harm" and low == 0, "it allows for 1 point less"),
        (name == "no harm" and low > 0, "it does not claim to be better"),
        (name == "no harm" and high < 1, "nobody would mind if it were better"),
        (name == "ten points" and low == 0, "it claims more than 'better'"),
        (high < 1 and at_most == 1, "'or more' has no upper end but 1"),
    )
    why = next((why for wrong, why in slips if wrong), "read the claim again")
    raise NotYet(f"ranges[{name!r}] is {ends[0]:g} to {ends[1]:g}: {why}")


@exercise(
    "06.5",
    "stretch",
    goal="Predict, then write `power`: how often a sample of n questions shows a difference; and "
    "say how many questions are needed.",
    hints=(
        "The 200 questions stand for all that users might ask. What would another n of them say? "
        "Draw n, look, and do that a thousand times.",
        "rng = np.random.default_rng(0) once; rng.choice(difference, n) draws n with replacement; "
        "count how often `shows` is true.",
        "np.mean([shows(rng.choice(difference, n)) for _ in range(1000)]); needed = min(n for n in "
        "sizes if power(difference, n) >= 0.8)",
    ),
)
def _sample_size(predicted: Any, power: Callable, needed: Any) -> str:
    guess = number(predicted, "`predicted`")
    wanted(0 <= guess <= 1, f"`predicted` is {guess:g}; a share from 0 to 1 is wanted, not percent")
    real = paired("rag_fine_tuned", "rag")
    large, none = np.array([1] * 6 + [0] * 14), np.array([1] * 30 + [-1] * 30 + [0] * 40)
    for difference, n in ((real, 20), (real, 200), (large, 12), (large, 20), (none, 60)):
        compare_power(power, difference, n)
    right = next(n for n in SIZES if true_power(real, n) >= WANTED_POWER)
    wanted(
        number(needed, "`needed`") == right,
        f"`needed` is {float(needed):g}: the smallest of {', '.join(map(str, SIZES))} with a power "
        f"of {WANTED_POWER} or more is wanted",
    )
    few, enough = (float(power(real, n)) for n in (SIZES[0], right))
    return (
        f"{SIZES[0]} questions show a real gain of {100 * real.mean():.0f} points in {few:.0%} "
        f"of the cases (you said {guess:.0%}), {right} in {enough:.0%}. "
        "'No measurable difference' from a small test says nothing about the systems"
    )
