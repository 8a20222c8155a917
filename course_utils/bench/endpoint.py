"""The endpoint against the bare engine and against transformers, on the same weights, in one run.

Rounds alternate between the three, so that a noisy machine disturbs them alike; each figure is the
median over the rounds. Engine and transformers get a process of their own, because their thread
pools slow each other down in one. The course home is temporary: no endpoint in use is touched.
"""

import os
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec

import psutil
from openai import OpenAI

from course_utils import registry
from course_utils.bench.contender import in_own_process
from course_utils.bench.home import own_home
from course_utils.endpoint import process
from course_utils.errors import CourseError
from course_utils.settings import LOCAL_KEY

ROUNDS = 5
NEW_TOKENS = 96
MESSAGES = [
    {"role": "user", "content": "Write a long story about a lighthouse keeper and a lost ship."}
]


def measure(rounds: int = ROUNDS) -> dict:
    """Run the benchmark.

    Returns:
        ``start_s`` (cold start to the first ready answer), ``tokens_per_s``,
        ``transformers_tokens_per_s``, ``ratio`` (the first over the second), ``engine_ratio``
        (endpoint over bare engine), ``ttft_ms`` (time to the first token), ``rss_mb`` (the
        endpoint's resident memory after the run), ``spread`` (lowest and highest round of each).

    Raises:
        CourseError: The training extra, which holds transformers, is not installed.
    """
    if find_spec("transformers") is None:
        raise CourseError(
            "transformers is not installed, and this benchmark compares with it",
            "run `make setup`, or pip install -e '.[train]'",
        )
    with ExitStack() as stack:
        stack.enter_context(own_home())
        engine = stack.enter_context(in_own_process(_engine))
        transformers = stack.enter_context(in_own_process(_transformers))
        engine(), transformers()  # loaded and warm, so that the start below has the machine alone
        started = time.perf_counter()
        endpoint = process.ensure_running()
        start_s = time.perf_counter() - started
        try:
            client = OpenAI(base_url=endpoint.base_url, api_key=LOCAL_KEY)
            contenders = {
                "endpoint": lambda: _endpoint_rate(client),
                "engine": engine,
                "transformers": transformers,
            }
            _endpoint_rate(client)  # warm-up
            rates: dict[str, list[float]] = {name: [] for name in contenders}
            first: list[float] = []
            for _ in range(rounds):
                for name, contender in contenders.items():
                    rates[name].append(contender())
                first.append(_first_token_ms(client))
            rss_mb = psutil.Process(endpoint.pid).memory_info().rss / 1e6
        finally:
            process.stop()
    median = {name: statistics.median(values) for name, values in rates.items()}
    return {
        "start_s": round(start_s, 2),
        "tokens_per_s": round(median["endpoint"], 1),
        "transformers_tokens_per_s": round(median["transformers"], 1),
        "ratio": round(median["endpoint"] / median["transformers"], 1),
        "engine_ratio": round(median["endpoint"] / median["engine"], 3),
        "ttft_ms": round(statistics.median(first), 1),
        "rss_mb": round(rss_mb),
        "spread": {name: [round(min(v), 1), round(max(v), 1)] for name, v in rates.items()},
    }


def _request(tokens: int) -> dict:
    return {"messages": MESSAGES, "max_tokens": tokens, "temperature": 0}


def _endpoint_rate(client: OpenAI) -> float:
    started = time.perf_counter()
    response = client.chat.completions.create(
        model=registry.local_chat().id, **_request(NEW_TOKENS)
    )
    return response.usage.completion_tokens / (time.perf_counter() - started)


def _first_token_ms(client: OpenAI) -> float:
    started = time.perf_counter()
    stream = client.chat.completions.create(
        model=registry.local_chat().id, stream=True, **_request(4)
    )
    next(chunk for chunk in stream if chunk.choices and chunk.choices[0].delta.content)
    elapsed = 1000 * (time.perf_counter() - started)
    stream.close()
    return elapsed


def _engine() -> Callable[[], float]:
    """Tokens per second of the engine with the endpoint's own parameters, no HTTP around it."""
    os.environ |= process.ENVIRONMENT
    from course_utils.endpoint.catalog import load_engine

    engine = load_engine(registry.local_chat())

    def rate() -> float:
        started = time.perf_counter()
        answer = engine.complete(_request(NEW_TOKENS))
        return answer["usage"]["completion_tokens"] / (time.perf_counter() - started)

    return rate


def _transformers() -> Callable[[], float]:
    """Tokens per second of greedy ``generate`` in fp32 on the file's de-quantised weights."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = registry.model_path(registry.local_chat(), "gguf")
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32
    )
    inputs = tokenizer.apply_chat_template(
        MESSAGES, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    length = inputs["input_ids"].shape[1]

    def rate() -> float:
        started = time.perf_counter()
        with torch.inference_mode():
            made = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False)
        return (made.shape[1] - length) / (time.perf_counter() - started)

    return rate
