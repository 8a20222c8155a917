"""The Acme case's training data becomes training files."""

import json
import re
import tomllib

import pytest

from course_utils.evaluate.correctness import contains
from course_utils.finetune.dataset import (
    CONTEXT_SYSTEM,
    MAX_PASSAGES,
    SYSTEM,
    as_example,
    format_passages,
    load_prices,
    load_replies,
    with_context,
    with_passages,
    write_jsonl,
)
from course_utils.finetune.examples import check_examples, overlap
from course_utils.knowledge.passages import acme_chunks
from course_utils.settings import DATA

SPLITS = ("train", "validation", "test")
REPLIES = [reply for split in SPLITS for reply in load_replies(split)]


def words(text):
    return set(re.findall(r"[a-z0-9]+", text.lower()))


@pytest.fixture(scope="module")
def chunks():
    return acme_chunks()


@pytest.fixture(scope="module")
def rank(chunks):
    """Ranks by the share of words in common: a plain retriever, and none that needs a model."""
    stored = [words(chunk.page_content) for chunk in chunks]

    def rank(questions):
        ranked = []
        for asked in map(words, questions):
            likeness = [len(asked & each) / len(asked | each) for each in stored]
            ranked.append(sorted(range(len(stored)), key=lambda i: -likeness[i]))
        return ranked

    return rank


@pytest.fixture(scope="module")
def examples(chunks, rank):
    return with_context(REPLIES, chunks, rank)


@pytest.fixture(scope="module")
def shown(chunks, examples):
    """For each example the passages in its prompt, as indices of ``chunks``."""
    head = CONTEXT_SYSTEM.partition("{context}")[0]
    index = {format_passages([chunk]): i for i, chunk in enumerate(chunks)}
    assert len(index) == len(chunks)
    prompts = [example["messages"][0]["content"] for example in examples]
    assert all(prompt.startswith(head) for prompt in prompts)
    return [
        [index[passage] for passage in prompt.removeprefix(head).split("\n\n---\n\n")]
        for prompt in prompts
    ]


def test_every_row_is_in_the_split_it_names():
    stored = (DATA / "acme" / "training" / "replies.jsonl").read_text(encoding="utf-8").splitlines()
    assert sorted(reply.id for reply in REPLIES) == [json.loads(line)["id"] for line in stored]
    assert {reply.split for reply in load_replies("validation")} == {"validation"}
    assert load_replies("no such split") == []
    prices = {split: load_prices(split) for split in ("train", "test")}
    assert all(row.split == split for split, rows in prices.items() for row in rows)
    assert {row.fact for row in prices["train"]} == {row.fact for row in prices["test"]}


@pytest.mark.parametrize("size", [50, 100, 250])
def test_a_first_part_is_a_sample(size):
    train = load_replies("train")
    for kind in {reply.kind for reply in train}:
        whole, part = (sum(r.kind == kind for r in rows) for rows in (train, train[:size]))
        assert abs(part / size - whole / len(train)) < 0.12, kind
    every, some = ({fact for r in rows for fact in r.facts} for rows in (train, train[:size]))
    assert len(some) > 0.5 * min(size, len(every)), "few facts: the rows are sorted by fact"


def test_an_example_is_a_line_in_openais_form():
    assert as_example("Where?", "There.") == {
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": "Where?"},
            {"role": "assistant", "content": "There."},
        ]
    }


def test_the_files_may_train_and_share_no_example(tmp_path):
    paths = {}
    for split in SPLITS:
        rows = [as_example(reply.question, reply.reply) for reply in load_replies(split)]
        paths[split] = write_jsonl(tmp_path / f"{split}.jsonl", rows)
        report = check_examples(paths[split])
        assert not report.problems, report.problems
        assert report.examples == len(rows)
    assert "°C" in paths["train"].read_text(encoding="utf-8"), "written as it is, not escaped"
    assert not overlap(paths["train"], paths["validation"]).problems
    assert not overlap(paths["train"], paths["test"]).problems


def test_the_context_holds_every_fact(chunks, shown):
    facts = tomllib.loads((DATA / "acme" / "facts.toml").read_text(encoding="utf-8"))["fact"]
    values = {fact["id"]: fact["v1"].rstrip(".") for fact in facts}
    for reply, passages in zip(REPLIES, shown, strict=True):
        for fact in reply.facts:
            assert any(
                chunks[i].metadata["source"] in reply.documents
                and contains(chunks[i].page_content, values[fact])
                for i in passages
            ), f"{reply.id}: no passage states {fact}; correct its 'documents'"


def test_examples_keep_order_question_and_reply(examples):
    for reply, example in zip(REPLIES, examples, strict=True):
        assert [turn["role"] for turn in example["messages"]] == ["system", "user", "assistant"]
        assert [turn["content"] for turn in example["messages"][1:]] == [
            reply.question,
            reply.reply,
        ]


def test_one_to_three_different_passages(shown):
    counts = [len(passages) for passages in shown]
    assert set(counts) == set(range(1, MAX_PASSAGES + 1))
    assert all(counts.count(n) > 0.2 * len(counts) for n in set(counts)), "each number is usual"
    assert all(len(set(passages)) == len(passages) for passages in shown)


def test_the_gold_passage_has_no_place_of_its_own(shown, rank):
    """Were it always first, the model would learn to copy the first passage."""
    first = rank([reply.question for reply in REPLIES])
    three = [
        (passages, ranked)
        for reply, passages, ranked in zip(REPLIES, shown, first, strict=True)
        if len(passages) == MAX_PASSAGES and len(reply.facts) == 1
    ]
    places = [
        next((at for at, i in enumerate(passages) if i not in ranked[:MAX_PASSAGES]), None)
        for passages, ranked in three
    ]
    found = [places.count(at) for at in range(MAX_PASSAGES)]
    assert min(found) > 0.2 * sum(found), found


def test_without_facts_all_passages_come_from_the_ranking(shown, rank):
    ranking = rank([reply.question for reply in REPLIES])
    kinds = set()
    for reply, passages, ranked in zip(REPLIES, shown, ranking, strict=True):
        if not reply.facts:
            kinds.add(reply.kind)
            assert set(passages) == set(ranked[: len(passages)]), reply.id
    assert kinds == {"unanswerable", "chat"}


def test_the_seed_decides(chunks, rank, examples):
    some = REPLIES[:20]
    assert with_context(some, chunks, rank, seed=1) == with_context(some, chunks, rank, seed=1)
    assert with_context(some, chunks, rank, seed=1) != with_context(some, chunks, rank, seed=2)
    assert with_context(REPLIES, chunks, rank) == examples


def test_any_training_file_gets_passages(chunks, rank):
    replies = load_replies("train")[:30]
    rows = [as_example(reply.question, reply.reply, "Be brief.") for reply in replies]
    made = with_passages(rows, chunks, rank)
    for row, example in zip(rows, made, strict=True):
        system, question, reply = example["messages"]
        assert (question, reply) == (row["messages"][1], row["messages"][2])
        assert system["content"].startswith(CONTEXT_SYSTEM.partition("{")[0])
        assert "Be brief." not in system["content"]
    # What stands for the gold passage is the one most like question and answer together.
    best = rank([f"{reply.question}\n{reply.reply}" for reply in replies])
    for ranked, example in zip(best, made, strict=True):
        assert format_passages([chunks[ranked[0]]]) in example["messages"][0]["content"]


def test_of_a_conversation_the_last_turn_counts(chunks, rank):
    talk = as_example("How much is Pro?", "It is $49.", "Be brief.")
    talk["messages"] += [
        {"role": "user", "content": "And Business?"},
        {"role": "assistant", "content": "It is $149."},
    ]
    messages = with_passages([talk], chunks, rank)[0]["messages"]
    assert [m["content"] for m in messages[1:]] == ["And Business?", "It is $149."]
