"""The hand labels hold together: known questions and labels, no answer twice, a fair split."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

ACME = Path(__file__).resolve().parents[2] / "data" / "acme"
TEXTS = ["question", "text", "label", "origin", "split"]
LABELS = {"right", "nearly_right", "wrong", "wrong_reason", "evasive"}
APPROACHES = {
    "prompt",
    "rag_guide1",
    "rag_guide3",
    "rag_rw1",
    "rag_fs1",
    "rag_ftc1",
    "ft",
    "ftc_bare",
}
SPLITS = ["tune", "report"]


def load(name):
    text = (ACME / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


ROWS = load("labels.jsonl")
KINDS = {q["id"]: q["kind"] for q in load("questions.jsonl")}


def test_every_line_has_the_same_fields_and_none_is_blank():
    for row in ROWS:
        assert list(row) == [*TEXTS, "weight"]
        assert all(isinstance(row[name], str) and row[name].strip() for name in TEXTS), row


def test_real_answers_stand_for_the_pool_that_they_were_drawn_from():
    """Each origin answered 96 questions; two strata of each were drawn at their own rates."""
    for origin in APPROACHES:
        weights = [row["weight"] for row in ROWS if row["origin"] == origin]
        assert sum(weights) == pytest.approx(96, abs=0.1), origin
        assert min(weights) >= 1
        assert len(set(weights)) <= 2, origin
    assert all((row["weight"] is None) == (row["origin"] == "written") for row in ROWS)


def test_questions_labels_and_origins_are_known():
    assert {row["question"] for row in ROWS} <= set(KINDS)
    assert {row["label"] for row in ROWS} == LABELS
    assert {row["origin"] for row in ROWS} == APPROACHES | {"written"}


def test_no_answer_is_labelled_twice():
    assert len({(row["question"], row["text"]) for row in ROWS}) == len(ROWS)
    written = [row["text"] for row in ROWS if row["origin"] == "written"]
    assert len(set(written)) == len(written)


def test_there_are_enough_answers_of_every_label_and_in_both_splits():
    labels = Counter(row["label"] for row in ROWS)
    assert len(ROWS) >= 100
    assert all(labels[label] >= 20 for label in LABELS), labels
    for split in SPLITS:
        assert {row["label"] for row in ROWS if row["split"] == split} == LABELS


def test_the_split_follows_the_hash_and_not_the_label():
    """Whoever adds or changes an answer sorts and alternates again; nobody picks a split."""
    keys = [hashlib.sha256((row["question"] + row["text"]).encode()).hexdigest() for row in ROWS]
    assert keys == sorted(keys)
    assert [row["split"] for row in ROWS] == [SPLITS[n % 2] for n in range(len(ROWS))]


def test_no_reply_to_an_unanswerable_question_counts_as_an_answer():
    labels = {row["label"] for row in ROWS if KINDS[row["question"]] == "unanswerable"}
    assert labels == {"evasive", "wrong"}
