"""A PEFT adapter as a GGUF file for llama.cpp; needs no torch."""

import json
from pathlib import Path
from secrets import token_hex

import numpy as np

from course_utils.errors import CourseError
from course_utils.weights import note_checksum

# Model types whose query and key rows llama.cpp keeps in another order: halves of each head
# interleaved, for its way of rotating positions.
INTERLEAVED = {"llama"}


def base_shape(base: Path) -> dict:
    """What the export has to know of a base model.

    Args:
        base: Folder of the base model.
    """
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    wanted = ("model_type", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
    return {name: config[name] for name in wanted}


def export_gguf(adapter: Path, shape: dict, target: Path) -> Path:
    """Write a LoRA adapter in llama.cpp's format.

    Args:
        adapter: Folder with ``adapter_config.json`` and ``adapter_model.safetensors``.
        shape: The base's, from ``base_shape``.
        target: GGUF file to write, atomically; its checksum is noted beside it.

    Returns:
        ``target``.

    Raises:
        CourseError: The adapter changes something that llama.cpp's adapters cannot.
    """
    import gguf
    from safetensors.numpy import load_file

    lora = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    kind = shape["model_type"]
    architectures = {name: arch for arch, name in gguf.MODEL_ARCH_NAMES.items()}
    names = gguf.get_tensor_name_map(architectures[kind], shape["num_hidden_layers"])
    # A notebook and the endpoint may both export an adapter that has just been made.
    aside = target.with_name(f".{target.name}.{token_hex(4)}")
    writer = gguf.GGUFWriter(aside, kind)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(lora["lora_alpha"]))
    heads = {"q_proj": shape["num_attention_heads"], "k_proj": shape["num_key_value_heads"]}
    for key, tensor in sorted(load_file(adapter / "adapter_model.safetensors").items()):
        module, _, part = key.removeprefix("base_model.model.").partition(".lora_")
        name = names.get_name(module)
        if name is None or part not in ("A.weight", "B.weight"):
            raise CourseError(
                f"llama.cpp's adapters have no place for {key}",
                "train with LoRA on linear layers only (the default of TrainingConfig)",
            )
        layer = module.rpartition(".")[2]
        if part == "B.weight" and kind in INTERLEAVED and layer in heads:
            tensor = _interleave(tensor, heads[layer])
        writer.add_tensor(f"{name}.weight.lora_{part[0].lower()}", tensor.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    note_checksum(target, of=aside)
    aside.replace(target)
    return target


def _interleave(rows: np.ndarray, heads: int) -> np.ndarray:
    """Reorder output rows, shape ``(heads * head_size, r)``, from halves to pairs per head."""
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, rows.shape[1])
    return halves.swapaxes(1, 2).reshape(rows.shape)
