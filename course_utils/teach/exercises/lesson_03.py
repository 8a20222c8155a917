"""Lesson 03: price a run, mend its file, keep the evaluation out, choose a checkpoint, measure."""

import copy
import csv
import dataclasses
import io
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from course_utils import registry
from course_utils.evaluate.questions import load_questions
from course_utils.evaluate.style import score_style
from course_utils.finetune.rules import check_supervised
from course_utils.study.results import load_result
from course_utils.teach.exercises.core import NotYet, call, describe, exercise, number, wanted
from course_utils.teach.exercises.desk import (
    RESULT_FILES,
    changed_facts,
    desk_export,
    leaked_questions,
    leaky_questions,
    shares_of,
)
from course_utils.teach.exercises.mended import compare_mended

SHARES = ("style", "January", "April")


@exercise(
    "03.1",
    "warm-up",
    goal="Write `price`: what a run costs, from the model's price, the file and the epochs.",
    hints=(
        "How many tokens does the host see in all? Remember what an epoch is.",
        "`usd_training` is dollars per million tokens; the guide's $0.003 is for a thousand.",
        "Examples × tokens of each × epochs × model.usd_training / 1_000_000.",
    ),
)
def _price(price: Callable) -> str:
    tunable = registry.tunable()
    for usd, examples, tokens, epochs in ((3, 1000, 500, 3), (8, 250, 120, 4), (25, 40, 900, 1)):
        model = dataclasses.replace(tunable, usd_training=float(usd))
        _compare_price(price, model, examples, tokens, epochs)
    guide = call(price, tunable, 1000, 500, 3)
    return (
        f"the guide's code costs ${guide:.2f} and not ${guide / 3:.2f}: it asks for three epochs, "
        "and every epoch is paid"
    )


def _compare_price(price: Callable, model: registry.Model, *run: int) -> None:
    examples, tokens, epochs = run
    case = f"{examples} × {tokens} tokens, {epochs} epochs, ${model.usd_training:g} a million"
    found = number(call(price, model, *run), "the price")
    right = model.training_cost(examples * tokens, epochs)
    slips = {
        right / epochs: "that is one pass over the file; the host sees it once per epoch",
        right * 1e6: "the price is for a million tokens",
        right * 1e3: "the price is for a million tokens, not for a thousand as in the guide",
        right / model.usd_training * model.usd_input: "usd_input is for asking; training has a "
        "price of its own",
        right / model.usd_training * registry.tunable().usd_training: "the price changed and yours "
        "did not; take it from the model",
    }
    if math.isclose(found, right, rel_tol=1e-6):
        return
    known = [why for value, why in slips.items() if math.isclose(found, value, rel_tol=1e-6)]
    raise NotYet(f"{case}: ${found:g} is not right; {known[0] if known else 'see hint 1'}")


@exercise(
    "03.2",
    "core",
    goal="Write `mend`: the rows of a spoilt export → all that can be saved, fit to train on.",
    hints=(
        "Print `check_for_local_training` of the export: each line has its cure. Take one kind of "
        "mistake at a time.",
        "Build new messages: other role names, content.strip(). Cut what follows the last "
        "assistant message, and drop the row only when nothing is left.",
        "ROLES = {'customer': 'user', 'agent': 'assistant'}; role = ROLES.get(m['role'], "
        "m['role']). as_example(row['prompt'], row['completion']) makes messages of the old form. "
        "Append a row only if it is not in the list yet.",
    ),
)
def _mended(mend: Callable) -> str:
    kept = [_mend(mend, draw) for draw in (0, 1)]
    spoilt = sum(1 for row in desk_export() if list(check_supervised(row)))
    return (
        f"{kept[0]} good examples out of {len(desk_export())} lines, {spoilt} of which would have "
        "failed the job or taught something odd. The two without an answer are gone: "
        "a reply that nobody wrote is no example"
    )


def _mend(mend: Callable, draw: int) -> int:
    """How many rows ``mend`` makes of an export, if they are right."""
    export = desk_export(draw)
    given = copy.deepcopy(export)
    rows = call(mend, given)
    wanted(given == export, "`mend` changes the rows that it was given: build new ones")
    compare_mended(rows, export, draw)
    return len(rows)


@exercise(
    "03.3",
    "core",
    goal="Write `leaks`: the training questions that ask what an evaluation question asks.",
    hints=(
        "Someone who copies a question changes capitals, a comma, a greeting, the order. What "
        "stays the same?",
        "Make a set of lower-case words of each question. Of two sets, what share is in both?",
        "len(a & b) / len(a | b), the largest over all evaluation questions. Print the ten "
        "highest: where is the gap?",
    ),
)
def _leaks(leaks: Callable) -> str:
    evaluation = [question.question for question in load_questions("test")]
    own = ["When will my order arrive?"]
    for training, asked, planted in (
        (leaky_questions(0), evaluation, leaked_questions(0)),
        (leaky_questions(1), evaluation, leaked_questions(1)),
        ([*own, "Is there a manual?"], ["is the shop open?", "when will my order arrive"], own),
        (["Is there a manual?"], own, []),
    ):
        _compare_leaks(leaks, training, asked, set(planted))
    return (
        f"{len(leaked_questions(0))} of {len(leaky_questions(0))} training questions go. A model "
        "scored on them would have shown its memory, not its skill. Words find copies and light "
        "edits; for questions in quite other words compare embeddings"
    )


def _compare_leaks(leaks: Callable, training: list, asked: list, planted: set[str]) -> None:
    given = copy.copy(training), copy.copy(asked)
    found = call(leaks, *given)
    wanted(given == (training, asked), "`leaks` changes its lists: leave them as they are")
    wanted(
        isinstance(found, list | set | tuple) and all(isinstance(one, str) for one in found),
        f"the training questions themselves are wanted, in a list; this is {describe(found)}",
    )
    foreign = set(found) - set(training)
    wanted(not foreign, f"this is no training question as it was given: {min(foreign, default='')}")
    missed, alarms = planted - set(found), set(found) - planted
    if missed:
        same = {_bare(one) for one in missed} & {_bare(one) for one in asked}
        why = "only capitals or signs differ" if same else "it was reworded a little"
        raise NotYet(
            f"{len(planted) - len(missed)} of {len(planted)} found. Missed: {min(missed)[:90]!r}: "
            f"{why}"
        )
    wanted(
        not alarms,
        f"false alarms: {len(alarms)}, such as {min(alarms, default='')[:90]!r}; no evaluation "
        "question asks that. A stricter threshold?",
    )


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


@exercise(
    "03.4",
    "core",
    goal="Write `best_step` (whose checkpoint is to be used), and say how many epochs to ask for.",
    hints=(
        "Which of the two losses has the model not been trained on?",
        "csv.DictReader(io.StringIO(text)) gives rows as dicts of text. Not every row has a "
        "valid_loss.",
        "rows = [r for r in … if r['valid_loss']]; then min(rows, key=lambda r: "
        "float(r['valid_loss'])), and of that int(r['step']). For n_epochs: what part of all steps "
        "is that, and what part of all epochs?",
    ),
)
def _best_step(best_step: Callable, n_epochs: Any) -> str:
    run = load_result("overfit")
    for text in (run["result_file"], *RESULT_FILES):
        _compare_step(best_step, text)
    rows = list(csv.DictReader(io.StringIO(run["result_file"])))
    losses = {int(row["step"]): float(row["valid_loss"]) for row in rows if row["valid_loss"]}
    best, last = min(losses, key=losses.get), max(losses)
    epochs, found = best * run["n_epochs"] // last, number(n_epochs, "`n_epochs`")
    wanted(found != best, f"n_epochs is {best}: that is the step. How many steps has an epoch?")
    wanted(
        math.isclose(found, epochs),
        f"n_epochs is {found:g}. {run['n_epochs']} epochs had {last} steps; when did step {best} "
        "come?",
    )
    return (
        f"step {best} of {last}, so {epochs} epochs. After it the training loss goes on falling, "
        f"and the loss on unseen replies rises ({losses[best]:.2f} → {losses[last]:.2f}): the "
        "model learns its ten examples by heart"
    )


def _compare_step(best_step: Callable, text: str) -> None:
    rows = list(csv.DictReader(io.StringIO(text)))
    valid = [row for row in rows if row["valid_loss"]]
    right = min(valid, key=lambda row: float(row["valid_loss"]))
    found = number(call(best_step, text), "the step")
    if found == int(right["step"]):
        return
    slips = {
        int(rows[-1]["step"]): "that is the last step; more training is not always better",
        int(min(rows, key=lambda row: float(row["train_loss"]))["step"]): "there the training loss "
        "is lowest, which memory alone brings about",
        float(right["valid_loss"]): "that is the loss; the step is wanted",
        int(min(valid, key=lambda row: row["valid_loss"])["step"]): "CSV fields are text, and "
        "'10.4' < '9.7' as text: float()",
        int(rows[0]["step"]): "a row without a valid_loss was not validated; leave it out",
        valid.index(right): "that is the row's place among the validated ones, not its step",
        rows.index(right): "that is the row's place in the file, not its step",
    }
    why = slips.get(found, "there the loss on validation examples is not lowest")
    raise NotYet(f"{found:g} in a file of {len(rows)} rows: {why}")


@exercise(
    "03.5",
    "stretch",
    goal="Predict how the house-style model answers ten questions on changed facts, then measure.",
    hints=(
        "What do all replies that it was trained on share, and what do none of them state?",
        "texts = [a.text for a in answer_all(chain, [{'question': p.question} for p in probes])]; "
        "three means over the ten texts.",
        "score_style(text).perfect for style; contains(text, january[probe.fact]) and "
        "contains(text, april[probe.fact]) for the facts.",
    ),
)
def _measured(predicted: Any, texts: Any, measured: Any) -> str:
    for name, shares in (("predicted", predicted), ("measured", measured)):
        _three_shares(name, shares)
    probes = changed_facts()
    wanted(
        isinstance(texts, list) and all(isinstance(text, str) for text in texts),
        f"`texts` is to be a list of texts, this is {describe(texts)}",
    )
    wanted(len(texts) == len(probes), f"{len(probes)} questions, and `texts` has {len(texts)}")
    right = shares_of(texts)
    for name in SHARES:
        _compare_share(name, float(measured[name]), right, texts)
    gap, name = max((abs(float(predicted[name]) - right[name]), name) for name in SHARES)
    return (
        f"{right['style']:.0%} in perfect style, {right['January']:.0%} with January's figure, "
        f"{right['April']:.0%} with April's. Your prediction was off by {100 * gap:.0f} points at "
        f"most ({name}). Form was trained; the facts were not, and no training on form brings them"
    )


def _three_shares(name: str, shares: Any) -> None:
    wanted(
        isinstance(shares, Mapping) and set(shares) == set(SHARES),
        f"`{name}` is to be a dict with {', '.join(SHARES)}, this is {describe(shares)}",
    )
    for key in SHARES:
        share = number(shares[key], f"{name}[{key!r}]")
        wanted(
            0 <= share <= 1,
            f"{name}[{key!r}] is {share:g}; a share from 0 to 1 is wanted, not a count or percent",
        )


def _compare_share(name: str, found: float, right: dict[str, float], texts: list[str]) -> None:
    if math.isclose(found, right[name], abs_tol=0.005):
        return
    rules = sum(score_style(text).share for text in texts) / len(texts)
    if name == "style" and math.isclose(found, rules, abs_tol=0.005):
        raise NotYet("measured['style']: count the replies that keep every rule (.perfect)")
    other = {"January": "April", "April": "January"}.get(name)
    if other and math.isclose(found, right[other], abs_tol=0.005):
        raise NotYet(f"measured[{name!r}] counts {other}'s figures: v1 is January, v2 is April")
    raise NotYet(f"measured[{name!r}] is {found:.2f}, and your texts give another share")
