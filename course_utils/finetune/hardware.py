"""What this machine has, and what to train on it."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from course_utils import registry
from course_utils.registry import Model

COLAB_MENU = (
    "On Colab a GPU is free: Runtime → Change runtime type → T4 GPU → Save, "
    "then run the lesson from the top."
)
# bfloat16 came with Ampere; older GPUs only emulate it, slower than float32.
BF16_COMPUTE = (8, 0)
# A card's driver keeps some of its memory: a "24 GB" card offers from 23 GB on.
USABLE_SHARE = 0.95
# Of the registry's memory_mb (LoRA on 16-bit weights, one example of 512 tokens at a time): what
# QLoRA needs, and what each further example adds. Notebook 04 does the arithmetic.
QLORA_SHARE, EXAMPLE_SHARE = 1 / 3, 1 / 6
MAX_MICRO_BATCH = 16
CPU_MICRO_BATCH = 2


@dataclass(frozen=True)
class Gpu:
    """A CUDA device.

    Attributes:
        name: As the driver says it.
        memory_gb: Memory in GB (1e9 bytes).
        compute: Compute capability, major and minor.
    """

    name: str
    memory_gb: float
    compute: tuple[int, int]

    @property
    def bf16(self) -> bool:
        """True when it computes in bfloat16 itself."""
        return self.compute >= BF16_COMPUTE


@dataclass(frozen=True)
class Machine:
    """Hardware that decides how to train.

    Attributes:
        cores: CPU cores.
        memory_gb: Main memory in GB (1e9 bytes).
        cpu_bf16: The CPU computes in bfloat16 itself (AVX512-BF16 or AMX).
        gpu: The first GPU, if there is one.
        colab: It is a Google Colab runtime.
    """

    cores: int
    memory_gb: float
    cpu_bf16: bool
    gpu: Gpu | None = None
    colab: bool = False

    @property
    def dtype(self) -> str:
        """The fastest dtype that it computes in, as torch names it.

        bfloat16 where the hardware has it (such a CPU trains more than twice as fast as in
        float32, at half the memory), float16 on older GPUs such as the T4, else float32.
        """
        if self.gpu:
            return "bfloat16" if self.gpu.bf16 else "float16"
        return "bfloat16" if self.cpu_bf16 else "float32"

    @property
    def advice(self) -> str:
        """How to get a GPU, where there is none; else empty."""
        if self.gpu:
            return ""
        return COLAB_MENU if self.colab else f"No GPU here, and none is needed. {COLAB_MENU}"

    def __str__(self) -> str:
        bf16 = "with" if self.cpu_bf16 else "without"
        cpu = f"CPU: {self.cores} cores, {self.memory_gb:.0f} GB, {bf16} bfloat16"
        if not self.gpu:
            return f"{cpu}\nGPU: none"
        bf16 = "with" if self.gpu.bf16 else "without"
        major, minor = self.gpu.compute
        return (
            f"{cpu}\nGPU: {self.gpu.name}, {self.gpu.memory_gb:.0f} GB, "
            f"compute capability {major}.{minor}, {bf16} bfloat16"
        )


@dataclass(frozen=True)
class Choice:
    """What to train on a machine.

    Attributes:
        base: The model whose copy learns.
        dtype: Of its weights, as torch names it.
        qlora: Keep the frozen weights in 4 bits (bitsandbytes NF4), and compute activations again
            in the backward pass rather than keep them.
        micro_batch: Examples (of 512 tokens on a GPU, 128 on a CPU) that are computed at once.
    """

    base: Model
    dtype: str
    qlora: bool
    micro_batch: int

    def __str__(self) -> str:
        how = "QLoRA on 4-bit weights, computing" if self.qlora else "LoRA"
        return f"{self.base.name}: {how} in {self.dtype}, micro-batch {self.micro_batch}"


def probe() -> Machine:
    """Look at this machine; needs torch."""
    import torch

    gpu = None
    if torch.cuda.is_available():
        found = torch.cuda.get_device_properties(0)
        gpu = Gpu(found.name, found.total_memory / 1e9, (found.major, found.minor))
    return Machine(
        cores=psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        memory_gb=psutil.virtual_memory().total / 1e9,
        cpu_bf16=torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported(),
        gpu=gpu,
        colab=_is_colab(),
    )


def choose(machine: Machine, granted: Callable[[Model], bool] | None = None) -> Choice:
    """The largest base of the registry that this machine can train, and how.

    Args:
        machine: From ``probe()``, or made up.
        granted: Whether a model's weights can be had; the default asks the hub.
    """
    local = registry.local_chat()
    if machine.gpu is None:
        return Choice(local, machine.dtype, False, CPU_MICRO_BATCH)
    granted = granted or hub_grants
    usable_mb = 1000 * machine.gpu.memory_gb / USABLE_SHARE
    bases = [m for m in registry.models().values() if m.runs == "gpu" and m.role == "chat"]
    for base in sorted(bases, key=lambda base: base.parameters, reverse=True):
        qlora = base.memory_mb > usable_mb
        needed_mb = base.memory_mb * (QLORA_SHARE if qlora else 1)
        # Older GPUs lack what makes 4-bit weights worth it: a fast 16-bit type with a wide range.
        if needed_mb > usable_mb or (qlora and not machine.gpu.bf16) or not granted(base):
            continue
        micro = 1 + int((usable_mb - needed_mb) / (base.memory_mb * EXAMPLE_SHARE))
        return Choice(base, machine.dtype, qlora, _power_of_two(micro))
    return Choice(local, machine.dtype, False, CPU_MICRO_BATCH)


def hub_grants(model: Model) -> bool:
    """True when the model's weights are in the hub's cache here, or the hub would send them.

    Where it would not, or does not answer within ten seconds, a printed line says so.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache

    if isinstance(try_to_load_from_cache(model.hub_id, "config.json"), str):
        return True
    try:
        get_hf_file_metadata(hf_hub_url(model.hub_id, "config.json"))
    # The hub's client hands the errors of its HTTP library through, another one in each version.
    except Exception:
        print(f"{model.name} stays out: the hub is out of reach, or asks for a login.")
        return False
    return True


def _power_of_two(examples: int) -> int:
    """The largest one that is not above: so batches divide evenly."""
    return min(MAX_MICRO_BATCH, 1 << (examples.bit_length() - 1))


def _is_colab() -> bool:
    try:
        return importlib.util.find_spec("google.colab") is not None
    except ModuleNotFoundError:  # there is no package "google" at all
        return False
