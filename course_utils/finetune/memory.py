"""What a training step keeps in memory, by arithmetic: weights, gradients, optimiser, activations.

The first three are exact. Activations depend on the implementation; the estimate counts what the
backward pass of a Llama-like layer needs: ``KEPT_HIDDEN`` vectors of the hidden size and
``KEPT_INTERMEDIATE`` of the MLP's size per token, 2 bytes a number, attention without its matrix
(FlashAttention or SDPA), and the logits in three copies: 16 bits, 32 bits, gradient.
"""

import ctypes
import platform
import sys
from dataclasses import dataclass, field
from pathlib import Path

DTYPE_BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0}
# QLoRA (Dettmers et al., 2023): 4 bits, and the scale of each block of 64 weights as 8 bits, those
# in turn with a 32-bit scale per 256.
NF4_BYTES = (4 + 8 / 64 + 32 / (64 * 256)) / 8
ADAM_MOMENTS = 2
KEPT_HIDDEN, KEPT_INTERMEDIATE = 10, 4
LOGIT_BYTES = 2 + 4 + 4
# malloc.h: M_ARENA_MAX, M_MMAP_THRESHOLD and M_TRIM_THRESHOLD, the latter two in bytes.
_MALLOC = {-8: 2, -3: 4 << 20, -1: 32 << 20}

# Llama 3.1 8B: the fields of its config.json on the hub that decide its size, as LlamaConfig takes
# them ("The Llama 3 Herd of Models", 2024, table 3).
LLAMA_8B = {
    "hidden_size": 4096,
    "intermediate_size": 14_336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128_256,
    "max_position_embeddings": 131_072,
    "tie_word_embeddings": False,
}


@dataclass(frozen=True)
class TrainingMemory:
    """Memory of one training step, in bytes."""

    weights: int
    gradients: int
    optimiser: int
    activations: int
    total: int = field(init=False)

    def __post_init__(self) -> None:
        total = self.weights + self.gradients + self.optimiser + self.activations
        object.__setattr__(self, "total", total)


def training_memory(
    shape: dict,
    frozen: int,
    trainable: int,
    *,
    dtype: str = "bfloat16",
    trained_dtype: str = "float32",
    batch: int = 1,
    tokens: int = 512,
    checkpointing: bool = False,
) -> TrainingMemory:
    """Memory of a step with AdamW.

    Args:
        shape: Fields of the model's configuration, such as ``LLAMA_8B``.
        frozen: Parameters that stay as they are: 0 for full fine-tuning, the base's for LoRA.
        trainable: Parameters that are trained: the base's, or the adapters'.
        dtype: Of the frozen weights: ``float32``, ``bfloat16``, ``float16`` or ``nf4`` (QLoRA: the
            linear layers in 4 bits, embedding and head in 16).
        trained_dtype: Of the trained weights, their gradients and their moments.
        batch: Examples per forward pass.
        tokens: Tokens per example, padding included.
        checkpointing: Keep only each layer's input and compute the rest again (a third more work).
    """
    size = DTYPE_BYTES[trained_dtype]
    return TrainingMemory(
        weights=round(_frozen_bytes(shape, frozen, dtype) + trainable * size),
        gradients=round(trainable * size),
        optimiser=round(trainable * size * ADAM_MOMENTS),
        activations=_activation_bytes(shape, batch * tokens, checkpointing),
    )


def _frozen_bytes(shape: dict, frozen: int, dtype: str) -> float:
    if dtype != "nf4":
        return frozen * DTYPE_BYTES[dtype]
    tables = 1 if shape["tie_word_embeddings"] else 2
    sixteen_bit = min(frozen, tables * shape["vocab_size"] * shape["hidden_size"])
    return sixteen_bit * DTYPE_BYTES["bfloat16"] + (frozen - sixteen_bit) * NF4_BYTES


def _activation_bytes(shape: dict, tokens: int, checkpointing: bool) -> int:
    hidden, layers = shape["hidden_size"], shape["num_hidden_layers"]
    layer = 2 * (KEPT_HIDDEN * hidden + KEPT_INTERMEDIATE * shape["intermediate_size"])
    kept = layers * 2 * hidden + layer if checkpointing else layers * layer
    return tokens * (kept + shape["vocab_size"] * LOGIT_BYTES)


def return_freed_memory() -> None:
    """Have large freed tensors go back to the system at once (Linux with glibc; elsewhere nothing).

    Batches of many shapes leave glibc with blocks that fit none, and it keeps them. Measured on a
    training of 100 replies: 1.26 GB at the peak instead of 1.46, at the same speed. (Giving back
    small blocks too, as the endpoint does, makes a step half as long again.)
    """
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        for parameter, value in _MALLOC.items():
            mallopt(parameter, value)


def peak_mb() -> float:
    """Highest resident memory of this process so far, in MB."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 1e6
    status = Path("/proc/self/status")
    if status.exists():  # on Linux ru_maxrss begins with that of the process that started this one
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # macOS: in bytes
