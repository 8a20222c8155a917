"""Lesson 00: name the problem, mend the shortcut, distrust an anecdote."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from numbers import Integral
from typing import Any

import numpy as np

from course_utils.evaluate.stats import mean_interval
from course_utils.teach.exercises.core import (
    NotYet,
    call,
    describe,
    exercise,
    number,
    wanted,
)
from course_utils.teach.exercises.equals import plays

_WORDS = {"prompting": "told", "rag": "sees", "fine-tuning": "behaves"}
# Complaint → what to change, and what to ask oneself where the answer is another.
_COMPLAINTS = {
    "stale price": (
        "sees",
        "the model was trained on prices that have changed since. Where must a figure stand, so "
        "that its next change is one edit?",
    ),
    "auditor": ("sees", "which of the three leaves you with something to point at?"),
    "new rule": ("told", "the rule is one sentence, and this model follows sentences."),
    "no greeting": ("told", "what is the cheapest thing that nobody has tried?"),
    "no fixed shape": (
        "behaves",
        "telling was tried for six weeks, and the facts are right already. What is left?",
    ),
    "costly examples": (
        "behaves",
        "the examples work, and every call pays for them. Where else can a habit be kept?",
    ),
}
_QUESTIONS = ("changes_monthly", "needs_citations", "under_500_examples")


@exercise(
    "00.1",
    "warm-up",
    goal="Say for each complaint what to change first: what the model is told, sees, or how it "
    "behaves.",
    hints=(
        "Ask what is wrong: a fact (a knowledge problem) or a form (a behaviour problem)?",
        "A fact that changes or must be cited has to be looked up: the model has to see it. "
        "A form is told first, and trained in only where telling failed or costs too much.",
        "Two complaints of each kind.",
    ),
)
def _diagnosis(diagnosis: Any) -> str:
    wanted(
        isinstance(diagnosis, Mapping),
        f"a dict from complaint to diagnosis is wanted, this is {describe(diagnosis)}",
    )
    missing = [name for name in _COMPLAINTS if name not in diagnosis]
    wanted(not missing, f"the dict does not say anything about: {', '.join(missing)}")
    said = {name: str(diagnosis[name]).strip().lower() for name in _COMPLAINTS}
    said = {name: _WORDS.get(word, word) for name, word in said.items()}
    for name, word in said.items():
        wanted(
            word in _WORDS.values(),
            f'{name!r} has {diagnosis[name]!r}; the words are "told", "sees", "behaves"',
        )
    wanted(
        len(set(said.values())) > 1, "one cure for all complaints: that is how both teams failed"
    )
    wrong = [name for name, (right, _) in _COMPLAINTS.items() if said[name] != right]
    if wrong:
        fit = len(_COMPLAINTS) - len(wrong)
        raise NotYet(
            f"{fit} of {len(_COMPLAINTS)} fit. Read {wrong[0]!r} again: {_COMPLAINTS[wrong[0]][1]}"
        )
    return (
        "first name the problem, then the technique: facts that change have to be seen, a form is "
        "told, and trained in only where telling failed or costs too much"
    )


@exercise(
    "00.2",
    "core",
    goal="Find the case in which nothing argues for RAG, and write `first_step`, which sends that "
    "case to prompting.",
    hints=(
        "For each of the three questions: does a `yes` speak for looking documents up, or only "
        "against training?",
        "Too few examples rule fine-tuning out. They do not create a document that anyone needs.",
        "odd_case has False, False, True. In `first_step` ask for documents first "
        "(`changes_monthly or needs_citations`), then for the examples.",
    ),
)
def _first_step(odd_case: Any, first_step: Callable) -> str:
    wanted(
        isinstance(odd_case, Mapping) and set(odd_case) == set(_QUESTIONS),
        f"odd_case is to be a dict with {', '.join(_QUESTIONS)}, this is {describe(odd_case)}",
    )
    for name in _QUESTIONS:
        wanted(
            isinstance(odd_case[name], bool | np.bool_),
            f'{name} is {describe(odd_case[name])}; write True or False: the text "no" counts as '
            "true in Python",
        )
    answers = tuple(bool(odd_case[name]) for name in _QUESTIONS)
    wanted(any(answers), "in that case the shortcut does not say RAG at all")
    wanted(
        answers == (False, False, True),
        "facts that change or must be cited do argue for RAG; look for a case without either",
    )
    advised = [_advice(first_step, case) for case in product((True, False), repeat=3)]
    return (
        f"now {advised.count('start with rag')} of 8 cases say RAG, and each has a reason that "
        "speaks for documents. It is still a default: it has measured nothing"
    )


def _advice(first_step: Callable, case: Sequence[bool]) -> str:
    """What ``first_step`` says in a case, if that is right."""
    shown = ", ".join(f"{name}={value}" for name, value in zip(_QUESTIONS, case, strict=True))
    said = call(first_step, *case)
    wanted(isinstance(said, str), f"with {shown} it returns {describe(said)}; text is wanted")
    said = " ".join(said.lower().split())
    if case == (False, False, True):
        wanted(
            said == "start with prompting",
            f'with {shown} it says {said!r}: the odd case is to say "start with prompting"',
        )
    elif any(case):
        wanted(
            said == "start with rag",
            f"with {shown} it says {said!r}; here documents are needed, so the shortcut's advice "
            "stays",
        )
    else:
        wanted(
            said == "fine-tuning may be worth evaluating",
            f"with {shown} it says {said!r}; three times no is to stay as the shortcut has it",
        )
    return said


@exercise(
    "00.3",
    "core",
    goal="Ask the model eight private questions, and give the share of right answers with its "
    "interval.",
    hints=(
        "`ask` is the lesson's call: client.chat.completions.create(...), and the text is in "
        "choices[0].message.content.",
        "`right` has one True or False per question: is_correct(ask(q.question), q.accepted).",
        "interval = mean_interval(right)",
    ),
)
def _measured(ask: Callable, right: Any, interval: Any) -> str:
    _replies(ask)
    wanted(
        isinstance(right, list | tuple | np.ndarray),
        f"`right` is to be a list, one True or False per question, this is {describe(right)}",
    )
    texts = [one for one in right if isinstance(one, str)]
    wanted(
        not texts, "`right` holds replies; is_correct(reply, q.accepted) says whether one is right"
    )
    wanted(len(right) == 8, f"`right` has {len(right)} entries, there are 8 private questions")
    scores = [float(one) for one in right]
    wanted(set(scores) <= {0.0, 1.0}, "each entry of `right` is to be True or False")
    wanted(
        np.mean(scores) <= 0.5,
        f"{sum(scores):.0f} of 8 are right; the model cannot know these facts: which text did you "
        "score?",
    )
    wanted(
        hasattr(interval, "low") and hasattr(interval, "high"),
        f"`interval` is to be what mean_interval returns, this is {describe(interval)}; a mean "
        "alone does not say how far it can be trusted",
    )
    wanted(interval.n == 8, f"the interval rests on {interval.n} answers; give it all of `right`")
    wanted(interval == mean_interval(scores), "`interval` is not what mean_interval(right) returns")
    return (
        f"{interval}. One answer alone would have had {mean_interval(scores[:1])}: "
        "that says nothing about the model"
    )


def _replies(ask: Callable) -> None:
    """Raise unless ``ask`` returns the text of a reply."""
    question = "What do you sell?"
    reply = call(ask, question)
    wanted(
        isinstance(reply, str),
        f"`ask` returns {describe(reply)}; text is wanted: response.choices[0].message.content",
    )
    wanted(reply.strip(), "`ask` returns an empty reply")
    wanted(reply != question, "`ask` returns the question; the model's reply is wanted")


@exercise(
    "00.4",
    "core",
    goal="Write `needed(limit)`: how many answers, all wrong, show that fewer than `limit` are "
    "right?",
    hints=(
        "mean_interval([False] * n).high is what n wrong answers still allow. Print it for a few "
        "n.",
        "Count n up from 1 until that end lies below the limit, and return n.",
        "n = 1, then: while mean_interval([False] * n).high >= limit: n += 1",
    ),
)
def _needed(needed: Callable) -> str:
    found = {}
    for limit in (0.5, 0.1, 0.25, 0.05):
        n = found[limit] = call(needed, limit)
        wanted(
            isinstance(n, Integral) and not isinstance(n, bool),
            f"with {limit} it returns {describe(n)}; a number of answers is a whole number",
        )
        wanted(n > 0, f"with {limit} it returns {n}; at least one answer is needed")
        at_n, before = _still_possible(int(n)), _still_possible(int(n) - 1)
        wanted(
            at_n < limit,
            f"with {limit} it returns {n}, and after {n} wrong answers up to {at_n:.1%} may still "
            "be right",
        )
        wanted(
            before >= limit,
            f"with {limit} it returns {n}; {n - 1} are enough already, and the fewest are wanted",
        )
    return (
        f"{found[0.5]} wrong answers in a row for fewer than half, {found[0.1]} for fewer than one "
        f"in ten, {found[0.05]} for one in twenty. First say what you want to claim, then count"
    )


def _still_possible(n: int) -> float:
    """The largest share of right answers that ``n`` wrong ones out of ``n`` allow."""
    return mean_interval([False] * min(n, 300)).high if n > 0 else 1.0


@exercise(
    "00.5",
    "stretch",
    goal="Predict what the best of twelve equal prompts scores on 20 dev questions, then write "
    "`winner`, which plays it.",
    hints=(
        "rng.random((prompts, questions)) < truth gives a row of True and False for each prompt.",
        "The dev score of the winner is the largest row mean. For the test score draw a new row: "
        "the winner meets new questions, and is no better than any other.",
        "dev = (rng.random((prompts, questions)) < truth).mean(axis=1).max(); "
        "test = (rng.random(questions) < truth).mean(); return dev, test",
    ),
)
def _winner(predicted: Any, winner: Callable) -> str:
    guess = number(predicted, "`predicted`")
    wanted(0 <= guess <= 1, f"`predicted` is a share from 0 to 1, this is {guess:g}")
    plays(winner, 1, 50, 0.6)
    plays(winner, 40, 10, 0.5)
    dev, test = plays(winner, 12, 20, 0.3)
    return (
        f"each of the twelve is right on 30%. The best showed {dev:.0%} on dev (you said "
        f"{guess:.0%}) and {test:.0%} on test: the choice made the rest. Report on questions that "
        "did not choose"
    )
