"""Lesson 03's exercises: right answers pass, typical wrong ones are told why."""

import csv
import difflib
import io
import re

import pytest

from course_utils.evaluate.style import score_style
from course_utils.finetune.dataset import as_example, fact_values
from course_utils.teach.exercises.desk import changed_facts

# ------------------------------------------------------------------------------------ 03.1: price


def price(model, examples, tokens_each, n_epochs):
    return examples * tokens_each * n_epochs * model.usd_training / 1e6


# ------------------------------------------------------------------------------------- 03.2: mend

ROLES = {"customer": "user", "agent": "assistant"}


def mend(rows):
    mended = []
    for row in rows:
        said = row.get("messages") or as_example(row["prompt"], row["completion"])["messages"]
        messages = [
            {"role": ROLES.get(m["role"], m["role"]), "content": m["content"].strip()} for m in said
        ]
        while messages and messages[-1]["role"] != "assistant":
            messages.pop()
        if messages and {"messages": messages} not in mended:
            mended.append({"messages": messages})
    return mended


def as_said(row):
    return [(message["role"], message["content"]) for message in row["messages"]]


def mend_backwards(rows):
    """Backwards, and each row by its turns."""
    found = {str(as_said(row)): row for row in reversed(mend(rows))}
    return list(found.values())


def once_by(key):
    """``mend``, and one row for each of what ``key`` reads from it."""
    return lambda rows: list({str(key(as_said(row))): row for row in mend(rows)}.values())


def duplicates_first(rows):
    """The rows that stand twice go before anything is mended."""
    once = [row for place, row in enumerate(rows) if row not in rows[:place]]
    return [new for row in once for new in mend([row])]


def drop_what_fails(rows):
    whole = [
        row for row in rows if [m["role"] for m in row.get("messages", [])][-1:] == ["assistant"]
    ]
    return [row for row in mend(whole) if len(row["messages"]) == 3]


def mend_but(change):
    """``mend``, and then something that a learner forgets or does too much."""
    return lambda rows: [row for row in map(change, mend(rows)) if row]


def in_place(rows):
    for row in rows:
        for message in row.get("messages", []):
            message["content"] = message["content"].strip()
    return mend(rows)


def answer_everyone(rows):
    asked = [row for row in rows if "messages" in row and len(row["messages"]) == 2]
    said = [as_example(row["messages"][1]["content"], "Please call us.") for row in asked]
    return [*mend(rows), *said]


def new_answer(text):
    def change(row):
        *asked, answer = row["messages"]
        return {"messages": [*asked, answer | {"content": text(answer["content"])}]}

    return change


# ------------------------------------------------------------------------------------ 03.3: leaks


def words(text):
    return set(re.findall(r"[a-z0-9$%]+", text.lower()))


def leaks(training, evaluation, least=0.5):
    known = [words(question) for question in evaluation]
    shares = ((q, max(len(words(q) & k) / len(words(q) | k) for k in known)) for q in training)
    return [question for question, share in shares if share > least]


def leaks_by_letters(training, evaluation):
    def near(a, b):
        matcher = difflib.SequenceMatcher(None, sorted(words(a)), sorted(words(b)))
        return matcher.quick_ratio() > 0.7 and matcher.ratio() > 0.7

    return {q for q in training if any(near(q, e) for e in evaluation)}


def leaks_in_place(training, evaluation):
    evaluation[:] = [question.lower() for question in evaluation]
    return leaks(training, evaluation)


# ------------------------------------------------------------------------------- 03.4: checkpoint


def rows_of(text, validated=True):
    rows = csv.DictReader(io.StringIO(text))
    return [row for row in rows if row["valid_loss"] or not validated]


def best_step(text):
    return int(min(rows_of(text), key=lambda row: float(row["valid_loss"]))["step"])


def best_step_by_columns(text):
    head, *lines = [line.split(",") for line in text.splitlines()]
    step, loss = head.index("step"), head.index("valid_loss")
    return float(min((float(line[loss]), line[step]) for line in lines if line[loss])[1])


def lowest(column):
    return lambda text: int(min(rows_of(text, False), key=lambda r: float(r[column] or 0))["step"])


# ------------------------------------------------------------------------------------ 03.5: facts

PROBES = changed_facts()
JANUARY, APRIL = fact_values("v1"), fact_values("v2")
GUESS = {"style": 0.9, "January": 0.1, "April": 0.0}


def reply(fact, greeting="Hello from Acme."):
    return f"{greeting}\nIt is {fact}.\nNext step: Read our price list.\nAcme Support"


# Three with January's figure, one with April's, one out of style.
TEXTS = [
    *(reply(JANUARY[probe.fact]) for probe in PROBES[:3]),
    reply(APRIL[PROBES[3].fact]),
    *(reply("not known") for _ in PROBES[4:9]),
    reply("not known", "Hi!"),
]
MEASURED = {"style": 0.9, "January": 0.3, "April": 0.1}

RIGHT = {
    "by hand": ("03.1", price),
    "by the registry": ("03.1", lambda m, n, t, e: m.training_cost(n * t, e)),
    "in order": ("03.2", mend),
    "backwards": ("03.2", mend_backwards),
    "shared words": ("03.3", leaks),
    "a lower limit": ("03.3", lambda *lists: leaks(*lists, least=0.4)),
    "a higher limit": ("03.3", lambda *lists: set(leaks(*lists, least=0.7))),
    "sorted words in order": ("03.3", leaks_by_letters),
    "csv": ("03.4", best_step, 6),
    "split, and a float": ("03.4", best_step_by_columns, 6.0),
    "as it is": ("03.5", GUESS, TEXTS, MEASURED),
    "rounded, a poor guess": (
        "03.5",
        dict.fromkeys(GUESS, 1),
        TEXTS,
        dict(reversed(MEASURED.items())) | {"style": 0.902},
    ),
    "another model, all wrong": (
        "03.5",
        GUESS,
        ["I do not know."] * 10,
        dict.fromkeys(GUESS, 0.0),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right(told, name):
    id, *answer = RIGHT[name]
    assert told(id, *answer).startswith(f"{id} done: ")


def test_the_guides_price_is_said(told):
    assert "costs $4.50 and not $1.50" in told("03.1", price)


def test_the_prediction_is_compared(told):
    assert "off by 20 points at most (January)" in told("03.5", GUESS, TEXTS, MEASURED)


NOT_YET = {
    # 03.1
    "one epoch": ("03.1", lambda m, n, t, e: price(m, n, t, 1), "the host sees it once per epoch"),
    "per thousand": ("03.1", lambda *run: price(*run) * 1000, "not for a thousand as in the guide"),
    "per token": ("03.1", lambda *run: price(*run) * 1e6, "the price is for a million tokens"),
    "the price of asking": (
        "03.1",
        lambda m, n, t, e: n * t * e * m.usd_input / 1e6,
        "usd_input is for asking",
    ),
    "a price of one's own": (
        "03.1",
        lambda m, n, t, e: n * t * e * 3.0 / 1e6,
        "the price changed and yours did not",
    ),
    "in words": ("03.1", lambda *run: f"${price(*run)}", "the price is to be a number, this is a"),
    "printed": ("03.1", lambda *run: print(price(*run)), "is the `return` missing?"),
    "the guide's figure": ("03.1", 1.5, "a function is wanted, this is a float (1.5)"),
    "other arguments": ("03.1", lambda tokens: tokens * 3e-6, "stops with TypeError"),
    # 03.2
    "as it was": ("03.2", lambda rows: list(rows), 'messages[1].role is "customer"'),
    "only the roles": (
        "03.2",
        lambda rows: mend([row for row in rows if "messages" in row and row["messages"][1:]]),
        "lost that could be saved: 2, such as",
    ),
    "dropped, not mended": ("03.2", drop_what_fails, "lost that could be saved: "),
    "not stripped": ("03.2", mend_but(new_answer(lambda text: f"{text}\n")), "strip() the answer"),
    "a reply made up": ("03.2", answer_everyone, "no agent wrote this reply to"),
    "replies shortened": (
        "03.2",
        mend_but(new_answer(lambda text: text[:80].strip())),
        "no agent wrote",
    ),
    "twice": ("03.2", lambda rows: mend(rows) + mend(rows)[:2], "examples that stand twice: 2\n"),
    "duplicates first": (
        "03.2",
        duplicates_first,
        "examples that stand twice: 2; they became equal only by mending",
    ),
    "one of each question": (
        "03.2",
        once_by(lambda said: said[1]),
        "lost that could be saved: 1, such as",
    ),
    "one of each reply": (
        "03.2",
        once_by(lambda said: said[-1]),
        "lost that could be saved: 1, such as",
    ),
    "cut by position": (
        "03.2",
        lambda rows: mend(rows[:20]),
        "lost that could be saved: 3, such as",
    ),
    "cut at the end": (
        "03.2",
        lambda rows: mend(rows[:22] + rows[24:]),
        "lost that could be saved: ",
    ),
    "one pair of a conversation": (
        "03.2",
        mend_but(lambda row: {"messages": row["messages"][:3]}),
        "a conversation with two replies has lost a part",
    ),
    "no system message": (
        "03.2",
        mend_but(lambda row: {"messages": row["messages"][1:]}),
        "is gone: every example here has one",
    ),
    "in place": ("03.2", in_place, "changes the rows that it was given"),
    "lines of text": ("03.2", lambda rows: [str(row) for row in rows], "a list of dicts"),
    "messages alone": ("03.2", mend_but(lambda row: row["messages"]), "a list of dicts"),
    "question and reply": (
        "03.2",
        mend_but(lambda row: {"question": "", "answer": row["messages"][-1]["content"]}),
        '"messages" is missing',
    ),
    "the answer cut off": (
        "03.2",
        mend_but(lambda row: {"messages": row["messages"][:-1]}),
        "has no assistant message",
    ),
    "nothing": ("03.2", lambda rows: [], "lost that could be saved: 21, such as"),
    # 03.3
    "copies": ("03.3", lambda t, e: [q for q in t if q in e], "1 of 5 found"),
    "copies, lower case": (
        "03.3",
        lambda t, e: [q for q in t if q.lower() in {one.lower() for one in e}],
        "it was reworded a little",
    ),
    "without signs": ("03.3", lambda t, e: leaks(t, e) if len(t) > 2 else [], "only capitals or"),
    "too strict": ("03.3", lambda *lists: leaks(*lists, least=0.95), "it was reworded a little"),
    "too lax": ("03.3", lambda *lists: leaks(*lists, least=0.2), "A stricter threshold?"),
    "a shared word": (
        "03.3",
        lambda t, e: [q for q in t if any(words(q) & words(one) for one in e)],
        "false alarms: ",
    ),
    "the evaluation's side": ("03.3", lambda t, e: leaks(e, t), "no training question as it was"),
    "lower-case": (
        "03.3",
        lambda t, e: [q.lower() for q in leaks(t, e)],
        "no training question as it",
    ),
    "places": ("03.3", lambda t, e: [t.index(q) for q in leaks(t, e)], "questions themselves"),
    "how many": ("03.3", lambda *lists: len(leaks(*lists)), "in a list; this is an int (5)"),
    "yes": ("03.3", lambda *lists: bool(leaks(*lists)), "in a list; this is a bool (True)"),
    "lists changed": ("03.3", leaks_in_place, "`leaks` changes its lists"),
    "what is left": (
        "03.3",
        lambda t, e: set(t) - set(leaks(t, e)),
        "0 of 5 found",
    ),
    # 03.4
    "the last": ("03.4", lambda text: int(rows_of(text)[-1]["step"]), 6, "that is the last step"),
    "the training loss": ("03.4", lowest("train_loss"), 6, "which memory alone brings about"),
    "empty as 0": ("03.4", lowest("valid_loss"), 6, "was not validated; leave it out"),
    "as text": (
        "03.4",
        lambda text: int(min(rows_of(text), key=lambda row: row["valid_loss"])["step"]),
        6,
        "CSV fields are text",
    ),
    "the loss": (
        "03.4",
        lambda text: min(float(row["valid_loss"]) for row in rows_of(text)),
        6,
        "that is the loss; the step is wanted",
    ),
    "the place": (
        "03.4",
        lambda text: [r["step"] for r in rows_of(text, False)].index(str(best_step(text))),
        6,
        "the row's place in the file",
    ),
    "the step as text": ("03.4", lambda text: str(best_step(text)), 6, "to be a number"),
    "the highest loss": (
        "03.4",
        lambda text: int(max(rows_of(text), key=lambda row: float(row["valid_loss"]))["step"]),
        6,
        "is not lowest",
    ),
    "steps for epochs": ("03.4", best_step, 18, "that is the step"),
    "the same epochs": ("03.4", best_step, 10, "when did step 18 come?"),
    "steps of an epoch": ("03.4", best_step, 3, "10 epochs had 30 steps"),
    "the row": ("03.4", lambda text: rows_of(text)[0], 6, "the step is to be a number"),
    # 03.5
    "a guess in per cent": (
        "03.5",
        {"style": 90, "January": 20, "April": 0},
        TEXTS,
        MEASURED,
        "predicted['style'] is 90; a share from 0 to 1",
    ),
    "a guess short of a key": ("03.5", {"style": 1.0}, TEXTS, MEASURED, "`predicted` is to be a"),
    "three numbers": ("03.5", (0.9, 0.2, 0), TEXTS, MEASURED, "a dict with style, January, April"),
    "counts": (
        "03.5",
        GUESS,
        TEXTS,
        {name: 10 * share for name, share in MEASURED.items()},
        "measured['style'] is 9; a share",
    ),
    "shares of rules": (
        "03.5",
        GUESS,
        TEXTS,
        MEASURED | {"style": sum(score_style(text).share for text in TEXTS) / 10},
        "keep every rule (.perfect)",
    ),
    "months exchanged": (
        "03.5",
        GUESS,
        TEXTS,
        {"style": 0.9, "January": 0.1, "April": 0.3},
        "measured['January'] counts April's figures",
    ),
    "another share": ("03.5", GUESS, TEXTS, MEASURED | {"April": 0.5}, "give another share"),
    "too few texts": ("03.5", GUESS, TEXTS[:6], MEASURED, "10 questions, and `texts` has 6"),
    "answers, not texts": (
        "03.5",
        GUESS,
        [{"text": "Hello"}] * 10,
        MEASURED,
        "to be a list of texts",
    ),
    "a share in words": ("03.5", GUESS, TEXTS, MEASURED | {"style": "all"}, "to be a number"),
}


@pytest.mark.parametrize("name", NOT_YET)
def test_wrong_is_told_why(not_yet, name):
    not_yet(*NOT_YET[name])


OPEN = {
    "no price": ("03.1", lambda *run: ...),
    "nothing mended": ("03.2", lambda rows: ...),
    "nothing found": ("03.3", lambda *lists: ...),
    "no step": ("03.4", lambda text: ..., 6),
    "no epochs": ("03.4", best_step, ...),
    "no guess": ("03.5", ..., TEXTS, MEASURED),
    "nothing asked": ("03.5", GUESS, ..., ...),
    "one share": ("03.5", GUESS, TEXTS, MEASURED | {"April": ...}),
}


@pytest.mark.parametrize("name", OPEN)
def test_open_is_said(still_open, name):
    still_open(*OPEN[name])
