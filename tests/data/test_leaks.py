"""No question that is trained on asks for what an evaluation or a held-out question asks for.

Three measures: shared words, a shared run of words, and the meaning as the course's encoder has it.
"""

import asyncio
import json
import re
from pathlib import Path

import numpy as np
import pytest

from course_utils import registry
from course_utils.endpoint.encoder import Encoder

ACME = Path(__file__).resolve().parents[2] / "data" / "acme"
MAX_OVERLAP = 0.5
RUN = 6
# For both comparisons the 50 nearest pairs were read, and the nearest were rewritten. What is left,
# up to 0.74, asks for something else: the same figure of another product, or another fact of the
# same one. The rest is room for processors on which the 8-bit encoder rounds differently.
MAX_COSINE = 0.77


def load(name):
    text = (ACME / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def words(text):
    return re.findall(r"[a-z0-9$%]+", text.lower().replace("’", "'"))


def runs(text):
    tokens = words(text)
    return {tuple(tokens[i : i + RUN]) for i in range(len(tokens) - RUN + 1)}


REPLIES = load("training/replies.jsonl")
QUESTIONS = load("questions.jsonl")
TRAIN = [row for row in REPLIES if row["split"] == "train"]
HELD_OUT = [row for row in REPLIES if row["split"] != "train"]
# Name → the rows to keep apart: held-out replies too were written without the evaluation.
COMPARED = {
    "replies and evaluation": (REPLIES, QUESTIONS),
    "train and held out": (TRAIN, HELD_OUT),
}
pairs = pytest.mark.parametrize(("rows", "others"), COMPARED.values(), ids=list(COMPARED))


@pytest.fixture(scope="module")
def vectors():
    """Row id → unit vector of its question, from the course's own encoder."""
    model = registry.local_encoder()
    encoder = Encoder(
        model.id,
        registry.model_path(model, "onnx"),
        registry.model_path(model, "tokenizer"),
        max_tokens=model.context_tokens,
        threads=None,
    )
    rows = REPLIES + QUESTIONS
    encoded = asyncio.run(encoder.encode([row["question"] for row in rows]))
    return {row["id"]: vector for row, vector in zip(rows, encoded.vectors, strict=True)}


@pairs
def test_questions_share_few_words(rows, others):
    other_words = {other["id"]: set(words(other["question"])) for other in others}
    for row in rows:
        mine = set(words(row["question"]))
        for name, theirs in other_words.items():
            overlap = len(mine & theirs) / len(mine | theirs)
            assert overlap < MAX_OVERLAP, (
                f"{row['id']} and {name} share {overlap:.0%} of their words; reword {row['id']}"
            )


@pairs
def test_questions_share_no_run_of_words(rows, others):
    found = {run: other["id"] for other in others for run in runs(other["question"])}
    for row in rows:
        for run in runs(row["question"]):
            assert run not in found, (
                f"{row['id']} and {found[run]} share {' '.join(run)!r}; reword {row['id']}"
            )


@pairs
def test_questions_do_not_mean_the_same(rows, others, vectors):
    one, two = (np.stack([vectors[row["id"]] for row in side]) for side in (rows, others))
    cosines = one @ two.T
    near = [
        f"{rows[i]['id']} and {others[j]['id']} ({cosines[i, j]:.2f})"
        for i, j in np.argwhere(cosines >= MAX_COSINE)
    ]
    assert not near, f"{near} ask for nearly the same; rewrite the first of each, or remove it"
