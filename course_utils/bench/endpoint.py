"""The endpoint against the bare engine, transformers and other servers, on the same weights.

Rounds alternate between them all, so that a noisy machine disturbs them alike; each figure is the
median over the rounds. Each gets a process of its own, because their thread pools slow each other
down in one. The course home is temporary: no endpoint in use is touched.
"""

import os
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec

import psutil
from openai import OpenAI

from course_utils import registry
from course_utils.bench import servers, serving
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
        (endpoint over bare engine), ``overhead`` (share of time that the endpoint adds to the
        engine's, median of the rounds), ``servers`` (for each of ``servers.SERVERS`` its
        ``tokens_per_s`` and the ``ratio`` of the endpoint's to it; ``None`` where its package is
        not installed), ``ttft_ms`` (time to the first token of a short prompt),
        ``rss_mb`` (the endpoint's resident memory after these rounds), ``spread`` (lowest and
        highest round of each rate; ``ratio_spread`` and ``overhead_spread`` likewise),
        ``weights_mb``, ``weights_ratio``, ``weights_gb_per_s`` (read for the tokens made: each one
        needs all) and ``copied_gb_per_s`` (what one thread can move), ``adapter_mb`` and
        ``idle_cpu_s_per_minute``, and what ``serving.asked_again`` returns.

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
                "endpoint": partial(_rate, client, registry.local_chat().id),
                "engine": engine,
                "transformers": transformers,
            }
            for name in servers.installed():
                contenders[name] = partial(_rate, *stack.enter_context(servers.serving(name)))
                contenders[name]()  # warm-up
            contenders["endpoint"]()
            rates: dict[str, list[float]] = {name: [] for name in contenders}
            first: list[float] = []
            for _ in range(rounds):
                for name, contender in contenders.items():
                    rates[name].append(contender())
                first.append(_first_token_ms(client))
            rss_mb = psutil.Process(endpoint.pid).memory_info().rss / 1e6
            more = serving.asked_again(client, rounds)
            more["adapter_mb"] = serving.adapter_mb(client, endpoint.pid)
            more["idle_cpu_s_per_minute"] = serving.idle_cpu_s_per_minute(endpoint.pid)
        finally:
            process.stop()
    median = {name: statistics.median(values) for name, values in rates.items()}
    added = [bare / ours - 1 for bare, ours in zip(rates["engine"], rates["endpoint"], strict=True)]
    ratios = [a / b for a, b in zip(rates["endpoint"], rates["transformers"], strict=True)]
    compared = {
        name: {
            "tokens_per_s": round(median[name], 1),
            "ratio": round(median["endpoint"] / median[name], 1),
        }
        for name in servers.SERVERS
        if name in median
    }
    chat = registry.local_chat()
    read = {"endpoint": registry.model_path(chat, "gguf").stat().st_size}
    read["transformers"] = 4 * chat.parameters  # fp32
    return {
        "start_s": round(start_s, 2),
        "tokens_per_s": round(median["endpoint"], 1),
        "transformers_tokens_per_s": round(median["transformers"], 1),
        "ratio": round(median["endpoint"] / median["transformers"], 1),
        "ratio_spread": [round(min(ratios), 1), round(max(ratios), 1)],
        "servers": dict.fromkeys(servers.SERVERS) | compared,
        "engine_ratio": round(median["endpoint"] / median["engine"], 3),
        "overhead": round(statistics.median(added), 3),
        "overhead_spread": [round(min(added), 3), round(max(added), 3)],
        "ttft_ms": round(statistics.median(first), 1),
        "rss_mb": round(rss_mb),
        "spread": {name: [round(min(v), 1), round(max(v), 1)] for name, v in rates.items()},
        "weights_mb": {name: round(size / 1e6) for name, size in read.items()},
        "weights_ratio": round(read["transformers"] / read["endpoint"], 1),
        "weights_gb_per_s": {n: round(median[n] * size / 1e9, 1) for n, size in read.items()},
        "copied_gb_per_s": serving.copied_gb_per_s(),
        **more,
    }


def _request(tokens: int) -> dict:
    return {"messages": MESSAGES, "max_tokens": tokens, "temperature": 0}


def _rate(client: OpenAI, model: str) -> float:
    """Tokens per second of a server, the reading of the prompt included."""
    started = time.perf_counter()
    response = client.chat.completions.create(model=model, **_request(NEW_TOKENS))
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
