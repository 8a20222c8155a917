"""The weights that training starts from.

transformers refuses to train a model that it loaded from a GGUF file. So the weights of a local
chat model are de-quantised once and kept as an ordinary model folder. They are those of the
endpoint, rounding included: what an adapter learns fits the engine that will use it.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from course_utils import registry
from course_utils.errors import CourseError
from course_utils.registry import Model
from course_utils.settings import REPO, settings
from course_utils.weights import is_damaged, note_checksum, sound_path


def base_folder(model: Model) -> Path:
    """Where the training weights and the tokenizer of a local chat model lie, once prepared."""
    return settings().home / "bases" / model.id


def is_prepared(model: Model) -> bool:
    """True when ``prepare_base`` has nothing to do: the weights are there, as they were made."""
    folder = base_folder(model)
    return folder.exists() and not any(map(is_damaged, folder.glob("*.safetensors")))


def prepare_base(model: Model) -> Path:
    """De-quantise a local chat model for training; 20 seconds for the default one, once.

    It happens in a process of its own: torch's memory is gone afterwards, and so is its chatter.

    Args:
        model: A chat model with a GGUF file.

    Returns:
        A folder for ``from_pretrained``: bfloat16 weights, tokenizer, chat template.

    Raises:
        CourseError: The training packages are missing, or the model's weights are, or it cannot be
            de-quantised.
    """
    folder = base_folder(model)
    if not is_prepared(model):
        registry.model_path(model, "gguf")
        require_train_extra()
        command = [sys.executable, "-m", "course_utils.finetune.base", model.id]
        done = subprocess.run(command, cwd=REPO, capture_output=True, text=True)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise CourseError(
                f"{model.id} could not be prepared for training: {last}",
                f"`course doctor` checks disk and memory; `course models prepare {model.id}` "
                "renews its weights",
            )
    return folder


def _prepare(model: Model) -> None:
    folder = base_folder(model)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f"{folder.name}.lock"):
        if not is_prepared(model):
            shutil.rmtree(folder, ignore_errors=True)  # damaged
            aside = folder.parent / f".aside-{folder.name}"
            shutil.rmtree(aside, ignore_errors=True)  # of a run that was killed
            _dequantise(sound_path(model, "gguf"), aside)
            for weights in aside.glob("*.safetensors"):
                note_checksum(weights)
            aside.rename(folder)


def require_train_extra() -> None:
    """Raise a CourseError unless the packages of the ``train`` extra are there."""
    from importlib.util import find_spec

    missing = [
        name for name in ("torch", "transformers", "peft", "trl", "gguf") if not find_spec(name)
    ]
    if missing:
        raise CourseError(
            f"training needs packages that are not installed: {', '.join(missing)}",
            "run `make setup`, or `pip install 'rag-or-fine-tuning[train]'`",
        )


def _dequantise(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name}
    model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.bfloat16)
    # Otherwise the saved folder would still call itself quantised.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(**where).save_pretrained(folder)


if __name__ == "__main__":
    _prepare(registry.model(sys.argv[1]) if sys.argv[1:] else registry.local_chat())
