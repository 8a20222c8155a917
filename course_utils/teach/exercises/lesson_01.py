"""Lesson 01: few-shot prompts, what they cost, what leaks into them, how to choose one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from course_utils.evaluate.questions import Question, load_questions
from course_utils.evaluate.stats import mean_interval, paired_difference
from course_utils.registry import hosted_chat
from course_utils.teach.exercises.choosing import check_scores, explain_gain
from course_utils.teach.exercises.core import NotYet, call, describe, exercise, number, wanted

_ROLES = ("system", "user", "assistant")


@exercise(
    "01.1",
    "warm-up",
    goal="Write `few_shot`, which builds the messages of a few-shot prompt.",
    hints=(
        "One message for the system prompt, two for each example, one for the task.",
        'Each message is a dict: {"role": "user", "content": "..."}. In an example the customer '
        "is the user, the reply comes from the assistant.",
        'Start with the system message in a list; for asked, reply in examples: append a "user" '
        'and an "assistant" message; append the task as "user"; return the list.',
    ),
)
def _few_shot(few_shot: Callable) -> str:
    sums, words = [("2 + 2?", "Four."), ("3 + 5?", "Eight.")], [("Snow?", "White.")]
    _builds(few_shot, "Answer in one word.", sums, "1 + 6?")
    _builds(few_shot, "Be brief.", [], "Hello?")
    colours = [*words, ("Grass?", "Green."), *words, ("Blood?", "Red."), *words]
    _builds(few_shot, "Name the colour.", colours, "Coal?")
    return (
        "to the model an example is a turn of the conversation that went well, and the task is "
        "simply the next one"
    )


def _builds(few_shot: Callable, system: str, examples: list[tuple[str, str]], task: str) -> None:
    """Raise unless the messages are right for these inputs."""
    handed = list(examples)
    built = call(few_shot, system, handed, task)
    wanted(handed == examples, "your function changes the list of examples; build a new list")
    wanted(isinstance(built, list), f"a list of messages is wanted, this is {describe(built)}")
    for message in built:
        wanted(
            isinstance(message, Mapping) and set(message) == {"role", "content"},
            f"each message is a dict with `role` and `content`, this is {describe(message)}",
        )
    roles, contents = [m["role"] for m in built], [m["content"] for m in built]
    unknown = [role for role in roles if role not in _ROLES]
    wanted(not unknown, f"there is no role {unknown[:1]}; the API knows {', '.join(_ROLES)}")
    wanted(task in contents, "the task is missing: the model would have nothing to answer")
    wanted(
        contents[-1] == task and roles[-1] == "user",
        "the last message is to be the task, from the user: the model writes what follows it",
    )
    wanted(
        roles[0] == "system" and contents[0] == system and roles.count("system") == 1,
        "the system prompt is one message with the role system, and the first",
    )
    due = 2 * len(examples) + 2
    wanted(
        len(built) == due,
        f"with {len(examples)} examples {due} messages are due, yours are {len(built)}: an example "
        "is two messages, the customer's and the reply",
    )
    as_turns = roles[1:-1] == ["user", "assistant"] * len(examples)
    wanted(as_turns, "an example is a user message and then an assistant message")
    turns = [text for example in examples for text in example]
    wanted(contents[1:-1] == turns, "the examples' texts are to stand unchanged and in order")


@exercise(
    "01.2",
    "core",
    goal="Write `usd_extra`, the dollars that a longer prompt costs over many calls.",
    hints=(
        "Only the tokens that are added cost extra, and they are read, not written.",
        "hosted.cost(tokens_in, tokens_out) gives dollars for that many tokens. How many tokens "
        "are added in all calls together?",
        "hosted.cost((after - before) * calls)",
    ),
)
def _usd_extra(usd_extra: Callable) -> str:
    for before, after, calls in ((134, 422, 1000), (50, 61, 1), (200, 1000, 100_000)):
        usd = number(call(usd_extra, before, after, calls), "what it returns")
        right = hosted_chat().cost((after - before) * calls)
        if not np.isclose(usd, right, rtol=1e-6, atol=0):
            mistake = _usd_mistake(usd, before, after, calls)
            raise NotYet(f"with {before} and {after} tokens and {calls} calls: {mistake}")
    return (
        "the examples are paid for in every call, without end; a one-time cost, such as training, "
        "can be set against that"
    )


def _usd_mistake(usd: float, before: int, after: int, calls: int) -> str:
    price, added = hosted_chat(), (after - before) * calls
    mistakes = {
        "a longer prompt costs more, yours gets cheaper": price.cost(-added),
        "that is the whole prompt; only what is added counts": price.cost(after * calls),
        "that is the price of tokens written; a prompt is read": price.cost(0, added),
        "that is one call": price.cost(after - before),
        "those are tokens, not dollars": added,
        "prices are per million tokens": added * price.usd_input,
        "those are cents": 100 * price.cost(added),
        "round when you print, not before": round(price.cost(added), 2),
    }
    explained = (text for text, sum_ in mistakes.items() if np.isclose(usd, sum_))
    return next(explained, f"{usd:g} dollars is not the sum")


@exercise(
    "01.3",
    "core",
    goal="Write `leaked`, which finds the asked questions that stand among the examples, and score "
    "the run without them.",
    hints=(
        "Each example is a pair (customer's text, reply). Compare the customer's texts with the "
        "questions that are asked.",
        'Bring both to one form first: " ".join(text.lower().split()).',
        "clean = [r for q, r in zip(asked, right) if q.id not in leaked(worked, asked)]; "
        "honest = mean_interval(clean)",
    ),
)
def _leaked(leaked: Callable, honest: Any, run: Mapping) -> str:
    questions = load_questions("test")[:6]
    pairs = [(q.question, q.answer) for q in load_questions("dev")[:2]]
    shouted = "  ".join(["", *questions[4].question.upper().split(), ""])
    _finds(leaked, pairs, questions, set())
    _finds(leaked, [*pairs, (questions[1].question, "?")], questions, {questions[1].id})
    _finds(
        leaked,
        [(shouted, "?"), *pairs, (questions[0].question, "?")],
        questions,
        {questions[0].id, questions[4].id},
    )
    found = set(call(leaked, list(run["examples"]), list(run["asked"])))
    parts = {True: [], False: []}
    for question, right in zip(run["asked"], run["right"], strict=True):
        parts[question.id in found].append(right)
    wanted(
        hasattr(honest, "low"),
        f"`honest` is to be an interval from mean_interval, this is {describe(honest)}",
    )
    wanted(honest.n != len(run["asked"]), "`honest` still counts the questions that leaked")
    wanted(
        parts[True] == parts[False] or honest != mean_interval(parts[True]),
        "`honest` scores the questions that leaked; those that did not are wanted",
    )
    wanted(honest == mean_interval(parts[False]), "`honest` does not belong to the clean questions")
    return (
        f"with the leak {mean_interval(run['right'])}, without it {honest}. A good score on facts "
        "that the model cannot know is a reason to look at the examples"
    )


def _finds(
    leaked: Callable, examples: list[tuple[str, str]], asked: Sequence[Question], right: set[str]
) -> None:
    """Raise unless the function returns just these ids."""
    found = call(leaked, list(examples), list(asked))
    wanted(
        isinstance(found, Iterable) and not isinstance(found, str | Mapping),
        f"a set of ids is wanted, `leaked` returns {describe(found)}",
    )
    found = list(found)
    wanted(
        all(isinstance(one, str) for one in found),
        f"ids are wanted, such as {asked[0].id!r}; this is {describe((found or [0])[0])}",
    )
    texts = {question.question for question in asked} & set(found)
    wanted(not texts, f"those are the questions' texts; their ids are wanted ({asked[0].id!r}, …)")
    clean = {question.id for question in asked} - right
    wanted(set(found) != clean, "those are the questions that did not leak; the others are wanted")
    extra, missed = set(found) - right, right - set(found)
    wanted(not extra, f"{min(extra, default='')} is reported and is not among the examples")
    wanted(
        not missed,
        f"of {len(right)} leaked questions {len(missed)} are missed; the same question may be "
        "written with other capitals and spaces",
    )


@exercise(
    "01.4",
    "core",
    goal="Write `usable`: the form is perfect, the fact is kept, and the next step is not copied.",
    hints=(
        "Three conditions, all of them needed. The lesson has a function for each of the first "
        "two.",
        "score_style(reply).perfect, is_correct(reply, question.accepted), and no step of `steps` "
        "in the reply.",
        "return score_style(reply).perfect and is_correct(reply, question.accepted) and not "
        "any(step in reply for step in steps)",
    ),
)
def _usable(usable: Callable) -> str:
    question, other = load_questions("dev", kinds=["single"])[:2]
    fact = " and ".join(group[0] for group in question.accepted)
    steps = ("Order the box on the Devices page.", "Ask your manager.")
    new = "Open the Devices page."
    cases = (
        (_reply(question.answer, new), True, "form, fact and a next step of its own"),
        (_reply(f"It is {fact}.", new), True, "the fact in other words than the gold answer's"),
        (_reply(other.answer, new), False, "perfect form and another question's fact"),
        (question.answer, False, "the fact and nothing of the form"),
        (_reply(f"I say: {question.answer}", new), False, "one broken rule (it says I)"),
        (_reply(question.answer, steps[0]), False, "a next step copied from an example"),
        (_reply(question.answer, steps[1]), False, "a next step copied from another example"),
    )
    for reply, right, what in cases:
        got = call(usable, reply, question, steps)
        wanted(
            isinstance(got, bool | np.bool_),
            f"`usable` is to return True or False, this is {describe(got)}",
        )
        wanted(bool(got) == right, f"a reply with {what} is to be {right}, yours says {got}")
    return (
        "a reply is sent or it is not. One strict yes or no is harder to please than a mean of "
        "partial marks, and nearer to what you want to know"
    )


def _reply(body: str, step: str) -> str:
    return f"Hello from Acme.\n{body}\nNext step: {step}\nAcme Support"


@exercise(
    "01.5",
    "stretch",
    goal="Choose the number of examples on dev, and report its gain over one example on test.",
    hints=(
        "dev_scores: for each of 1, 2 and 3 examples the list that fact_kept returns for `dev`.",
        "best is the number with the highest mean on dev. Only then ask `test`, with best and "
        "with 1.",
        "gain = paired_difference(test_scores[best], test_scores[1])",
    ),
)
def _choice(dev_scores: Any, best: Any, test_scores: Any, gain: Any) -> str:
    check_scores(dev_scores, "dev_scores", (1, 2, 3))
    means = {n: float(np.mean(dev_scores[n])) for n in (1, 2, 3)}
    wanted(best in means, f"`best` is to be 1, 2 or 3 examples, this is {describe(best)}")
    wanted(
        means[best] == max(means.values()),
        f"`best` is {best}, but dev has a higher mean for another number of examples",
    )
    check_scores(test_scores, "test_scores", {1, best})
    ours, base = test_scores[best], test_scores[1]
    wanted(
        list(ours) != list(dev_scores[best]) or list(base) != list(dev_scores[1]),
        "test_scores holds the dev scores: ask the test questions",
    )
    wanted(
        set(test_scores) == {1, best},
        "`test` was asked with more than `best` and 1: what is compared there can be chosen there, "
        "and then `test` is a second `dev`",
    )
    wanted(hasattr(gain, "low"), f"`gain` comes from paired_difference, not {describe(gain)}")
    right = paired_difference(ours, base)
    if gain != right:
        explain_gain(gain, ours, base, dev_scores[best], dev_scores[1])
    verdict = "zero is inside: it could be chance" if gain.low <= 0 <= gain.high else "it is clear"
    return (
        f"{best} examples kept {means[best]:.0%} of the facts on dev, where they were chosen, and "
        f"{np.mean(ours):.0%} on test: {100 * gain.mean:+.0f} points over one example "
        f"[{100 * gain.low:+.0f}, {100 * gain.high:+.0f}], {verdict}"
    )
