"""Lesson 00's exercises: right answers pass, typical wrong ones are told why."""

import numpy as np
import pytest

from course_utils.evaluate.stats import Interval, mean_interval

DIAGNOSIS = {
    "stale price": "sees",
    "auditor": "sees",
    "new rule": "told",
    "no greeting": "told",
    "no fixed shape": "behaves",
    "costly examples": "behaves",
}
ODD = {"changes_monthly": False, "needs_citations": False, "under_500_examples": True}
RAG, PROMPT, TUNE = "start with RAG", "start with prompting", "fine-tuning may be worth evaluating"
WRONG = [False] * 8


def ask(question):
    return f"Let me see: {question}"


class Response:
    """Stands where the text of a reply is wanted."""

    def __init__(self, question):
        self.choices = [question]


def step(changes, cites, few):
    if changes or cites:
        return RAG
    return PROMPT if few else TUNE


def needed(limit):
    n = 1
    while mean_interval([False] * n).high >= limit:
        n += 1
    return n


def winner(prompts, questions, truth, rng):
    dev = (rng.random((prompts, questions)) < truth).mean(axis=1).max()
    return dev, (rng.random(questions) < truth).mean()


def winner_by_hand(prompts, questions, truth, rng):
    dev = [sum(rng.random() < truth for _ in range(questions)) for _ in range(prompts)]
    return [max(dev) / questions, sum(rng.random() < truth for _ in range(questions)) / questions]


RIGHT = {
    "the words": ("00.1", DIAGNOSIS),
    "the techniques' names": (
        "00.1",
        {
            k: {"sees": "RAG", "told": "Prompting"}.get(v, "fine-tuning")
            for k, v in DIAGNOSIS.items()
        },
    ),
    "steps in order": ("00.2", ODD, step),
    "a table": (
        "00.2",
        dict(reversed(ODD.items())),
        lambda *case: {(False, False, True): PROMPT.upper(), (False,) * 3: TUNE}.get(case, RAG),
    ),
    "all wrong": ("00.3", ask, WRONG, mean_interval(WRONG)),
    "a lucky guess": ("00.3", ask, np.array([1, *WRONG[1:]]), mean_interval([1, *WRONG[1:]])),
    "a loop": ("00.4", needed),
    "logarithms": ("00.4", lambda p: np.int64(np.floor(np.log(0.025) / np.log(1 - p)) + 1)),
    "a matrix": ("00.5", 0.45, winner),
    "by hand, a poor guess": ("00.5", 0.3, winner_by_hand),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right(told, name):
    id, *answer = RIGHT[name]
    assert told(id, *answer).startswith(f"{id} done: ")


def said(**other):
    return DIAGNOSIS | {name.replace("_", " "): word for name, word in other.items()}


def always(advice):
    return lambda *case: advice


def both_best(prompts, questions, truth, rng):
    dev, test = (rng.random((2, prompts, questions)) < truth).mean(axis=2).max(axis=1)
    return dev, test


NOT_YET = {
    # 00.1
    "a list of words": ("00.1", list(DIAGNOSIS.values()), "a dict from complaint to diagnosis"),
    "one left out": ("00.1", {"auditor": "sees"}, "does not say anything about: stale price"),
    "other words": ("00.1", said(auditor="knows"), "'auditor' has 'knows'; the words are"),
    "one cure for all": ("00.1", dict.fromkeys(DIAGNOSIS, "sees"), "how both teams failed"),
    "prices trained in": ("00.1", said(stale_price="behaves"), "so that its next change is one"),
    "a form looked up": ("00.1", said(no_fixed_shape="sees"), "5 of 6 fit. Read 'no fixed shape'"),
    "trained too early": ("00.1", said(no_greeting="behaves"), "cheapest thing that nobody"),
    "examples kept": ("00.1", said(costly_examples="told"), "every call pays for them"),
    # 00.2
    "a sentence, not a case": ("00.2", "few examples", step, "odd_case is to be a dict"),
    "three times no": ("00.2", dict.fromkeys(ODD, False), step, "does not say RAG at all"),
    "a case with citations": ("00.2", ODD | {"needs_citations": True}, step, "do argue for RAG"),
    "the shortcut as it was": (
        "00.2",
        ODD,
        lambda *case: RAG if any(case) else TUNE,
        "under_500_examples=True it says 'start with rag': the odd case is to say",
    ),
    "examples asked first": (
        "00.2",
        ODD,
        lambda changes, cites, few: PROMPT if few else RAG if changes or cites else TUNE,
        "it says 'start with prompting'; here documents are needed",
    ),
    "prompting always": ("00.2", ODD, always(PROMPT), "here documents are needed"),
    "no tuning left": (
        "00.2",
        ODD,
        lambda changes, cites, few: RAG if changes or cites else PROMPT,
        "three times no is to stay",
    ),
    "the case returned": ("00.2", ODD, always(False), "it returns a bool (False); text is wanted"),
    "nothing returned": ("00.2", ODD, always(None), "is the `return` missing?"),
    "the table's words": (
        "00.2",
        dict(zip(ODD, ("no", "no", "yes"), strict=True)),
        step,
        'the text "no" counts as true in Python',
    ),
    # 00.3
    "the share alone": ("00.3", ask, 0.0, 0.0, "one True or False per question, this is a float"),
    "the replies": ("00.3", ask, ["No."] * 8, mean_interval(WRONG), "`right` holds replies"),
    "one question": ("00.3", ask, [False], mean_interval([False]), "has 1 entries, there are 8"),
    "per cent": ("00.3", ask, [0, 100] * 4, mean_interval(WRONG), "is to be True or False"),
    "a mean": ("00.3", ask, WRONG, 0.0, "a mean alone does not say how far"),
    "of one answer": ("00.3", ask, WRONG, mean_interval([False]), "rests on 1 answers"),
    "of other answers": ("00.3", ask, WRONG, mean_interval([True] * 8), "mean_interval(right)"),
    "gold answers scored": (
        "00.3",
        ask,
        [True] * 8,
        mean_interval([True] * 8),
        "the model cannot know these facts: which text did you score?",
    ),
    "never asked": ("00.3", "a model", WRONG, mean_interval(WRONG), "a function is wanted"),
    "the response": (
        "00.3",
        Response,
        WRONG,
        mean_interval(WRONG),
        "text is wanted: response.choices[0].message.content",
    ),
    "no text": ("00.3", lambda q: " ", WRONG, mean_interval(WRONG), "an empty reply"),
    "the question back": ("00.3", str, WRONG, mean_interval(WRONG), "returns the question"),
    # 00.4
    "ten for one in ten": ("00.4", lambda p: round(1 / p), "up to 84.2% may still be right"),
    "one too few": ("00.4", lambda p: needed(p) - 1, "may still be right"),
    "one too many": ("00.4", lambda p: needed(p) + 1, "are enough already"),
    "one end only": ("00.4", lambda p: int(np.log(0.05) / np.log(1 - p)) + 1, "may still be right"),
    "the interval's end": ("00.4", lambda p: mean_interval(WRONG).high, "a whole number"),
    "the interval": ("00.4", lambda p: mean_interval(WRONG), "it returns an Interval"),
    "a number, no function": ("00.4", 36, "a function is wanted, this is an int (36)"),
    "none": ("00.4", lambda p: 0, "at least one answer is needed"),
    "very many": ("00.4", lambda p: 10**9, "are enough already"),
    # 00.5
    "a guess in per cent": ("00.5", 45, winner, "a share from 0 to 1, this is 45"),
    "a guess in words": ("00.5", "more", winner, "`predicted` is to be a number"),
    "one number": ("00.5", 0.4, lambda *_: 0.4, "to return two numbers, dev and test"),
    "counts": ("00.5", 0.4, lambda p, q, t, rng: (q, q), "a score above 1"),
    "the best on test too": ("00.5", 0.4, both_best, "it takes part in the choice"),
    "the wrong way round": ("00.5", 0.4, lambda *a: winner(*a)[::-1], "dev first"),
    "the first prompt": (
        "00.5",
        0.4,
        lambda p, q, t, rng: tuple((rng.random((2, q)) < t).mean(axis=1)),
        "no better than any prompt. Take the best",
    ),
    "the dev score twice": (
        "00.5",
        0.4,
        lambda *a: (winner(*a)[0],) * 2,
        "it takes part in the choice",
    ),
    "its own generator": (
        "00.5",
        0.4,
        lambda p, q, t, rng: winner(p, q, t, np.random.default_rng(0)),
        "each round gives the same",
    ),
    "the mean of all": (
        "00.5",
        0.4,
        lambda p, q, t, rng: ((rng.random((p, q)) < t).mean(), (rng.random(q) < t).mean()),
        "no better than any prompt",
    ),
    "a dev score too high": (
        "00.5",
        0.4,
        lambda p, q, t, rng: (winner(p, q, t, rng)[0] * 0.5 + 0.5, (rng.random(q) < t).mean()),
        "the dev score is 80% on average, it should be near 60%",
    ),
    "a test score too low": (
        "00.5",
        0.4,
        lambda p, q, t, rng: (winner(p, q, t, rng)[0], (rng.random(q) < t / 2).mean()),
        "the test score is 30% on average, it should be near 60%",
    ),
    "no truth": (
        "00.5",
        0.4,
        lambda p, q, t, rng: winner(p, q, 0.5, rng),
        "it should be near 60%",
    ),
}


@pytest.mark.parametrize("name", NOT_YET)
def test_wrong_is_told_why(not_yet, name):
    not_yet(*NOT_YET[name])


OPEN = {
    "one complaint": ("00.1", said(auditor=...)),
    "no case yet": ("00.2", ODD | {"changes_monthly": ...}, step),
    "no function yet": ("00.2", ODD, always(...)),
    "nothing asked": ("00.3", always(...), WRONG, mean_interval(WRONG)),
    "nothing measured": ("00.3", ask, ..., ...),
    "not counted": ("00.4", always(...)),
    "no guess": ("00.5", ..., winner),
    "no game": ("00.5", 0.4, always(...)),
}


@pytest.mark.parametrize("name", OPEN)
def test_open_is_said(still_open, name):
    still_open(*OPEN[name])


def test_an_interval_of_another_run_is_no_match(told):
    made_up = Interval(mean=0.0, low=0.0, high=0.2, n=8)
    assert "not what mean_interval(right)" in told("00.3", ask, WRONG, made_up)
