"""The training worker: ``python -m course_utils.finetune.train FOLDER``.

It reads ``FOLDER/config.json`` and leaves everything it makes in ``FOLDER``; CONTRIBUTING.md lists
the files. Killed at any moment and started again it goes on from its last checkpoint. For more
than one process start it with ``accelerate launch --config_file … -m``.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from contextlib import nullcontext
from pathlib import Path
from pickle import PickleError
from typing import NoReturn

import psutil
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open

from course_utils import registry
from course_utils.errors import CourseError
from course_utils.finetune.base import base_folder
from course_utils.finetune.config import TrainingConfig
from course_utils.finetune.memory import return_freed_memory
from course_utils.settings import write_atomic

STOPPED = 75  # exit status: asked to stop, a checkpoint is saved (EX_TEMPFAIL)
LOCK_TIMEOUT_S = 15
KEPT_CHECKPOINTS = 3


def run(folder: Path) -> bool:
    """Train what ``folder/config.json`` says.

    Args:
        folder: The job's folder.

    Returns:
        True when it is finished, False when it was asked to stop and can go on later.

    Raises:
        CourseError: It cannot be trained; the message says why.
    """
    config = TrainingConfig.model_validate_json((folder / "config.json").read_text("utf-8"))
    from course_utils.finetune.progress import Progress, save_result
    from course_utils.finetune.trainer import build_trainer, trained_tokens

    progress = Progress(folder)
    signal.signal(signal.SIGTERM, lambda *_: setattr(progress, "stop_requested", True))
    began = time.monotonic()
    trainer = build_trainer(config, folder / "trainer", [progress])
    trainer.add_callback(_checkpoint_callback(folder, config))
    checkpoint = last_checkpoint(folder / "trainer")
    if checkpoint and trainer.is_world_process_zero():
        progress.say(f"Going on from step {checkpoint.name.partition('-')[2]}")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if trainer.state.global_step < trainer.state.max_steps:
        return False
    if trainer.is_world_process_zero():
        _save_adapter(last_checkpoint(folder / "trainer"), folder, config)
        save_result(folder, trainer.state.log_history)
        done = {
            "trained_tokens": trained_tokens(config),
            "steps": trainer.state.global_step,
            "seconds": round(time.monotonic() - began, 1),
        }
        write_atomic(folder / "done.json", json.dumps(done) + "\n")
    return True


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint; damaged ones, and those with code in them, are removed."""
    found = sorted(
        folder.glob("checkpoint-*"), key=lambda path: int(path.name.partition("-")[2]), reverse=True
    )
    for path in found:
        try:
            json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))  # written last
            _load_as_data(path)
        except (OSError, ValueError, RuntimeError, EOFError, PickleError, SafetensorError) as error:
            print(f"{path} cannot be used: {error}", file=sys.stderr)  # into the training's log
            shutil.rmtree(path, ignore_errors=True)
        else:
            return path
    return None


def _load_as_data(checkpoint: Path) -> None:
    """Raise unless a checkpoint's parts can be read, by readers that run no code from a file."""
    import torch
    from transformers.trainer_pt_utils import safe_globals

    with safe_open(checkpoint / "adapter_model.safetensors", "pt"):
        pass  # the sizes that its header names are those of the file
    for path in (*checkpoint.glob("*.pt"), *checkpoint.glob("*.pth")):
        with safe_globals():  # Trainer allows the same ones: the state of numpy's random numbers
            torch.load(path, map_location="cpu", weights_only=True)


def _checkpoint_callback(folder: Path, config: TrainingConfig):
    """After each of the last epochs, a model that can be used (OpenAI keeps three as well)."""
    from transformers import TrainerCallback

    from course_utils.finetune.progress import append_line, openai_metrics

    class Checkpoints(TrainerCallback):
        def on_save(self, args, state, control, **kwargs) -> None:
            if not state.is_world_process_zero:
                return
            step, epoch = state.global_step, round(state.epoch, 6)
            if epoch != int(epoch) or epoch <= config.n_epochs - KEPT_CHECKPOINTS:
                return
            target = folder / "checkpoints" / f"step-{step}.gguf"
            target.parent.mkdir(exist_ok=True)
            _export(folder / "trainer" / f"checkpoint-{step}", target, config)
            metrics: dict[str, float] = {}
            for logs in state.log_history:
                metrics |= openai_metrics(logs)
            entry = {"step": step, "created_at": int(time.time()), "metrics": metrics}
            append_line(
                folder / "checkpoints.jsonl",
                entry | {"gguf": target.relative_to(folder).as_posix()},
            )

    return Checkpoints()


def _save_adapter(checkpoint: Path, folder: Path, config: TrainingConfig) -> None:
    """The last checkpoint's adapter: Trainer has put it together where processes share it."""
    aside = folder / ".adapter"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copy(checkpoint / name, aside / name)
    # Its base is named as the hub knows it, not by a folder of this machine.
    path = aside / "adapter_config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["base_model_name_or_path"] = registry.model(config.base).hub_id
    write_atomic(path, json.dumps(content, indent=2, sort_keys=True) + "\n")
    shutil.rmtree(folder / "adapter", ignore_errors=True)
    aside.rename(folder / "adapter")
    _export(folder / "adapter", folder / "adapter.gguf", config)


def _export(adapter: Path, target: Path, config: TrainingConfig) -> None:
    from course_utils.finetune.export import base_shape, export_gguf

    base = registry.model(config.base)
    if base.runs == "local":  # others are not answered by llama.cpp here
        export_gguf(adapter, base_shape(base_folder(base)), target)


def _end_with(parent: int) -> None:
    """End this process when its parent is gone: no orphan trains on beside a new worker."""

    def watch() -> None:
        while psutil.pid_exists(parent) and (os.name == "nt" or os.getppid() == parent):
            time.sleep(0.5)
        os._exit(STOPPED)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Entry point; the exit status is 0 when finished, 75 when stopped on request, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="holds config.json; gets everything that is made")
    parser.add_argument("--parent", type=int, help="end when this process is gone")
    options = parser.parse_args()
    if options.parent:
        _end_with(options.parent)
    # What is trained here lies here: no question to the hub, which may be out of reach.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    # OpenMP's threads spin while they wait for each other: as soon as another process computes, a
    # low-priority training takes 14 to 25 times as long for it (two cores). Read when torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    return_freed_memory()
    folder = options.folder
    try:
        # Under accelerate several processes share the folder; the first one guards it.
        lock = FileLock(folder / "worker.lock", timeout=LOCK_TIMEOUT_S)
        with lock if os.environ.get("RANK", "0") == "0" else nullcontext():
            finished = run(folder)
    except Timeout:
        _fail(folder, "worker_busy", f"another process trains in {folder}: end it first")
    except CourseError as error:
        _fail(folder, "training_failed", f"{error.what}. {error.cure}.")
    except Exception as error:
        traceback.print_exc()
        _fail(folder, "training_failed", f"{type(error).__name__}: {error}")
    sys.exit(0 if finished else STOPPED)


def _fail(folder: Path, code: str, message: str) -> NoReturn:
    content = {"code": code, "message": message, "param": None}
    write_atomic(folder / "failed.json", json.dumps(content) + "\n")
    sys.exit(message)


if __name__ == "__main__":
    main()
