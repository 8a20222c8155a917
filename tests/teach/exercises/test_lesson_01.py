"""Lesson 01's exercises: right answers pass, typical wrong ones are told why."""

import pytest

from course_utils.evaluate.correctness import is_correct
from course_utils.evaluate.questions import load_questions
from course_utils.evaluate.stats import mean_interval, paired_difference
from course_utils.evaluate.style import score_style
from course_utils.registry import hosted_chat

PRICE = hosted_chat()
ASKED = load_questions("test")[:4]
OTHERS = load_questions("dev")[:2]
RUN = {
    "examples": [(q.question, q.answer) for q in (OTHERS[0], ASKED[2], OTHERS[1])],
    "asked": ASKED,
    "right": [False, False, True, False],
}
HONEST = mean_interval([False, False, False])


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def system(text):
    return {"role": "system", "content": text}


def few_shot(rules, examples, task):
    turns = [m for asked, reply in examples for m in (user(asked), assistant(reply))]
    return [system(rules), *turns, user(task)]


def by_append(rules, examples, task):
    messages = [system(rules)]
    for asked, reply in examples:
        messages += [user(asked), assistant(reply)]
    messages.append(user(task))
    return messages


def usd(before, after, calls):
    return PRICE.cost((after - before) * calls)


def plain(text):
    return " ".join(text.lower().split())


def leaked(examples, asked):
    texts = {plain(text) for text, _ in examples}
    return {q.id for q in asked if plain(q.question) in texts}


def leaked_exact(examples, asked):
    return {q.id for q in asked if q.question in [text for text, _ in examples]}


def usable(reply, question, steps):
    form, fact = score_style(reply).perfect, is_correct(reply, question.accepted)
    return form and fact and not any(step in reply for step in steps)


DEV = {1: [True, False, False], 2: [True, True, True], 3: [True, True, False]}
TEST = {1: [True, False, False, False], 2: [True, True, False, False]}
GAIN = paired_difference(TEST[2], TEST[1])
RIGHT = {
    "at once": ("01.1", few_shot),
    "by append": ("01.1", by_append),
    "the registry's cost": ("01.2", usd),
    "price by hand": ("01.2", lambda b, a, n: n * (a - b) / 1e6 * PRICE.usd_input),
    "a set": ("01.3", leaked, HONEST, RUN),
    "a list with repeats": ("01.3", lambda e, a: list(leaked(e, a)) * 2, HONEST, RUN),
    "three conditions": ("01.4", usable),
    "step by step": (
        "01.4",
        lambda reply, q, steps: (
            sum(score_style(reply).rules.values()) == 7
            and is_correct(reply, q.accepted)
            and all(reply.find(step) < 0 for step in steps)
        ),
    ),
    "two examples": ("01.5", DEV, 2, TEST, GAIN),
    "one is best": (
        "01.5",
        DEV | {1: [1, 1, 1]},
        1,
        {1: [1, 0]},
        paired_difference([1, 0], [1, 0]),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right(told, name):
    id, *answer = RIGHT[name]
    assert told(id, *answer).startswith(f"{id} done: ")


def changed(change):
    """A ``few_shot`` whose list is spoilt by ``change``."""
    return lambda *inputs: change(few_shot(*inputs))


def renamed(**names):
    return changed(lambda ms: [m | {"role": names.get(m["role"], m["role"])} for m in ms])


def taking(rules, examples, task):
    messages = [system(rules)]
    while examples:
        asked, reply = examples.pop(0)
        messages += [user(asked), assistant(reply)]
    return [*messages, user(task)]


def one_text(rules, examples, task):
    return [system(rules), user("\n".join(map(" -> ".join, examples))), user(task)]


NOT_YET = {
    # 01.1
    "one string": ("01.1", lambda *inputs: "\n".join(map(str, inputs)), "a list of messages"),
    "pairs": ("01.1", lambda s, e, t: [("system", s), ("human", t)], "a dict with `role` and"),
    "LangChain's roles": ("01.1", renamed(user="human", assistant="ai"), "no role ['human']"),
    "no task": ("01.1", changed(lambda ms: ms[:-1]), "the task is missing"),
    "the task first": ("01.1", changed(lambda ms: [ms[-1], *ms[:-1]]), "the last message is"),
    "the task told": (
        "01.1",
        changed(lambda ms: [*ms[:-1], system(ms[-1]["content"])]),
        "from the",
    ),
    "no system prompt": ("01.1", changed(lambda ms: ms[1:]), "the system prompt is one message"),
    "rules from the user": ("01.1", renamed(system="user"), "the system prompt is one message"),
    "examples in one text": ("01.1", one_text, "6 messages are due, yours are 3"),
    "no examples": (
        "01.1",
        lambda s, e, t: [system(s), user(t)],
        "6 messages are due, yours are 2",
    ),
    "replies from the user": ("01.1", renamed(assistant="user"), "and then an assistant message"),
    "another order": (
        "01.1",
        lambda s, e, t: few_shot(s, e[::-1], t),
        "unchanged and in order",
    ),
    "three examples at most": (
        "01.1",
        lambda s, e, t: few_shot(s, e[:3], t),
        "with 5 examples 12 messages are due, yours are 8",
    ),
    "the list used up": ("01.1", taking, "changes the list of examples"),
    "printed": ("01.1", lambda *inputs: None, "is the `return` missing?"),
    # 01.2
    "the whole prompt": ("01.2", lambda b, a, n: PRICE.cost(a * n), "that is the whole prompt"),
    "less minus more": ("01.2", lambda b, a, n: usd(a, b, n), "yours gets cheaper"),
    "written tokens": ("01.2", lambda b, a, n: PRICE.cost(0, (a - b) * n), "a prompt is read"),
    "one call": ("01.2", lambda b, a, n: PRICE.cost(a - b), "that is one call"),
    "tokens": ("01.2", lambda b, a, n: (a - b) * n, "those are tokens, not dollars"),
    "cents": ("01.2", lambda b, a, n: 100 * usd(b, a, n), "those are cents"),
    "rounded": ("01.2", lambda b, a, n: round(usd(b, a, n), 2), "round when you print"),
    "formatted": ("01.2", lambda b, a, n: f"${usd(b, a, n):.2f}", "is to be a number, this is a s"),
    "no million": (
        "01.2",
        lambda b, a, n: (a - b) * n * PRICE.usd_input,
        "prices are per million tokens",
    ),
    "another price": ("01.2", lambda b, a, n: 7 * usd(b, a, n), "dollars is not the sum"),
    # 01.3
    "spaces at the ends only": (
        "01.3",
        lambda e, a: {
            q.id for q in a if q.question.lower().strip() in [t.lower().strip() for t, _ in e]
        },
        HONEST,
        RUN,
        "other capitals and spaces",
    ),
    "exact texts": ("01.3", leaked_exact, HONEST, RUN, "other capitals and spaces"),
    "the questions": (
        "01.3",
        lambda e, a: [q for q in a if q.id in leaked(e, a)],
        HONEST,
        RUN,
        "ids are wanted, such as 'q001'",
    ),
    "their texts": (
        "01.3",
        lambda e, a: {q.question for q in a if q.id in leaked(e, a)},
        HONEST,
        RUN,
        "those are the questions' texts",
    ),
    "the clean ones": (
        "01.3",
        lambda e, a: {q.id for q in a} - leaked(e, a),
        HONEST,
        RUN,
        "those are the questions that did not leak",
    ),
    "yes or no": ("01.3", lambda e, a: bool(leaked(e, a)), HONEST, RUN, "a set of ids is wanted"),
    "nothing found": (
        "01.3",
        lambda e, a: set(),
        HONEST,
        RUN,
        "of 1 leaked questions 1 are missed",
    ),
    "the first words": (
        "01.3",
        lambda e, a: {q.id for q in a if any(text[:1] == q.question[:1] for text, _ in e)},
        HONEST,
        RUN,
        "is reported and is not among the examples",
    ),
    "all questions scored": ("01.3", leaked, mean_interval(RUN["right"]), RUN, "still counts"),
    "the leak scored": ("01.3", leaked, mean_interval([True]), RUN, "scores the questions that l"),
    "another score": (
        "01.3",
        leaked,
        mean_interval([1, 0, 0]),
        RUN,
        "does not belong to the clean",
    ),
    "a mean": ("01.3", leaked, 0.0, RUN, "an interval from mean_interval, this is a float"),
    # 01.4
    "form alone": (
        "01.4",
        lambda reply, q, steps: score_style(reply).perfect,
        "perfect form and another question's fact is to be False",
    ),
    "the fact alone": (
        "01.4",
        lambda reply, q, steps: is_correct(reply, q.accepted),
        "the fact and nothing of the form is to be False",
    ),
    "copied steps let through": (
        "01.4",
        lambda reply, q, steps: score_style(reply).perfect and is_correct(reply, q.accepted),
        "a next step copied from an example is to be False",
    ),
    "the gold answer word for word": (
        "01.4",
        lambda reply, q, steps: usable(reply, q, steps) and q.answer in reply,
        "the fact in other words than the gold answer's is to be True",
    ),
    "most rules": (
        "01.4",
        lambda reply, q, steps: score_style(reply).share > 0.8 and is_correct(reply, q.accepted),
        "one broken rule (it says I) is to be False",
    ),
    "the first step only": (
        "01.4",
        lambda reply, q, steps: usable(reply, q, steps[:1]),
        "copied from another example is to be False",
    ),
    "or": (
        "01.4",
        lambda reply, q, steps: score_style(reply).perfect or is_correct(reply, q.accepted),
        "is to be False",
    ),
    "partial marks": (
        "01.4",
        lambda reply, q, steps: score_style(reply).share,
        "is to return True or False, this is a float",
    ),
    # 01.5
    "means": ("01.5", {1: 0.3, 2: 1.0, 3: 0.7}, 2, TEST, GAIN, "a list per number of examples"),
    "a list of lists": (
        "01.5",
        list(DEV.values()),
        2,
        TEST,
        GAIN,
        "a dict from number of examples",
    ),
    "two compared": ("01.5", {1: DEV[1], 2: DEV[2]}, 2, TEST, GAIN, "nothing for [3] examples"),
    "other questions": ("01.5", DEV | {3: [True]}, 2, TEST, GAIN, "not the same questions"),
    "not the best": ("01.5", DEV, 3, TEST | {3: TEST[2]}, GAIN, "dev has a higher mean"),
    "the score as best": ("01.5", DEV, 1.5, TEST, GAIN, "`best` is to be 1, 2 or 3 examples"),
    "best in words": ("01.5", DEV, "two", TEST, GAIN, "`best` is to be 1, 2 or 3 examples"),
    "dev again": ("01.5", DEV, 2, DEV, GAIN, "test_scores holds the dev scores"),
    "all three on test": (
        "01.5",
        DEV,
        2,
        TEST | {3: [True] * 4},
        GAIN,
        "`test` was asked with more than `best` and 1",
    ),
    "no baseline": ("01.5", DEV, 2, {2: TEST[2]}, GAIN, "`test_scores` has nothing for [1]"),
    "the wrong sign": (
        "01.5",
        DEV,
        2,
        TEST,
        paired_difference(TEST[1], TEST[2]),
        "has the wrong sign",
    ),
    "the gain on dev": (
        "01.5",
        DEV,
        2,
        TEST,
        paired_difference(DEV[2], DEV[1]),
        "that is the gain on dev",
    ),
    "the score": ("01.5", DEV, 2, TEST, mean_interval(TEST[2]), "that is the score of the chosen"),
    "a difference of means": ("01.5", DEV, 2, TEST, 0.25, "comes from paired_difference, not a f"),
    "another gain": (
        "01.5",
        DEV,
        2,
        TEST,
        mean_interval([1, 0]),
        "`gain` is not paired_difference",
    ),
}


@pytest.mark.parametrize("name", NOT_YET)
def test_wrong_is_told_why(not_yet, name):
    not_yet(*NOT_YET[name])


OPEN = {
    "no messages": ("01.1", lambda *inputs: ...),
    "no sum": ("01.2", lambda *inputs: ...),
    "no ids": ("01.3", lambda *inputs: ..., HONEST, RUN),
    "no honest score": ("01.3", leaked, ..., RUN),
    "no verdict": ("01.4", lambda *inputs: ...),
    "no choice": ("01.5", DEV, ..., TEST, GAIN),
}


@pytest.mark.parametrize("name", OPEN)
def test_open_is_said(still_open, name):
    still_open(*OPEN[name])
