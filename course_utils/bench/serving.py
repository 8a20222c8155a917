"""What a running endpoint saves and costs: long prompts asked again, adapters, idleness."""

import statistics
import time

import numpy as np
import psutil
from openai import OpenAI

from course_utils import registry
from course_utils.evaluate.questions import load_questions
from course_utils.finetune.prepared import prepared_models
from course_utils.knowledge.documents import load_documents

# Of the case's documents, so many characters make somewhat more than 1,500 tokens.
CONTEXT_CHARACTERS = 6_800
IDLE_S = 20.0
COPIED_BYTES = 400_000_000


def asked_again(client: OpenAI, rounds: int) -> dict:
    """Two questions over one long context, each round over another one.

    Returns:
        ``context_tokens`` (of the shortest first prompt), ``ttft_first_ms`` and ``ttft_again_ms``
        (medians), ``ttft_again_ratio`` (median of the rounds) and ``ttft_again_spread`` (lowest and
        highest round), ``cached_tokens`` (least that the second question took from the cache).
    """
    first_question, second_question = [q.question for q in load_questions("dev")[:2]]
    documents = [document.page_content for document in load_documents()]
    first, again = [], []
    for at in range(rounds):
        # Another beginning: nothing of it is in the cache.
        turned = documents[at % len(documents) :] + documents[: at % len(documents)]
        context = "\n\n".join(turned)[:CONTEXT_CHARACTERS]
        first.append(_first_token(client, context, first_question))
        again.append(_first_token(client, context, second_question))
    ratios = [b[0] / a[0] for a, b in zip(first, again, strict=True)]
    return {
        "context_tokens": min(tokens for _, tokens, _ in first),
        "ttft_first_ms": round(statistics.median(ms for ms, _, _ in first), 1),
        "ttft_again_ms": round(statistics.median(ms for ms, _, _ in again), 1),
        "ttft_again_ratio": round(statistics.median(ratios), 4),
        "ttft_again_spread": [round(min(ratios), 4), round(max(ratios), 4)],
        "cached_tokens": min(cached for _, _, cached in again),
    }


def _first_token(client: OpenAI, context: str, question: str) -> tuple[float, int, int]:
    """Milliseconds to the first token, tokens of the prompt, and those that were cached."""
    messages = [{"role": "system", "content": f"Answer from the context.\n\n{context}"}]
    messages.append({"role": "user", "content": question})
    options = {"stream": True, "stream_options": {"include_usage": True}}
    started, ms = time.perf_counter(), None
    for chunk in client.chat.completions.create(
        model=registry.local_chat().id, messages=messages, max_tokens=4, temperature=0, **options
    ):
        if ms is None and chunk.choices and chunk.choices[0].delta.content:
            ms = 1000 * (time.perf_counter() - started)
        usage = chunk.usage
    return ms, usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens


def adapter_mb(client: OpenAI, pid: int) -> float | None:
    """What one fine-tuned model adds to an endpoint's memory; ``None`` where none is prepared.

    Weights that two engines map are counted once where the system can tell (Linux).
    """
    tuned = prepared_models()
    if not tuned:
        return None
    ask = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
    client.chat.completions.create(model=registry.local_chat().id, **ask)
    before = _held_mb(pid)
    client.chat.completions.create(model=tuned[0].id, **ask)
    return round(_held_mb(pid) - before, 1)


def idle_cpu_s_per_minute(pid: int, seconds: float = IDLE_S) -> float:
    """Seconds of CPU time that an endpoint takes in a minute in which nobody asks anything."""
    process = psutil.Process(pid)
    before = process.cpu_times()
    time.sleep(seconds)
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return round(60 * used / seconds, 3)


def copied_gb_per_s() -> float:
    """How fast one thread copies memory: bytes read plus bytes written, best of five."""
    source = np.ones(COPIED_BYTES // 8)
    target = np.zeros_like(source)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        np.copyto(target, source)
        times.append(time.perf_counter() - started)
    return round(2 * source.nbytes / min(times) / 1e9, 1)


def _held_mb(pid: int) -> float:
    memory = psutil.Process(pid).memory_full_info()
    return getattr(memory, "pss", memory.rss) / 1e6
