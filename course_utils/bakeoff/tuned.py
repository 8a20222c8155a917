"""The fine-tuned models of a bake-off: prepared ones, or trained by jobs of the endpoint."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from openai import NotFoundError, OpenAI

from course_utils import registry
from course_utils.bakeoff.case import Case
from course_utils.connection import Connection
from course_utils.errors import CourseError
from course_utils.finetune.dataset import with_passages, write_jsonl
from course_utils.finetune.follow import follow
from course_utils.finetune.prepared import prepared_adapter
from course_utils.settings import write_atomic

PREPARED = {"bare": "house-style", "context": "house-style-context"}
Say = Callable[[str], None]
Rank = Callable[[list[str]], list[list[int]]]


def tuned_models(
    case: Case, course: Connection, wanted: Iterable[str], out: Path, rank: Rank, say: Say
) -> dict[str, str]:
    """The ids of the fine-tuned models, trained where they are not there yet.

    Args:
        case: Its training examples, or the course's prepared adapters, are used.
        course: Who answers and trains.
        wanted: ``bare`` and ``context``, as in ``approaches.Kind.tuned``.
        out: The bake-off's folder: remembers the jobs, so that a second run goes on with them.
        rank: Questions → for each the indices of the case's chunks, best first.
        say: Called with a line per step.

    Returns:
        ``bare`` or ``context`` → model id; empty where there is nothing to train on.

    Raises:
        CourseError: A job failed.
    """
    if case.prepared and course.is_local:
        return {kind: prepared_adapter(PREPARED[kind], say) for kind in wanted}
    if not case.train or case.prepared:
        return {}
    return {kind: _train(kind, case, course, out, rank, say) for kind in wanted}


def why_none(case: Case) -> str:
    """Why ``tuned_models`` found none, for the report."""
    if case.prepared:
        return (
            "The course's prepared models are fine-tuned on the local model; for a hosted one, "
            "give a training file (--train): its jobs cost money."
        )
    return (
        "No training examples: prompting and RAG were compared, fine-tuning could not be. "
        "Give --train FILE (50 examples are a good start; `course check-data FILE` checks it)."
    )


def _train(kind: str, case: Case, course: Connection, out: Path, rank: Rank, say: Say) -> str:
    rows = list(case.train)
    if kind == "context":
        rows = with_passages(rows, case.chunks, rank)
    path = write_jsonl(out / f"training-{kind}.jsonl", rows)
    base = course.chat_model if course.is_local else registry.tunable().id
    client, memory = OpenAI(), out / "jobs.json"
    jobs = json.loads(memory.read_text(encoding="utf-8")) if memory.exists() else {}
    key = hashlib.sha256(base.encode() + path.read_bytes()).hexdigest()
    try:
        job = client.fine_tuning.jobs.retrieve(jobs[key])
    except (KeyError, NotFoundError):
        with path.open("rb") as file:
            uploaded = client.files.create(file=file, purpose="fine-tune")
        job = client.fine_tuning.jobs.create(
            training_file=uploaded.id,
            model=base,
            method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": "auto"}}},
            suffix=f"bakeoff-{kind}",
            seed=0,
        )
        write_atomic(memory, json.dumps(jobs | {key: job.id}))
    say(f"Fine-tuning ({kind}): {len(rows)} examples, job {job.id}")
    try:
        return follow(client, job, say=say).fine_tuned_model
    except CourseError:
        jobs.pop(key, None)  # the next run makes a new one
        write_atomic(memory, json.dumps(jobs))
        raise
