"""Fine-tuning at a host: what a job can cost at most, known before it is sent.

The cost follows from the training file. So the relay takes its measure while it is uploaded, and
keeps that in the course home, where the next kernel finds it.
"""

import json
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio
from starlette.requests import Request

from course_utils import registry
from course_utils.endpoint.uploads import Upload
from course_utils.errors import CourseError
from course_utils.finetune.config import n_epochs_auto
from course_utils.finetune.jsonl import read_lines
from course_utils.finetune.problems import Problem
from course_utils.registry import Model
from course_utils.settings import settings, write_atomic


class NotPricedError(CourseError):
    """Nobody can say beforehand what this would cost."""


@dataclass(frozen=True)
class Measure:
    """What the price of training on a file depends on.

    Attributes:
        bytes: Its size.
        examples: Its lines, without blank ones.
        text_only: Whether all of it is text that the course can read: images cost extra.
    """

    bytes: int
    examples: int
    text_only: bool


@asynccontextmanager
async def received(request: Request) -> AsyncIterator[tuple[Upload, Path]]:
    """Receive an upload into a file of the course home that goes when the block ends.

    Raises:
        EndpointError: The form is no such form, or the file is too large or empty.
    """
    path = settings().home / "uploads" / secrets.token_hex(8)
    path.parent.mkdir(parents=True, exist_ok=True)
    upload = Upload(path, settings().max_file_mb * 2**20)
    try:
        await upload.receive(request)
        yield upload, path
    finally:
        path.unlink(missing_ok=True)


async def remember(answer: bytes, path: Path) -> None:
    """Keep the measure of a file under the id that the host's answer gives it."""
    try:
        file_id = json.loads(answer)["id"]
    except (ValueError, KeyError, TypeError):
        return  # a job that names it will be refused
    measure = await anyio.to_thread.run_sync(_measure, path)
    if record := _record(file_id):
        write_atomic(record, json.dumps(asdict(measure)) + "\n")


def most_usd_of_job(body: dict) -> float:
    """The most that a fine-tuning job can cost, in US dollars.

    Args:
        body: The request to create it.

    Raises:
        NotPricedError: The file was not uploaded through the relay, or the registry has no price
            for training this model by this method.
        CourseError: ``n_epochs`` makes no sense.
    """
    method = body.get("method") or {"type": "supervised"}
    kind = method.get("type") if isinstance(method, dict) else method
    if kind != "supervised":
        what = f"the course does not know what training by the method {kind!r} costs"
        raise NotPricedError(what, 'use the method "supervised"')
    model = _trainable(body.get("model"))
    measure = _recall(body.get("training_file"))
    # No token is shorter than a byte, and what a chat template adds is shorter than JSON's.
    return model.training_cost(measure.bytes, _most_epochs(body, measure))


def _trainable(model_id: object) -> Model:
    entry = registry.models().get(str(model_id))
    if entry is None or entry.usd_training is None:
        priced = [m.id for m in registry.models().values() if m.usd_training is not None]
        what = f"no price for training {model_id!r} in data/models.toml"
        cure = f"train one of: {', '.join(priced)}; or add usd_training to the model's entry"
        raise NotPricedError(what, cure)
    return entry


def _recall(file_id: object) -> Measure:
    record = _record(file_id)
    if not (record and record.exists()):
        what = f"{file_id!r} was not uploaded from this course, so size and cost are unknown"
        cure = "upload it with client.files.create in a notebook of the course"
        raise NotPricedError(what, cure)
    measure = Measure(**json.loads(record.read_text(encoding="utf-8")))
    if not measure.text_only:
        what = f"{file_id} holds images, or lines that are no JSON objects: no bound on the cost"
        cure = "`course check-data FILE` finds them; correct the file and upload it again"
        raise NotPricedError(what, cure)
    return measure


def _most_epochs(body: dict, measure: Measure) -> int:
    auto, given = n_epochs_auto(max(1, measure.examples)), []
    for names in (("hyperparameters",), ("method", "supervised", "hyperparameters")):
        value: object = body
        for name in (*names, "n_epochs"):
            value = value.get(name) if isinstance(value, dict) else None
        if value not in (None, "auto") and (type(value) is not int or value < 1):
            raise CourseError(f"n_epochs is {value!r}", 'make it a whole number, or "auto"')
        if value is not None:
            given.append(auto if value == "auto" else value)
    return max(given, default=auto)


def _measure(path: Path) -> Measure:
    examples, text_only = 0, True
    for line, found in read_lines(path):
        examples += line is not None
        if isinstance(found, Problem):
            text_only = text_only and (found.severity == "warning" or found.code == "blank_line")
        else:
            text_only = text_only and "image_url" not in json.dumps(found)
    return Measure(path.stat().st_size, examples, text_only)


def _record(file_id: object) -> Path | None:
    """Where a file's measure lies; ``None`` for an id that is no name for a file."""
    if not re.fullmatch(r"[\w-]{1,120}", str(file_id)):
        return None
    return settings().home / "hosted_files" / f"{file_id}.json"
