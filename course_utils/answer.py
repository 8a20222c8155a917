"""What every approach returns, so that one scorer serves them all."""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

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
    """

    text: str
    sources: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0


def answer_all(
    approach: Runnable, questions: Sequence[str | dict], progress: str | None = "answering"
) -> list[Answer]:
    """Ask an approach every question, one after the other (so that ``seconds`` is honest).

    Args:
        approach: A Runnable to an ``AIMessage``, or to a dict with ``message`` and optionally
            ``docs`` (retrieved documents) and ``text`` (where the final text differs from the
            message's).
        questions: What the Runnable takes: a question each, or a dict of prompt variables.
        progress: Label of the progress bar on stderr; ``None`` shows none.

    Returns:
        One ``Answer`` per question, in order.
    """
    answers = []
    for question in _with_progress(questions, progress):
        started = time.perf_counter()
        result = approach.invoke(question)
        seconds = time.perf_counter() - started
        if not isinstance(result, dict):
            result = {"message": result}
        message = result["message"]
        sources = dict.fromkeys(doc.metadata["source"] for doc in result.get("docs", ()))
        text = result.get("text", message.content)
        answers.append(Answer(text, tuple(sources), Usage.of(message), seconds))
    return answers


def _with_progress(items: Sequence, label: str | None) -> Iterable:
    if label is None:
        return items
    from tqdm.auto import tqdm

    # tqdm's notebook bar does not read the variable by itself.
    quiet = bool(os.environ.get("TQDM_DISABLE"))
    return tqdm(items, desc=label, leave=False, disable=quiet)
