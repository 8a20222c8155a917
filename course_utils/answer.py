"""What every approach returns, so that one scorer serves them all."""

import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable


@dataclass(frozen=True)
class Usage:
    """Tokens of one request: ``tokens_in`` read by the model, ``tokens_out`` written by it."""

    tokens_in: int = 0
    tokens_out: int = 0

    @classmethod
    def of(cls, message: object) -> "Usage":
        """Take the counts from a LangChain ``AIMessage`` (zeros where the host sent none)."""
        counts = getattr(message, "usage_metadata", None) or {}
        return cls(counts.get("input_tokens", 0), counts.get("output_tokens", 0))


@dataclass(frozen=True)
class Answer:
    """An approach's answer to one question.

    Attributes:
        text: What the user reads.
        sources: Ids of the documents shown to the model, best first; empty without retrieval.
        usage: Tokens in and out.
        seconds: Wall-clock time of the whole approach, retrieval included.
        passages: The texts shown to the model, best first.
        retrieval_seconds: The part of ``seconds`` that went into finding them, where it is known.
    """

    text: str
    sources: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    passages: tuple[str, ...] = ()
    retrieval_seconds: float = 0.0


def answer_one(approach: Runnable, question: str | dict) -> Answer:
    """Ask an approach one question, and take the time.

    Args:
        approach: A Runnable to an ``AIMessage``, or to a dict with ``message`` and optionally
            ``docs`` (retrieved documents), ``text`` (where the final text differs from the
            message's) and ``retrieval_seconds``.
        question: What the Runnable takes: a question, or a dict of prompt variables.
    """
    started = time.perf_counter()
    return _answer(approach.invoke(question), time.perf_counter() - started)


async def answer_one_async(approach: Runnable, question: str | dict) -> Answer:
    """As ``answer_one``, while others are asked; ``seconds`` holds what it waited for them."""
    started = time.perf_counter()
    return _answer(await approach.ainvoke(question), time.perf_counter() - started)


def _answer(result: AIMessage | dict, seconds: float) -> Answer:
    if not isinstance(result, dict):
        result = {"message": result}
    message, docs = result["message"], result.get("docs", ())
    return Answer(
        text=result.get("text", message.content),
        sources=tuple(dict.fromkeys(doc.metadata["source"] for doc in docs)),
        usage=Usage.of(message),
        seconds=seconds,
        passages=tuple(doc.page_content for doc in docs),
        retrieval_seconds=result.get("retrieval_seconds", 0.0),
    )


def answer_all(
    approach: Runnable,
    questions: Sequence[str | dict],
    progress: str | None = "answering",
    together: int = 1,
) -> list[Answer]:
    """Ask an approach every question, one after the other (so that ``seconds`` is honest).

    Args:
        approach: As in ``answer_one``.
        questions: What the Runnable takes.
        progress: Label of the progress bar on stderr; ``None`` shows none.
        together: Questions asked at the same time. With more than one it takes less time, the
            texts are the same, and ``seconds`` holds what they waited for each other.

    Returns:
        One ``Answer`` per question, in order.
    """
    with ThreadPoolExecutor(together) as pool:
        answers = pool.map(partial(answer_one, approach), questions)
        return list(_with_progress(answers, progress, len(questions)))


def _with_progress(items: Iterable, label: str | None, total: int) -> Iterable:
    if label is None:
        return items
    from tqdm.auto import tqdm

    # tqdm's notebook bar does not read the variable by itself.
    quiet = bool(os.environ.get("TQDM_DISABLE"))
    return tqdm(items, desc=label, total=total, leave=False, disable=quiet)
