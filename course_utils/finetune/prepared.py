"""Adapters that later lessons start from, so that nobody waits for a training run to go on.

They are trained on ``data/acme/training`` by ``course adapters build``, kept as PEFT folders in
``data/adapters`` with a card that says from what and how, and built on the spot for another base.
"""

import functools
import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from course_utils import registry
from course_utils.errors import CourseError
from course_utils.finetune.base import prepare_base
from course_utils.finetune.config import TrainingConfig, hyperparameters
from course_utils.finetune.dataset import as_example, load_replies, with_context, write_jsonl
from course_utils.finetune.export import base_shape, export_gguf
from course_utils.registry import Model
from course_utils.settings import DATA, REPO, settings, write_atomic

STORED = DATA / "adapters"
ORGANISATION = "acme"


def _house_style() -> list[dict]:
    return [as_example(reply.question, reply.reply) for reply in load_replies("train")]


def _house_style_context() -> list[dict]:
    from langchain_openai import OpenAIEmbeddings

    from course_utils.connection import connect
    from course_utils.knowledge.passages import acme_chunks, rank_chunks

    chunks = acme_chunks()
    embed = OpenAIEmbeddings(model=connect().embedding_model, check_embedding_ctx_length=False)
    rank = functools.partial(rank_chunks, embed, chunks)
    return with_context(load_replies("train"), chunks, rank)


# What makes the rows, and the epochs; with context an epoch is three times as long.
RECIPES: dict[str, tuple[Callable[[], list[dict]], int]] = {
    "house-style": (_house_style, 3),
    "house-style-context": (_house_style_context, 2),
}


@dataclass(frozen=True)
class Prepared:
    """A prepared adapter.

    Attributes:
        name: A key of ``RECIPES``.
        folder: PEFT folder, with ``card.json``.
        card: What it was made from: ``base``, ``shape``, ``data_sha256``, ``examples``, ``config``,
            ``training`` and, for those in the repository, ``about`` and ``scores``.
    """

    name: str
    folder: Path
    card: dict

    @property
    def model_id(self) -> str:
        """The name under which the endpoint answers with it."""
        digest = self.card["weights_sha256"][:8]
        return f"ft:{self.card['base']}:{ORGANISATION}:{self.name}:{digest}"

    def gguf(self) -> Path:
        """The adapter for llama.cpp, exported when it is not yet."""
        digest = self.card["weights_sha256"][:8]
        target = settings().home / "adapters" / f"{self.name}-{digest}.gguf"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            export_gguf(self.folder, self.card["shape"], target)
        return target


def found() -> list[Prepared]:
    """All prepared adapters, those of the repository first."""
    cards = [*sorted(STORED.glob("*/card.json")), *sorted(_own_folder().glob("*/*/card.json"))]
    return [
        Prepared(card.parent.name, card.parent, json.loads(card.read_text(encoding="utf-8")))
        for card in cards
    ]


def prepared_models() -> list[Model]:
    """The prepared adapters as models, for the endpoint's catalog."""
    bases = registry.models()
    return [
        replace(
            bases[one.card["base"]],
            id=one.model_id,
            name=f"{bases[one.card['base']].name}, tuned: {one.name}",
            base=one.card["base"],
            adapter=one.gguf(),
        )
        for one in found()
        if one.card["base"] in bases
    ]


def prepared_adapter(name: str, say: Callable[[str], None] = print) -> str:
    """The id of the model that answers with a prepared adapter on the local chat model.

    Args:
        name: ``house-style`` or ``house-style-context``.
        say: Called with a line per step when it has to be built (some minutes).

    Raises:
        CourseError: There is no such adapter, or it cannot be trained here.
    """
    base = registry.local_chat()
    for one in found():
        if one.name == name and one.card["base"] == base.id:
            return one.model_id
    return build(name, _own_folder() / base.id, say).model_id


def build(name: str, parent: Path, say: Callable[[str], None] = print) -> Prepared:
    """Train an adapter and put it into ``parent/NAME``.

    Raises:
        CourseError: There is no such recipe, or the training failed.
    """
    if name not in RECIPES:
        raise CourseError(f"no adapter {name!r}", f"there are: {', '.join(RECIPES)}")
    base = registry.local_chat()
    make_rows, n_epochs = RECIPES[name]
    rows = make_rows()
    work = settings().home / "adapters" / "work" / base.id / name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    data = write_jsonl(work / "training.jsonl", rows)
    numbers = hyperparameters(len(rows), n_epochs=n_epochs)
    config = TrainingConfig(base=base.id, training_file=data, **numbers)
    write_atomic(work / "config.json", config.model_dump_json())
    say(f"Training {name}: {len(rows)} examples, {config.n_epochs} epochs")
    train(work, say)
    weights = work / "adapter" / "adapter_model.safetensors"
    _halve(weights)
    card = {
        "base": base.id,
        "shape": base_shape(prepare_base(base)),
        "examples": len(rows),
        "data_sha256": _sha256(data),
        "weights_sha256": _sha256(weights),
        "config": config.model_dump(mode="json", exclude={"training_file", "validation_file"}),
        "training": json.loads((work / "done.json").read_text(encoding="utf-8")),
    }
    write_atomic(work / "adapter" / "card.json", json.dumps(card, indent=1) + "\n")
    target = parent / name
    shutil.rmtree(target, ignore_errors=True)
    parent.mkdir(parents=True, exist_ok=True)
    shutil.move(work / "adapter", target)
    return Prepared(name, target, card)


def train(folder: Path, say: Callable[[str], None] = print) -> dict:
    """Run the training worker on a folder with a ``config.json``, in a process of its own.

    Args:
        folder: The job's folder.
        say: Called with the worker's messages, about twenty over the run.

    Returns:
        The content of ``done.json``.

    Raises:
        CourseError: It failed.
    """
    command = [sys.executable, "-m", "course_utils.finetune.train", str(folder)]
    with (folder / "log.txt").open("wb") as log:
        worker = subprocess.Popen(command, cwd=REPO, stdout=log, stderr=subprocess.STDOUT)
        try:
            shown = 0.0
            while worker.poll() is None:
                time.sleep(0.2)
                done, line = _latest(folder / "events.jsonl")
                if done >= shown + 0.05:
                    shown = done
                    say(line)
        finally:
            worker.kill()
    if worker.returncode:
        end = (folder / "log.txt").read_text(encoding="utf-8", errors="replace")[-800:]
        raise CourseError(
            f"the training ended with code {worker.returncode}:\n{end}", "run it again"
        )
    return json.loads((folder / "done.json").read_text(encoding="utf-8"))


def _latest(events: Path) -> tuple[float, str]:
    """How far a run is, 0 to 1, and its last metrics as a line."""
    if not events.exists():
        return 0.0, ""
    lines = events.read_text(encoding="utf-8").splitlines(keepends=True)
    for line in reversed(lines):
        event = json.loads(line) if line.endswith("\n") else {}
        if data := event.get("data"):
            left = data.get("seconds_left")
            text = event["message"]
            text += f", {left:.0f} s left" if left is not None else ""
            return data["step"] / data["total_steps"], text
    return 0.0, ""


def _own_folder() -> Path:
    return settings().home / "adapters"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _halve(weights: Path) -> None:
    """Store the weights as float16: half the size, and what the exported adapter has anyway."""
    import numpy as np
    from safetensors.numpy import load_file, save_file

    save_file({k: v.astype(np.float16) for k, v in load_file(weights).items()}, weights)
