"""The command that serves adapters with vLLM, where there is a GPU.

What vLLM takes was read in its documentation (0.22) and source (``vllm/config/lora.py``,
``vllm/lora/peft_helper.py``, ``vllm/lora/lora_model.py``); it cannot run on the course's machines.
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from course_utils import registry
from course_utils.errors import CourseError
from course_utils.finetune.prepared import found
from course_utils.settings import settings

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
# The linear layers of Llama and Qwen2, the architectures of all bases in the registry.
LAYERS = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
# Fields of adapter_config.json that vLLM refuses, or passes over and computes something else.
PLAIN = {
    "bias": ("none",),
    "modules_to_save": (None, []),
    "use_dora": (None, False),
    "rank_pattern": (None, {}),
    "alpha_pattern": (None, {}),
}
MERGE = (
    "merge it into its base (peft: merge_and_unload(), then save_pretrained()) and serve that "
    "folder without --enable-lora"
)


@dataclass(frozen=True)
class Adapter:
    """A PEFT folder that vLLM can serve.

    Attributes:
        name: What clients pass as ``model=``.
        folder: The folder, absolute.
        base: The hub id or folder of the model that it was trained on, as its configuration has it.
        rank: Its LoRA rank.
    """

    name: str
    folder: Path
    base: str | None
    rank: int


def serve_command(adapters: Sequence[str], base: str | None = None, port: int = 8000) -> list[str]:
    """The command, as a list of arguments.

    Args:
        adapters: Folders, or names of prepared adapters; all of one base.
        base: Hub id or folder of the base, instead of the one that the adapters name.
        port: Where vLLM listens, on loopback.

    Raises:
        CourseError: A folder holds no adapter, vLLM cannot serve it, or the base is not known.
    """
    read = [read_adapter(name) for name in adapters]
    bases = {one.base for one in read}
    if len(bases) > 1 and not base:
        named = ", ".join(sorted(map(str, bases)))
        raise CourseError(
            f"adapters of several bases: {named}", "one vLLM serves one base: a command for each"
        )
    entry = next((m for m in registry.models().values() if {m.id, m.hub_id} & bases), None)
    weights = base or (entry.hub_id if entry else bases.pop())
    if not base and not entry and not (weights and Path(weights).is_dir()):
        raise CourseError(
            f"the adapter's base is {weights!r}, which is not in data/models.toml",
            "name it with --base: an id of the Hugging Face hub, or a folder with its weights",
        )
    if Path(weights).is_dir():
        weights = str(Path(weights).resolve())
    served = entry.id if entry else weights  # the registry's id, so that its facts still hold
    command = ["vllm", "serve", weights, "--served-model-name", served]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    if entry:
        longest = min(entry.context_tokens, settings().context_tokens)
        command += ["--max-model-len", str(longest)]
    command += ["--enable-lora", "--max-loras", str(len(read))]
    command += ["--max-lora-rank", str(_max_rank(max(one.rank for one in read))), "--lora-modules"]
    return command + [
        json.dumps({"name": one.name, "path": str(one.folder), "base_model_name": served})
        for one in read
    ]


def as_text(command: Sequence[str]) -> str:
    """The command for a POSIX shell, an option a line."""
    lines = [["vllm"]]
    for part in command[1:]:
        if part.startswith(("--", "{")):
            lines.append([])
        lines[-1].append(part)
    return " \\\n    ".join(map(shlex.join, lines))


def read_adapter(name: str) -> Adapter:
    """Read a PEFT folder, or a prepared adapter by its name.

    Raises:
        CourseError: It is no LoRA adapter, or one that vLLM cannot serve as such.
    """
    prepared = {one.name: one for one in reversed(found())}
    ours = {one.folder.resolve(): one for one in prepared.values()}
    folder = (prepared[name].folder if name in prepared else Path(name)).resolve()
    file = folder / "adapter_config.json"
    if not file.is_file():
        raise CourseError(
            f"{name} is no folder with an adapter ({file.name} is not in it)",
            "give a folder that PEFT saved, such as .course/endpoint/jobs/<job id>/adapter, or one "
            f"of: {', '.join(sorted(prepared))}",
        )
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CourseError(f"{file} cannot be read: {error}", "save the adapter again") from None
    if config.get("peft_type") != "LORA":
        raise CourseError(f"{folder} holds {config.get('peft_type')}, not LORA", MERGE)
    for field, plain in PLAIN.items():
        if config.get(field, plain[0]) not in plain:
            raise CourseError(
                f"{file} has {field} = {config[field]!r}: vLLM cannot serve that as an adapter",
                MERGE,
            )
    if beyond := {layer for layer in _layers(folder) if layer not in LAYERS}:
        raise CourseError(
            f"{folder} changes {', '.join(sorted(beyond))}: vLLM cannot serve that as an adapter",
            MERGE,
        )
    # A job's adapter lies in a folder of that name.
    own_name = folder.parent.name if folder.name == "adapter" else folder.name
    return Adapter(
        name=ours[folder].model_id if folder in ours else own_name,
        folder=folder,
        base=config.get("base_model_name_or_path"),
        rank=config["r"],
    )


def _layers(folder: Path) -> set[str]:
    """The names of the layers that the weights change; the configuration may name more."""
    from safetensors import SafetensorError, safe_open

    path = folder / "adapter_model.safetensors"
    try:
        with safe_open(path, framework="numpy") as weights:
            keys = list(weights.keys())
    except (OSError, SafetensorError) as error:
        raise CourseError(f"{path} cannot be read: {error}", "save the adapter again") from None
    return {key.partition(".lora_")[0].rpartition(".")[2] for key in keys}


def _max_rank(rank: int) -> int:
    for allowed in RANKS:
        if rank <= allowed:
            return allowed
    raise CourseError(f"rank {rank} is more than vLLM's {RANKS[-1]}", MERGE)
