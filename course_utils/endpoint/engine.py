"""llama.cpp behind the endpoint: one engine per model, run on threads, cancellable.

Measured with a 135M model on two cores, quiet and beside one other busy process, in tokens/s:

- Answer on one thread 127 and 115; on two threads 148 and 20 to 70, because OpenMP's threads spin
  at their barriers and lose whole time slices to the other process. On another day, on a slower
  machine of the same kind: one thread 44 and 44, two threads 26 and 37 when they never spin, 80 and
  27 when they spin for a moment before they sleep. Two threads also add up in another order: 17 of
  60 answers had other words. So: one core stays free for the rest.
- Prompts are read on all cores, and so are answers made together. Their threads spin for a moment:
  eight answers at once came at 91 tokens/s beside a training, without any spinning at 75; on the
  quiet machine at 131 and 97.
- The text of a greedy answer changed in 15 of 84 cases (12 tokens each) when part of its prompt
  came from the cache, and now and then when another answer was made beside it: sums in another
  order. Without flash attention 2 of 84, at 8 % of the speed. With neither cache nor company it
  never did, to the last digit of its log-probabilities. So an *exact* request reads its whole
  prompt anew and has a copy of the model alone. One unified cache for all slots made the rest
  worse.
"""

import asyncio
import contextlib
import functools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex
from types import ModuleType
from typing import Any

from course_utils.endpoint.errors import ContextLengthError, EndpointError
from course_utils.endpoint.turns import Turns

Chunk = dict[str, Any]

# GOMP_SPINCOUNT: how often a thread of OpenMP looks for work before it sleeps, some 0.1 ms.
SPINS = "3000"
# Prompt tokens read between two looks at whether the client is still there.
PROMPT_STEP_TOKENS = 128


class Engine:
    """One loaded model.

    A request that finds all slots taken waits its turn. A generation that nobody wants any more
    ends within one token (while the prompt is read: within ``PROMPT_STEP_TOKENS``).

    Args:
        model_id: The id under which it answers.
        gguf: Weight file.
        context_tokens: Tokens of prompt and answer together, per request.
        parallel: Requests answered at the same time. Exact ones each need a copy of the model
            alone; as many as the cores suffice for are made when they are first needed, and share
            its weights.
        threads: CPU threads; ``None`` leaves one core free while it answers.
        adapter: LoRA adapter of a fine-tuned model, a GGUF file.
        cache_mb: Memory for prompts that were read and may come again, beside those that the slots
            hold; 23 KB for each token of a 135M model.
    """

    def __init__(
        self,
        model_id: str,
        gguf: Path,
        *,
        context_tokens: int,
        parallel: int,
        threads: int | None,
        adapter: Path | None = None,
        cache_mb: int = 0,
    ) -> None:
        answering = threads or max(1, min(usable_cores() - 1, 4))
        reading = threads or min(usable_cores(), 8)
        xllamacpp = _library(spin_shortly=answering == 1)
        params = xllamacpp.CommonParams()
        params.model.path = str(gguf)
        if adapter:
            params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
        params.n_parallel = parallel
        params.n_ctx = context_tokens * parallel
        params.kv_unified = False
        params.n_batch = params.n_ubatch = PROMPT_STEP_TOKENS
        params.cpuparams.n_threads = answering
        params.cpuparams_batch.n_threads = reading
        params.prefill_assistant = False  # a last assistant message is a turn, not a beginning
        params.cache_ram_mib = cache_mb
        params.fit_params = params.warmup = params.ui = False
        params.verbosity = 0
        # llama.cpp opens a port of its own that we do not use: a free one, locked.
        params.port = 0
        params.api_keys = [token_hex(32)]
        self.model_id = model_id
        self.context_tokens = context_tokens
        self.parallel = parallel
        self.fingerprint = f"xllamacpp-{xllamacpp.__version__}"
        self._server = _started(xllamacpp, params)
        params.n_parallel, params.n_ctx, params.cache_ram_mib = 1, context_tokens, 0
        self._copy = functools.partial(_started, xllamacpp, params)
        self._free = [self._server]  # for an exact request
        copies = max(1, usable_cores() // answering)
        self._threads = ThreadPoolExecutor(
            max(parallel, copies), thread_name_prefix=f"engine-{model_id}"
        )
        self.turns = Turns(parallel, copies)

    def answers(self) -> bool:
        """Make one token, blocking: True when the model really works."""
        body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
        return bool(self.complete(body).get("choices"))

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """One answer, blocking and past the queue: for a check at the start, and for benchmarks."""
        return self._server.handle_chat_completions(body)

    async def collect(
        self, body: dict[str, Any], exact: bool = False, who: str = ""
    ) -> list[Chunk]:
        """All chunks of one answer. Cancel the task to stop the generation.

        Args:
            body: Request in llama.cpp's terms.
            exact: The same request shall give the same text, at the price of its prompt being
                read anew and other requests waiting.
            who: Whose turn it is; everybody gets theirs.

        Raises:
            EndpointError: The engine refuses the request.
        """
        chunks: list[Chunk] = []
        await (await self._start(body, exact, who, chunks.append))
        for chunk in chunks:
            self._check(chunk)
        return chunks

    async def stream(
        self, body: dict[str, Any], exact: bool = False, who: str = ""
    ) -> AsyncIterator[Chunk]:
        """The chunks of one answer as they are made. Close the iterator to stop the generation.

        Args:
            body, exact, who: As for ``collect``.

        Raises:
            EndpointError: The engine refuses the request.
        """
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Chunk | None] = asyncio.Queue()

        def put(chunk: Chunk | None) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, chunk)

        done = await self._start(body, exact, who, put)
        done.add_done_callback(lambda _future: queue.put_nowait(None))
        try:
            while (chunk := await queue.get()) is not None:
                self._check(chunk)
                yield chunk
            await done
        finally:
            done.cancel()

    async def _start(
        self, body: dict[str, Any], exact: bool, who: str, take: Callable[[Chunk], None]
    ) -> asyncio.Future:
        """Wait for a slot and begin. Cancelling the returned future stops the generation."""
        await self.turns.take(exact, who)
        # With progress reports llama.cpp calls back while it still reads the prompt.
        body = {**body, "stream": True, "return_progress": True, "cache_prompt": not exact}
        loop = asyncio.get_running_loop()
        wanted = loop.create_future()

        def on_chunk(chunk: Chunk) -> bool:
            take(chunk)
            return wanted.cancelled()  # llama.cpp stops when this is True

        def run() -> None:
            with self.chosen(exact) as server:
                server.handle_chat_completions(body, on_chunk)

        # The slot is free when llama.cpp has really ended, not when the client has gone.
        def ended(work: asyncio.Future) -> None:
            self.turns.give_back()
            error = work.exception()
            if wanted.done():
                return
            if error is None:
                wanted.set_result(None)
            elif isinstance(error, ValueError):
                wanted.set_exception(_refused(str(error)))
            else:
                wanted.set_exception(error)

        loop.run_in_executor(self._threads, run).add_done_callback(ended)
        return wanted

    @contextlib.contextmanager
    def chosen(self, exact: bool) -> Iterator[Any]:
        """The copy of the model that answers."""
        if not exact:
            yield self._server
            return
        try:
            server = self._free.pop()
        except IndexError:
            server = self._copy()
        try:
            yield server
        finally:
            self._free.append(server)

    def drop_copies(self) -> None:
        """Free the memory of the copies for exact requests, unless somebody is answered."""
        if not self.turns.running:
            self._free = [self._server]

    def _check(self, chunk: Chunk) -> None:
        error = chunk.get("error")
        if error is None:
            return
        if "n_prompt_tokens" in error:
            raise ContextLengthError(error["n_prompt_tokens"], self.context_tokens)
        if error.get("code", 500) >= 500:
            raise EndpointError(
                f"The engine failed: {error.get('message')}", status=500, type="server_error"
            )
        raise _refused(str(error.get("message")))


def _library(spin_shortly: bool) -> ModuleType:
    """llama.cpp. It reads how to wait when it is loaded; processes begun later shall not."""
    told = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & set(os.environ)
    if not spin_shortly or told:
        import xllamacpp
    else:
        os.environ["GOMP_SPINCOUNT"] = SPINS
        import xllamacpp

        del os.environ["GOMP_SPINCOUNT"]
    return xllamacpp


def _started(xllamacpp: ModuleType, params: Any) -> Any:
    """A server whose loop has begun. One that ends before that never does, and its caller waits."""
    server = xllamacpp.Server(params)
    server.handle_completions({"prompt": "Hi", "max_tokens": 1})
    return server


def _refused(reason: str) -> EndpointError:
    if "schema" in reason.lower() or "grammar" in reason.lower():
        message = f"This JSON schema cannot be used: {reason}. Use a simpler one."
        return EndpointError(message, param="response_format")
    return EndpointError(f"The engine refuses the request: {reason}.")


def usable_cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
