"""From a chat request to what the engine understands, and from its chunks to OpenAI's answers."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from secrets import token_hex
from typing import Any

from course_utils.endpoint.engine import Chunk, Engine
from course_utils.endpoint.errors import EndpointError
from course_utils.endpoint.schemas import ChatRequest

# At temperature 0 a small model can repeat itself for ever: an answer ends somewhere.
DEFAULT_MAX_TOKENS = 512


def engine_body(request: ChatRequest, engine: Engine, choice: int = 0) -> dict[str, Any]:
    """The request in llama.cpp's terms, with OpenAI's defaults and none of llama.cpp's.

    Args:
        request: A checked request.
        engine: Who will answer.
        choice: Index among ``n`` answers; each has a seed of its own.

    Raises:
        EndpointError: More new tokens are asked for than the context has.
    """
    limit = request.limit()
    if limit is not None and limit > engine.context_tokens:
        raise EndpointError(
            f"max_tokens is too large: {limit}. This model's context is {engine.context_tokens} "
            "tokens, prompt and answer together.",
            param="max_completion_tokens" if request.max_completion_tokens else "max_tokens",
        )
    body: dict[str, Any] = {
        "messages": [
            {"role": "system" if m.role == "developer" else m.role, "content": m.text()}
            for m in request.messages
        ],
        "max_tokens": limit or DEFAULT_MAX_TOKENS,
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "presence_penalty": request.presence_penalty or 0.0,
        "frequency_penalty": request.frequency_penalty or 0.0,
        # Only these three, so that a temperature means here what it means at OpenAI.
        "samplers": ["penalties", "temperature", "top_p"],
        "stream_options": {"include_usage": True},
    }
    if request.seed is not None:
        body["seed"] = (request.seed + choice) % 0xFFFFFFFF  # the largest one means "random"
    if request.stop:
        body["stop"] = [request.stop] if isinstance(request.stop, str) else request.stop
    if request.logprobs:
        # llama.cpp needs at least one alternative to report anything; it is cut off again below.
        body |= {"logprobs": True, "top_logprobs": max(request.top_logprobs or 0, 1)}
    form = request.response_format
    if form and form.type != "text":
        body["response_format"] = form.model_dump(by_alias=True, exclude_none=True)
    return body


async def complete(
    request: ChatRequest, engine: Engine, who: str, made: Callable[[str, int], None]
) -> dict[str, Any]:
    """The whole answer: OpenAI's ``chat.completion`` object.

    Args:
        request: A checked request.
        engine: Who answers.
        who: Who asks.
        made: Is told who got how many tokens, once they are made.

    Raises:
        EndpointError: The engine refuses the request.
    """
    bodies = [engine_body(request, engine, choice) for choice in range(request.n or 1)]
    exact = request.seed is not None
    tasks = [asyncio.create_task(engine.collect(body, exact, who)) for body in bodies]
    try:
        answers = await asyncio.gather(*tasks)
    finally:
        for task in tasks:  # one refused: the others need not go on
            task.cancel()
    choices, usage = [], None
    for index, chunks in enumerate(answers):
        choices.append(_choice(index, chunks, request))
        usage = _add_usage(usage, _usage(chunks))
    made(who, usage["completion_tokens"])
    return {**_head(engine, "chat.completion"), "choices": choices, "usage": usage}


async def stream(
    request: ChatRequest, engine: Engine, who: str, made: Callable[[str, int], None]
) -> AsyncIterator[dict[str, Any]]:
    """The answer in ``chat.completion.chunk`` objects, of several choices interleaved.

    Args:
        request, engine, who, made: As for ``complete``.

    Raises:
        EndpointError: The engine refuses the request (before the first chunk).
    """
    head = _head(engine, "chat.completion.chunk")
    wants_usage = bool(request.stream_options and request.stream_options.include_usage)
    if wants_usage:
        head["usage"] = None
    usage = None
    async for index, chunk in _merged(request, engine, who):
        if "usage" in chunk:
            made(who, chunk["usage"]["completion_tokens"])
            usage = _add_usage(usage, _plain_usage(chunk))
        if not chunk.get("choices") or "prompt_progress" in chunk:
            continue
        part = chunk["choices"][0]
        delta, finish = part["delta"], part["finish_reason"]
        if "role" in delta:
            delta = {"role": "assistant", "content": "", "refusal": None}
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        if request.logprobs and part.get("logprobs"):
            choice["logprobs"] = _logprobs(part["logprobs"]["content"], request)
        yield {**head, "choices": [choice]}
    if wants_usage:
        yield {**head, "choices": [], "usage": usage}


async def _merged(
    request: ChatRequest, engine: Engine, who: str
) -> AsyncIterator[tuple[int, Chunk]]:
    """The chunks of all choices, each with its choice's index."""
    bodies = [engine_body(request, engine, choice) for choice in range(request.n or 1)]
    exact = request.seed is not None
    if len(bodies) == 1:
        source = engine.stream(bodies[0], exact, who)
        try:
            async for chunk in source:
                yield 0, chunk
        finally:
            await source.aclose()
        return
    queue: asyncio.Queue[tuple[int, Chunk | Exception | None]] = asyncio.Queue()

    async def pump(index: int, body: dict[str, Any]) -> None:
        try:
            async for chunk in engine.stream(body, exact, who):
                queue.put_nowait((index, chunk))
            queue.put_nowait((index, None))
        except Exception as error:
            queue.put_nowait((index, error))

    tasks = [asyncio.create_task(pump(index, body)) for index, body in enumerate(bodies)]
    try:
        left = len(tasks)
        while left:
            index, item = await queue.get()
            if item is None:
                left -= 1
            elif isinstance(item, Exception):
                raise item
            else:
                yield index, item
    finally:
        for task in tasks:
            task.cancel()


def _head(engine: Engine, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{token_hex(12)}",
        "object": kind,
        "created": int(time.time()),
        "model": engine.model_id,
        "system_fingerprint": engine.fingerprint,
    }


def _choice(index: int, chunks: list[Chunk], request: ChatRequest) -> dict[str, Any]:
    parts = [c["choices"][0] for c in chunks if c.get("choices") and "prompt_progress" not in c]
    text = "".join(part["delta"].get("content") or "" for part in parts)
    finish = next((p["finish_reason"] for p in reversed(parts) if p["finish_reason"]), "stop")
    logprobs = None
    if request.logprobs:
        found = [t for p in parts if p.get("logprobs") for t in p["logprobs"]["content"]]
        logprobs = _logprobs(found, request)
    message = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish}


def _logprobs(tokens: list[dict[str, Any]], request: ChatRequest) -> dict[str, Any]:
    names = ("token", "logprob", "bytes")
    content = []
    for token in tokens:
        best = token["top_logprobs"][: request.top_logprobs or 0]
        plain = {name: token[name] for name in names}
        plain["top_logprobs"] = [{name: other[name] for name in names} for other in best]
        content.append(plain)
    return {"content": content, "refusal": None}


def _usage(chunks: list[Chunk]) -> dict[str, Any]:
    return _plain_usage(next(c for c in reversed(chunks) if "usage" in c))


def _plain_usage(chunk: Chunk) -> dict[str, Any]:
    usage = chunk["usage"]
    cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
    return {
        "prompt_tokens": usage["prompt_tokens"],
        "completion_tokens": usage["completion_tokens"],
        "total_tokens": usage["total_tokens"],
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def _add_usage(total: dict[str, Any] | None, more: dict[str, Any]) -> dict[str, Any]:
    """The prompt counts once, as at OpenAI, the answers of all choices add up."""
    if total is None:
        return more
    total["completion_tokens"] += more["completion_tokens"]
    total["total_tokens"] += more["completion_tokens"]
    return total
