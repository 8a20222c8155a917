"""Builds the adapters that the repository keeps, and scores them on products never seen."""

import functools
import json
from dataclasses import asdict

from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from tqdm.auto import tqdm

from course_utils import connect
from course_utils.evaluate.correctness import contains
from course_utils.evaluate.stats import mean_interval
from course_utils.evaluate.style import score_style
from course_utils.finetune.dataset import (
    Reply,
    as_example,
    fact_values,
    load_replies,
    with_context,
)
from course_utils.finetune.prepared import STORED, Prepared, build
from course_utils.knowledge.passages import acme_chunks, rank_chunks
from course_utils.settings import write_atomic
from course_utils.study.results import about

SAMPLE = 40
MAX_TOKENS = 90


def build_stored(name: str) -> Prepared:
    """Train an adapter, score it, and keep both in ``data/adapters``.

    Raises:
        CourseError: There is no such recipe, or the training failed.
    """
    made = build(name, STORED)
    packages = ("torch", "transformers", "peft", "trl", "xllamacpp")
    card = {
        "about": about(f"course adapters build {name} --stored", packages),
        **made.card,
        "scores": score(made.model_id),
    }
    write_atomic(made.folder / "card.json", json.dumps(card, indent=1) + "\n")
    return Prepared(name, made.folder, card)


def score(model: str) -> dict[str, dict[str, float]]:
    """Style and facts on held-out questions, asked bare and with retrieved context.

    Args:
        model: Id of a chat model of the local endpoint.

    Returns:
        ``bare_style``, ``context_style`` (share of replies that keep all rules) and
        ``context_facts`` (share that states the facts), each with its interval.
    """
    embed = OpenAIEmbeddings(model=connect().embedding_model, check_embedding_ctx_length=False)
    rows = [r for r in load_replies("test") if r.kind in ("fact", "how_to")][:SAMPLE]
    chunks = acme_chunks()
    bare = _answers(model, [as_example(r.question, r.reply) for r in rows])
    rank = functools.partial(rank_chunks, embed, chunks)
    context = _answers(model, with_context(rows, chunks, rank))
    return {
        "bare_style": asdict(mean_interval([score_style(text).perfect for text in bare])),
        "context_style": asdict(mean_interval([score_style(text).perfect for text in context])),
        "context_facts": asdict(mean_interval(list(map(states_facts, rows, context)))),
    }


def states_facts(row: Reply, text: str) -> bool:
    """True when the text has the value of every fact of the row (January's documents)."""
    values = fact_values()
    return all(contains(text, values[fact].rstrip(".")) for fact in row.facts)


def _answers(model: str, examples: list[dict]) -> list[str]:
    llm = ChatOpenAI(model=model, temperature=0, seed=0, max_tokens=MAX_TOKENS)
    return [llm.invoke(row["messages"][:-1]).content for row in tqdm(examples, desc="scoring")]
