"""The Acme case's training data, and what training files are made of it."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from course_utils.knowledge.facts import load_facts
from course_utils.settings import DATA, write_atomic

if TYPE_CHECKING:  # the endpoint imports this module and has no use for LangChain
    from langchain_core.documents import Document

TRAINING = DATA / "acme" / "training"
SYSTEM = "You are a customer support agent for Acme Corp."
CONTEXT_SYSTEM = (
    "Answer ONLY from the context below. If insufficient, say so.\n\nContext:\n{context}"
)
# Passages in the prompt of an example with context: the lesson's model reads no more.
MAX_PASSAGES = 3


class Reply(BaseModel):
    """A customer's message and a support agent's reply in house style.

    Attributes:
        id: Unique id.
        question: What the customer writes.
        reply: What Acme answers.
        kind: ``fact``, ``how_to``, ``unanswerable`` (the documents do not say) or ``chat`` (nothing
            needs to be looked up).
        split: ``train``, ``validation`` or ``test``; no fact and no product is in two of them.
        facts: Ids of the facts that the reply states.
        documents: Ids of the documents that hold them, or come closest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    question: str
    reply: str
    kind: str
    split: str
    facts: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()


class PriceExample(BaseModel):
    """A question that one changing fact answers, with a reply that states its January value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    question: str
    reply: str
    fact: str
    split: str


def load_replies(split: str) -> list[Reply]:
    """House-style replies of a split, in an order without meaning: a first part is a sample."""
    replies = map(Reply.model_validate_json, _lines("replies.jsonl"))
    return [reply for reply in replies if reply.split == split]


def load_prices(split: str) -> list[PriceExample]:
    """Examples on facts that change between the documents' versions: ``train``, or ``test``."""
    examples = map(PriceExample.model_validate_json, _lines("prices.jsonl"))
    return [example for example in examples if example.split == split]


def _lines(name: str) -> list[str]:
    return (TRAINING / name).read_text(encoding="utf-8").splitlines()


def as_example(question: str, reply: str, system: str = SYSTEM) -> dict:
    """One line of a training file in OpenAI's form."""
    return {
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": question},
            {"role": "assistant", "content": reply},
        ]
    }


def write_jsonl(path: Path, rows: Iterable[dict]) -> Path:
    """Write a training file, atomically."""
    write_atomic(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def with_context(
    replies: Sequence[Reply],
    chunks: Sequence["Document"],
    rank: Callable[[list[str]], list[list[int]]],
    seed: int = 0,
) -> list[dict]:
    """Examples whose prompt is that of the RAG chain, after RAFT (Zhang et al., 2024).

    Each has one to three passages: the one that holds the facts, and those that a retriever would
    find beside it. Where no document answers, or nothing needs to be looked up, all of them
    distract.

    Args:
        replies: What to make examples of.
        chunks: All chunks of the documents, with ``source`` in their metadata.
        rank: Questions → for each the indices of ``chunks``, best first.
        seed: Makes the number and order of passages the same on every run.

    Returns:
        Lines of a training file.
    """
    values = fact_values()
    pairs = [(reply.question, reply.reply) for reply in replies]
    gold = [_gold(reply, chunks, values) for reply in replies]
    return _in_context(pairs, gold, chunks, rank, seed)


def with_passages(
    rows: Sequence[dict],
    chunks: Sequence["Document"],
    rank: Callable[[list[str]], list[list[int]]],
    seed: int = 0,
) -> list[dict]:
    """The same for any training file, where nobody has noted which passage holds the answer.

    Taken for it is the passage most like question and answer together. Of a conversation, the last
    question and its answer count.

    Args:
        rows: Lines of a training file.
        chunks, rank, seed: As for ``with_context``.
    """
    pairs = []
    for row in rows:
        said = {message["role"]: message["content"] for message in row["messages"]}
        pairs.append((said["user"], said["assistant"]))
    gold = [ranked[:1] for ranked in rank([f"{asked}\n{reply}" for asked, reply in pairs])]
    return _in_context(pairs, gold, chunks, rank, seed)


def _in_context(
    pairs: Sequence[tuple[str, str]],
    gold: Sequence[list[int]],
    chunks: Sequence["Document"],
    rank: Callable[[list[str]], list[list[int]]],
    seed: int,
) -> list[dict]:
    random = Random(seed)
    examples = []
    ranking = rank([question for question, _ in pairs])
    for (question, reply), holding, ranked in zip(pairs, gold, ranking, strict=True):
        wanted = max(random.randint(1, MAX_PASSAGES), len(holding))
        shown = (holding + [i for i in ranked if i not in holding])[:wanted]
        random.shuffle(shown)
        context = format_passages([chunks[i] for i in shown])
        examples.append(as_example(question, reply, CONTEXT_SYSTEM.format(context=context)))
    return examples


def format_passages(passages: Iterable["Document"]) -> str:
    """Passages as the guide's ``format_docs`` writes them."""
    return "\n\n---\n\n".join(f"[{p.metadata['source']}]\n{p.page_content}" for p in passages)


@cache
def fact_values(version: str = "v1") -> dict[str, str]:
    """Fact id → its value in a version of the documents (``v1`` or ``v2``)."""
    return {fact["id"]: fact.get(version, fact["v1"]) for fact in load_facts()}


def _gold(reply: Reply, chunks: Sequence["Document"], values: dict[str, str]) -> list[int]:
    """For each fact the chunk that states it; where several do, the one most like the reply."""
    words = _words(reply.reply)
    found: list[int] = []
    for fact in reply.facts:
        stating = [
            i
            for i, chunk in enumerate(chunks)
            if chunk.metadata["source"] in reply.documents and values[fact] in chunk.page_content
        ]
        if stating:
            best = max(stating, key=lambda i: len(words & _words(chunks[i].page_content)))
            found += [best] if best not in found else []
    return found


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))
