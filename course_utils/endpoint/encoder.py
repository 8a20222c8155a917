"""The local embedding model: onnxruntime and tokenizers, no torch."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_utils.endpoint.engine import usable_cores
from course_utils.endpoint.errors import EndpointError

# Texts that are read together, all of one length, before a look at whether the client is still
# there and who else waits. On two cores Acme's passages took 1.6 times as long one by one, texts of
# 12 tokens twice, of 140 the same; batches of 16 and 48 were not faster.
BATCH = 8


@dataclass(frozen=True)
class Encoded:
    """Vectors and what was read for them.

    Attributes:
        vectors: One unit-length float32 row per input.
        tokens: Tokens read per input, the two marker tokens included.
        truncated: Index → length in tokens, for inputs of which only the beginning was read.
    """

    vectors: np.ndarray
    tokens: list[int]
    truncated: dict[int, int]


class Encoder:
    """Text to vectors: mean of the last layer's token vectors, scaled to length 1.

    Args:
        model_id: The id under which it answers.
        onnx, tokenizer: Weight file and ``tokenizer.json``.
        max_tokens: Longer inputs are cut to this many tokens.
        threads: CPU threads; ``None`` means one per core, four at most.
    """

    def __init__(
        self, model_id: str, onnx: Path, tokenizer: Path, *, max_tokens: int, threads: int | None
    ) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or min(usable_cores(), 4)
        # Spinning threads would take the cores from the language model between two batches.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Texts come in many lengths, and plans and buffers are otherwise kept for each: embedding
        # 395 passages took 85 MB instead of 370, in 1.08 of the time.
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        self._turn = asyncio.Lock()
        self.model_id = model_id
        self.max_tokens = max_tokens
        self._session = onnxruntime.InferenceSession(
            str(onnx), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        # Truncation and padding happen here, where they can be counted.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        markers = self._tokenizer.encode("").ids
        self._first, self._last = markers[0], markers[-1]

    @property
    def vocabulary(self) -> int:
        """Number of token ids."""
        return self._tokenizer.get_vocab_size()

    async def encode(self, inputs: list[str] | list[list[int]]) -> Encoded:
        """Embed texts, or lists of this encoder's own token ids (markers are added to those).

        Raises:
            EndpointError: A token id is not in the vocabulary.
        """
        ids, truncated = await asyncio.to_thread(self._tokenize, inputs)
        vectors: dict[int, np.ndarray] = {}
        for batch in _batches([len(item) for item in ids]):
            async with self._turn:
                made = await asyncio.to_thread(self._run, [ids[at] for at in batch])
            vectors |= zip(batch, made, strict=True)
        rows = np.stack([vectors[at] for at in range(len(ids))])
        return Encoded(rows, [len(item) for item in ids], truncated)

    def _tokenize(
        self, inputs: list[str] | list[list[int]]
    ) -> tuple[list[list[int]], dict[int, int]]:
        if isinstance(inputs[0], str):
            ids = [e.ids for e in self._tokenizer.encode_batch(inputs)]
        else:
            ids = [self._with_markers(item, at) for at, item in enumerate(inputs)]
        truncated = {at: len(item) for at, item in enumerate(ids) if len(item) > self.max_tokens}
        for at in truncated:
            ids[at] = [*ids[at][: self.max_tokens - 1], self._last]
        return ids, truncated

    def _with_markers(self, ids: list[int], at: int) -> list[int]:
        wrong = next((i for i in ids if not 0 <= i < self.vocabulary), None)
        if wrong is not None:
            raise EndpointError(
                f"Token id {wrong} is not in the vocabulary of {self.model_id} (0 to "
                f"{self.vocabulary - 1}): send text. LangChain does so with "
                "OpenAIEmbeddings(check_embedding_ctx_length=False).",
                param=f"input[{at}]",
            )
        if ids[0] == self._first and ids[-1] == self._last:
            return ids
        return [self._first, *ids, self._last]

    def _run(self, alike: list[list[int]]) -> np.ndarray:
        """Texts of one length: without padding there is nothing to mask, and a vector depends on
        its text alone. A padded batch of 32 took 3.5 times as long as 32 texts one by one, and
        three times the memory."""
        tokens = np.array(alike, np.int64)
        feed = {
            "input_ids": tokens,
            "attention_mask": np.ones_like(tokens),
            "token_type_ids": np.zeros_like(tokens),
        }
        means = self._session.run(None, feed)[0].mean(axis=1)
        return means / np.linalg.norm(means, axis=1, keepdims=True)


def _batches(lengths: list[int]) -> list[list[int]]:
    """Indices of texts, at most ``BATCH`` of one length together."""
    by_length: dict[int, list[int]] = {}
    for at, length in enumerate(lengths):
        by_length.setdefault(length, []).append(at)
    return [
        alike[start : start + BATCH]
        for alike in by_length.values()
        for start in range(0, len(alike), BATCH)
    ]
