"""The first stage of a job: its base is made ready, its files are checked, its "auto"s resolved."""

import asyncio
import sys
from typing import Any

from course_utils import registry
from course_utils.endpoint.store import Row, Store
from course_utils.finetune.base import base_folder, is_prepared
from course_utils.finetune.config import TrainingConfig, hyperparameters
from course_utils.finetune.examples import Report, check_examples, overlap
from course_utils.finetune.tokens import TokenCounter
from course_utils.registry import Model
from course_utils.settings import REPO, write_atomic

CONFIG = "config.json"
MOST_WARNINGS = 5


class ValidationFailedError(Exception):
    """A job that cannot be trained.

    Args:
        error: Code, message and parameter, as the job shall show them.
    """

    def __init__(self, error: dict[str, str | None]) -> None:
        super().__init__(error["message"])
        self.error = error


async def validate(store: Store, job: Row) -> dict[str, Any]:
    """Check the files of a job and write what its training process is told.

    Returns:
        The job's hyperparameters, every "auto" replaced by a number.

    Raises:
        ValidationFailedError: A file is not fit to train on, or the base cannot be made ready.
    """
    model = registry.model(job["model"])
    if not await asyncio.to_thread(is_prepared, model):
        store.event(job["id"], f"Preparing {model.id} for training: once, some 20 seconds")
        await _prepare(model)
    reports = await asyncio.to_thread(_check, store, job, model)
    for report in reports:
        for warning in report.warnings[:MOST_WARNINGS]:
            store.event(job["id"], str(warning), level="warn")
    training = reports[0]
    store.event(
        job["id"], f"The training file has {training.examples} examples, {training.tokens} tokens"
    )
    return _configure(store, job, training.examples)


def _check(store: Store, job: Row, model: Model) -> list[Report]:
    """A report for each file, and one on what they have in common."""
    count = TokenCounter(base_folder(model)).count
    most = TrainingConfig.model_fields["max_tokens"].default
    given = {name: job[name] for name in ("training_file", "validation_file") if job[name]}
    paths = {name: store.file_path(file_id) for name, file_id in given.items()}
    reports = []
    for name, path in paths.items():
        report = check_examples(
            path,
            method=job["method"],
            count=count,
            max_tokens=most,
            min_examples=10 if name == "training_file" else 1,
            param=name,
        )
        if not report.ok:
            raise ValidationFailedError(report.error())
        reports.append(report)
    return [*reports, overlap(*paths.values())] if len(paths) > 1 else reports


def _configure(store: Store, job: Row, examples: int) -> dict[str, Any]:
    wanted = job["hyperparameters"]
    numbers = hyperparameters(examples, job["method"], **wanted)
    config = TrainingConfig(
        base=job["model"],
        method=job["method"],
        training_file=store.file_path(job["training_file"]),
        validation_file=job["validation_file"] and store.file_path(job["validation_file"]),
        seed=job["seed"],
        **numbers,
    )
    write_atomic(store.job_folder(job["id"]) / CONFIG, config.model_dump_json(indent=2) + "\n")
    # "auto" is the rate itself, in other words a multiplier of 1.
    resolved = {"learning_rate_multiplier": 1.0, **numbers}
    return {name: resolved[name] if wanted[name] == "auto" else wanted[name] for name in wanted}


async def _prepare(model: Model) -> None:
    # In a process of its own: the endpoint stays free of torch and its memory.
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "course_utils.finetune.base",
        model.id,
        cwd=REPO,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, output = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        last = output.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no message"]
        message = f"{model.id} cannot be prepared for training: {last[0]}. `course doctor` may help"
        raise ValidationFailedError({"code": "base_failed", "message": message, "param": "model"})
