"""Fine-tuning jobs: what a client may do with one, and how it looks in OpenAI's terms.

::

    validating_files ──→ queued ──→ running ──→ succeeded
           │  ↖            │ ↑         │  └───→ failed       (also from validating_files)
           └───┴─ paused ←─┴─┴─────────┘                     any of the four → cancelled

The states are in the store; ``runner`` reads them there and does the work.
"""

import secrets
from typing import Any

from course_utils.endpoint.access import Person, check_jobs
from course_utils.endpoint.catalog import Catalog
from course_utils.endpoint.errors import EndpointError
from course_utils.endpoint.schemas_fine_tuning import JobRequest
from course_utils.endpoint.store import UNFINISHED, Row, Store, new_id, now
from course_utils.errors import CourseError
from course_utils.finetune.base import require_train_extra
from course_utils.finetune.prepared import ORGANISATION

FINE_TUNED = "ft:"


def create(store: Store, catalog: Catalog, wanted: JobRequest, person: Person) -> Row:
    """Take a job on; its files are validated later.

    Raises:
        EndpointError: It cannot be done here, a file is not there, or they have too many jobs.
    """
    _can_train()
    base = _base(catalog, wanted.model, person)
    _check_file(store, "training_file", wanted.training_file, person)
    if wanted.validation_file is not None:
        _check_file(store, "validation_file", wanted.validation_file, person)
    mine = [job for job in store.in_state(*UNFINISHED, "paused") if job["owner"] == person.name]
    check_jobs(mine, person)
    method = wanted.chosen_method()
    job_id = new_id("ftjob-")
    tuned_name = f"{FINE_TUNED}{base}:{ORGANISATION}:{wanted.suffix or ''}:{new_id('', 8)}"
    store.job_folder(job_id).mkdir()
    with store.transaction():
        store.add(
            "jobs",
            id=job_id,
            owner=person.name,
            status="validating_files",
            model=base,
            tuned_name=tuned_name,
            method=method.type,
            hyperparameters=method.hyperparameters().model_dump(),
            seed=secrets.randbelow(2**31) if wanted.seed is None else wanted.seed,
            training_file=wanted.training_file,
            validation_file=wanted.validation_file,
            metadata=wanted.metadata,
        )
        store.event(job_id, f"Created fine-tuning job: {job_id}")
        store.event(job_id, f"Validating training file: {wanted.training_file}")
    return store.get("jobs", job_id)


def find(store: Store, job_id: str, person: Person) -> Row:
    """A job of theirs.

    Raises:
        EndpointError: There is none with this id.
    """
    job = store.get("jobs", job_id, **person.only)
    if job is None:
        raise EndpointError(
            f"Could not find fine tune: {job_id}. fine_tuning.jobs.list() shows all.",
            status=404,
            param="fine_tune_id",
            code="fine_tune_not_found",
        )
    return job


def cancel(store: Store, job_id: str, person: Person) -> Row:
    """Give a job up.

    Raises:
        EndpointError: It has ended already.
    """
    ended = {"finished_at": now(find(store, job_id, person)), "estimated_finish": None}
    before = (*UNFINISHED, "paused")
    return _change(store, job_id, before, "cancelled", "The job was cancelled", **ended)


def pause(store: Store, job_id: str, person: Person) -> Row:
    """Let a job rest until it is resumed; a training saves a checkpoint first.

    Raises:
        EndpointError: It has ended already, or rests.
    """
    find(store, job_id, person)
    return _change(store, job_id, UNFINISHED, "paused", "The job was paused", estimated_finish=None)


def resume(store: Store, job_id: str, person: Person) -> Row:
    """Let a paused job go on; in the queue it has the place of its creation again.

    Raises:
        EndpointError: It is not paused.
    """
    status = "queued" if find(store, job_id, person)["validated"] else "validating_files"
    return _change(store, job_id, ("paused",), status, "The job was resumed")


def job_object(job: Row) -> dict[str, Any]:
    """A job in OpenAI's terms."""
    same = ("id", "created_at", "finished_at", "model", "status", "error", "seed")
    same += ("training_file", "validation_file", "trained_tokens", "estimated_finish", "metadata")
    chosen, supervised = job["hyperparameters"], job["method"] == "supervised"
    return {
        "object": "fine_tuning.job",
        **{name: job[name] for name in same},
        "organization_id": f"org-{ORGANISATION}",
        "fine_tuned_model": job["tuned_name"] if job["status"] == "succeeded" else None,
        "result_files": [job["result_file"]] if job["result_file"] else [],
        "hyperparameters": chosen if supervised else {},
        "method": {"type": job["method"], job["method"]: {"hyperparameters": chosen}},
        "integrations": [],
    }


def event_object(event: Row) -> dict[str, Any]:
    """An event in OpenAI's terms."""
    names = ("id", "created_at", "level", "message", "type", "data")
    return {"object": "fine_tuning.job.event", **{name: event[name] for name in names}}


def checkpoint_object(checkpoint: Row) -> dict[str, Any]:
    """A checkpoint in OpenAI's terms."""
    return {
        "object": "fine_tuning.job.checkpoint",
        "id": checkpoint["id"],
        "created_at": checkpoint["created_at"],
        "fine_tuning_job_id": checkpoint["job"],
        "fine_tuned_model_checkpoint": checkpoint["model"],
        "step_number": checkpoint["step"],
        "metrics": checkpoint["metrics"],
    }


def _change(
    store: Store, job_id: str, before: tuple[str, ...], status: str, message: str, **values: Any
) -> Row:
    with store.transaction():
        if not store.advance(job_id, before, status, **values):
            now = store.get("jobs", job_id)["status"]
            raise EndpointError(
                f"Job {job_id} is {now}. This is possible while it is {' or '.join(before)}."
            )
        store.event(job_id, message)
    return store.get("jobs", job_id)


def _can_train() -> None:
    try:
        require_train_extra()
    except CourseError as error:
        message = f"{error.what}: {error.cure}, then `course stop`."
        raise EndpointError(message, code="training_not_installed") from None


def _base(catalog: Catalog, name: str, person: Person) -> str:
    served = [m for m in catalog.models(person) if m.role == "chat" and m.adapter is None]
    usable = [m.id for m in served]
    names = [*usable, *(alias for alias, target in catalog.aliases.items() if target in usable)]
    if name not in names:
        reason = "cannot be fine-tuned here"
        if name.startswith(FINE_TUNED):
            reason = "is fine-tuned already, and training starts from a base model here"
        raise EndpointError(
            f"The model {name!r} {reason}. Use one of: {', '.join(names)}.",
            param="model",
            code="model_not_available",
        )
    return catalog.aliases.get(name, name)


def _check_file(store: Store, param: str, file_id: str, person: Person) -> None:
    row = store.get("files", file_id, **person.only)
    if row is None:
        raise EndpointError(
            f"invalid {param}: {file_id}. There is no such file: take the id from files.create().",
            param=param,
            code="invalid_file_id",
        )
    if row["purpose"] != "fine-tune":
        raise EndpointError(
            f"invalid {param}: {file_id} has the purpose {row['purpose']!r}. "
            "Upload training data with purpose='fine-tune'.",
            param=param,
            code="invalid_file_purpose",
        )
