"""The Acme case's training data: sound, varied, true to the facts, and apart from what is tested.

``test_leaks.py`` compares the questions with those of the evaluation.
"""

import json
import re
import tomllib
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path

import pytest

from course_utils.evaluate.correctness import abstains, contains
from course_utils.evaluate.style import score_style

ACME = Path(__file__).resolve().parents[2] / "data" / "acme"
REPLY = {
    "id": str,
    "question": str,
    "reply": str,
    "kind": str,
    "split": str,
    "facts": list,
    "documents": list,
}
PRICE = {"id": str, "question": str, "reply": str, "fact": str, "split": str}
KINDS = {"fact": 500, "how_to": 20, "unanswerable": 50, "chat": 50}
SPLITS = {"train": 500, "validation": 50, "test": 100}
HELD_OUT_DOCUMENTS = {
    "sensor-c4": "test",
    "probe-p2": "test",
    "gateway-g5-cellular": "test",
    "leak-rope-w1": "test",
    "plan-business": "test",
    "shipping": "test",
    "configure-sso": "test",
    "sensor-l1": "validation",
    "gateway-g2": "validation",
    "plan-pro": "validation",
    "billing-plan-changes": "validation",
    "reset-gateway": "validation",
}
# What a customer may call them, in any case: "C4", "c-4", "the CO2 sensor".
HELD_OUT_NAMES = {
    "Sense C4": r"\bc[- ]?4\b|\bco2\b|carbon dioxide",
    "Probe P2": r"\bp[- ]?2\b|freezer probe|needle probe",
    "Gateway G5 Cellular": r"\bg[- ]?5\b|\bcellular\b",
    "Leak Rope W1": r"\bw[- ]?1\b|\bropes?\b|\bleak",
    "Business plan": r"\bbusiness\b(?! (?:days?|hours?)\b)",
    "shipping": r"\bship(?:s|ped|ping|ments?)?\b|\bdeliver",
    "single sign-on": r"\bsso\b|\bsingle[- ]sign",
    "Sense L1": r"\bl[- ]?1\b",
    "Gateway G2": r"\bg[- ]?2\b(?![- ]?plus\b)",
    "Pro plan": r"\bpro\b",
    "plan changes": r"\b(?:up|down)grad",
    "resetting a gateway": r"\breset|factory settings",
}


def load(name):
    text = (ACME / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def words(text):
    return re.findall(r"[a-z0-9$%]+", text.lower().replace("’", "'"))


def parts(row):
    """The lines of a reply between greeting and sign-off: its answer and its next step."""
    _, *answer, step, _ = row["reply"].splitlines()
    return " ".join(answer), step


def overlap(one, two):
    return len(one & two) / len(one | two)


def twice(values, most=1):
    """Value → ids of the rows that have it, where more than ``most`` do.

    Args:
        values: Pairs of row id and value.
        most: How many may share a value.
    """
    found = defaultdict(list)
    for name, value in values:
        found[value].append(name)
    return {value: names for value, names in found.items() if len(names) > most}


def states(text, value):
    """A fact that is a sentence ("Rechargeable cells must not be used.") may go on in the reply."""
    return contains(text, value.rstrip("."))


REPLIES = load("training/replies.jsonl")
PRICES = load("training/prices.jsonl")
QUESTIONS = load("questions.jsonl")
FACTS = tomllib.loads((ACME / "facts.toml").read_text(encoding="utf-8"))["fact"]
FACT = {fact["id"]: fact for fact in FACTS}
CHANGED = [fact for fact in FACTS if "v2" in fact]
DOCUMENTS = {path.stem for path in (ACME / "documents" / "v1").glob("*.md")}
EVALUATED = {fact for question in QUESTIONS for fact in question["facts"]}
FILES = pytest.mark.parametrize("rows", [REPLIES, PRICES], ids=["replies", "prices"])


# Both files


@pytest.mark.parametrize(("rows", "fields"), [(REPLIES, REPLY), (PRICES, PRICE)])
def test_fields(rows, fields):
    for row in rows:
        name = row.get("id", row)
        assert list(row) == list(fields), f"{name}: fields are {list(row)}; make it {list(fields)}"
        for field, kind in fields.items():
            assert isinstance(row[field], kind), f"{name}: make {field} a {kind.__name__}"
            assert kind is not str or row[field] == row[field].strip() != "", (
                f"{name}: fill {field}, without spaces around it"
            )
    ids = [row["id"] for row in rows]
    assert ids == sorted(set(ids)), "ids are not unique or not in order; renumber the last rows"


@FILES
def test_replies_are_in_house_style(rows):
    for row in rows:
        broken = [rule for rule, kept in score_style(row["reply"]).rules.items() if not kept]
        assert not broken, f"{row['id']}: breaks {broken} of style.toml; reword the reply"
        blank = [line for line in row["reply"].splitlines() if line != line.strip() or not line]
        assert not blank, f"{row['id']}: remove blank lines and spaces at the ends of lines"


def test_no_question_twice():
    same = twice((row["id"], tuple(words(row["question"]))) for row in REPLIES + PRICES)
    assert not same, f"the same question: {sorted(same.values())}; keep one of each"


@FILES
def test_no_near_duplicates(rows):
    tokens = {row["id"]: set(words(row["question"])) for row in rows}
    for a, b in combinations(tokens, 2):
        assert overlap(tokens[a], tokens[b]) < 0.8, f"{a} and {b} are nearly the same; reword one"


# House-style replies


def test_size():
    splits, kinds = (Counter(row[key] for row in REPLIES) for key in ("split", "kind"))
    assert set(splits) == set(SPLITS), f"splits are {sorted(splits)}; use {sorted(SPLITS)}"
    assert set(kinds) == set(KINDS), f"kinds are {sorted(kinds)}; use {sorted(KINDS)}"
    for name, least in (SPLITS | KINDS).items():
        found = splits[name] + kinds[name]
        assert found >= least, f"{name}: {found} rows; write at least {least}"
    for split in SPLITS:
        missing = set(KINDS) - {row["kind"] for row in REPLIES if row["split"] == split}
        assert missing <= {"how_to"}, f"{split} has no {sorted(missing)}; write some"


def test_facts_and_documents_exist():
    for row in REPLIES:
        name = row["id"]
        unknown = set(row["facts"]) - set(FACT)
        assert not unknown, f"{name}: there is no fact {sorted(unknown)}; correct 'facts'"
        unknown = set(row["documents"]) - DOCUMENTS
        assert not unknown, f"{name}: there is no document {sorted(unknown)}; correct 'documents'"
        assert bool(row["facts"]) == (row["kind"] in {"fact", "how_to"}), (
            f"{name}: kind is {row['kind']} and facts are {row['facts']}; only fact and how_to "
            "state facts"
        )
        assert bool(row["documents"]) == (row["kind"] != "chat"), (
            f"{name}: kind is {row['kind']} and documents are {row['documents']}; name the one "
            "that answers or comes closest, except for chat"
        )
        for fact in row["facts"]:
            assert set(FACT[fact]["documents"]) & set(row["documents"]), (
                f"{name}: {fact} stands in {FACT[fact]['documents']}; add one to 'documents'"
            )


def test_replies_state_their_facts():
    for row in REPLIES:
        for fact in row["facts"]:
            assert states(row["reply"], FACT[fact]["v1"]), (
                f"{row['id']}: {FACT[fact]['v1']!r} ({fact}) is not in the reply; state it"
            )


def test_only_unanswerable_replies_abstain():
    for row in REPLIES:
        wanted = row["kind"] == "unanswerable"
        assert abstains(row["reply"]) == wanted, (
            f"{row['id']}: kind is {row['kind']}, but the reply "
            f"{'does not say' if wanted else 'seems to say'} that it is not known; reword it"
        )


def test_replies_state_nothing_that_changes():
    for row in REPLIES:
        text = f"{row['question']}\n{row['reply']}"
        for fact in CHANGED:
            near = set(fact["documents"]) & set(row["documents"]) or contains(text, fact["subject"])
            stated = [fact[v] for v in ("v1", "v2") if near and states(row["reply"], fact[v])]
            assert not stated, (
                f"{row['id']}: states {stated} of {fact['id']}, which changes in v2; leave it out"
            )


# Variety


def test_openings_vary():
    openings = Counter(" ".join(words(row["question"])[:2]) for row in REPLIES)
    opening, count = openings.most_common(1)[0]
    assert count <= 0.05 * len(REPLIES), (
        f"{count} of {len(REPLIES)} questions begin with {opening!r}; begin some in another way"
    )


def test_replies_vary():
    steps = twice(((row["id"], tuple(words(parts(row)[1]))) for row in REPLIES), most=2)
    assert not steps, f"one next step in three rows: {sorted(steps.values())}; find another one"
    bodies = twice((row["id"], tuple(words(parts(row)[0]))) for row in REPLIES)
    assert not bodies, f"the same answer: {sorted(bodies.values())}; reword one of them"


# Splits


def test_splits_share_no_fact():
    splits = defaultdict(set)
    for row in REPLIES:
        for fact in row["facts"]:
            splits[fact].add(row["split"])
    both = {fact: sorted(found) for fact, found in splits.items() if len(found) > 1}
    assert not both, f"facts in two splits: {both}; move all rows of a fact together"


def test_held_out_documents_are_in_their_split():
    for row in REPLIES:
        for document in row["documents"]:
            split = HELD_OUT_DOCUMENTS.get(document, row["split"])
            assert row["split"] == split, f"{row['id']}: {document} belongs to {split}; move it"


def test_train_names_nothing_held_out():
    for row in REPLIES:
        if row["split"] != "train":
            continue
        text = f"{row['question']}\n{row['reply']}"
        for name, pattern in HELD_OUT_NAMES.items():
            found = re.search(pattern, text, re.IGNORECASE)
            assert not found, (
                f"{row['id']}: {found and found[0]!r} is {name}, which is held out; reword the "
                "row, or move all rows of its facts"
            )


# The evaluation


def test_no_fact_of_the_evaluation():
    for row in REPLIES:
        shared = set(row["facts"]) & EVALUATED
        assert not shared, f"{row['id']}: {sorted(shared)} is asked for in questions.jsonl; drop it"


def test_no_reply_answers_the_evaluation_by_the_way():
    subjects = {fact["subject"] for fact in FACTS}
    for row in REPLIES:
        for fact in (FACT[name] for name in EVALUATED):
            if fact["v1"] in subjects or not set(fact["documents"]) & set(row["documents"]):
                continue  # to name a device is not to tell something about it
            assert not states(row["reply"], fact["v1"]), (
                f"{row['id']}: states {fact['v1']!r}, the answer to an evaluation question "
                f"({fact['id']}); leave it out"
            )


# Facts that change


def test_prices_are_facts_that_change():
    splits = {split: {row["fact"] for row in PRICES if row["split"] == split} for split in SPLITS}
    assert splits["train"] == splits["test"], "ask for each fact in train and in test"
    assert not splits["validation"], "prices.jsonl has no validation split; use train or test"
    for row in PRICES:
        fact = FACT[row["fact"]]
        assert "v2" in fact, f"{row['id']}: {row['fact']} does not change in v2; take another fact"
        assert states(row["reply"], fact["v1"]), (
            f"{row['id']}: {fact['v1']!r} is not in the reply; state it"
        )
        assert not states(row["reply"], fact["v2"]), (
            f"{row['id']}: {fact['v2']!r} is April's value; state January's, {fact['v1']!r}"
        )


def test_prices_are_not_the_evaluations_questions():
    for question in QUESTIONS:
        asked = set(words(question["question"]))
        for row in PRICES:
            assert overlap(set(words(row["question"])), asked) < 0.6, (
                f"{row['id']} is nearly {question['id']} of questions.jsonl; reword it"
            )
