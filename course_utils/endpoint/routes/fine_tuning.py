"""``/v1/fine_tuning/jobs``."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from course_utils.endpoint import jobs
from course_utils.endpoint.access import who
from course_utils.endpoint.errors import EndpointError
from course_utils.endpoint.routes.paging import answer_page
from course_utils.endpoint.schemas_fine_tuning import MOST_PAIRS, JobRequest

router = APIRouter(prefix="/v1/fine_tuning/jobs")

Limit = Annotated[int, Query(ge=1, le=10_000)]


@router.post("")
async def create_job(body: JobRequest, request: Request) -> dict[str, Any]:
    """Take a fine-tuning job on."""
    state = request.app.state
    job = jobs.create(state.store, state.catalog, body, who(request))
    state.runner.poke()
    return jobs.job_object(job)


@router.get("")
async def list_jobs(request: Request, limit: Limit = 20, after: str | None = None) -> dict:
    """The jobs, newest first; ``metadata[key]=value`` and ``metadata=null`` choose among them."""
    metadata = {
        name[len("metadata[") : -1]: value
        for name, value in request.query_params.multi_items()
        if name.startswith("metadata[") and name.endswith("]")
    }
    if len(metadata) > MOST_PAIRS:  # each is a condition of the query, and SQLite has a limit
        raise EndpointError(
            f"{len(metadata)} pairs of metadata: a job has at most {MOST_PAIRS}.", param="metadata"
        )
    wanted = metadata or ({} if request.query_params.get("metadata") == "null" else None)
    store = request.app.state.store
    part = {"limit": limit, "after": after, "metadata": wanted, **who(request).only}
    return answer_page(store, "jobs", jobs.job_object, **part)


@router.get("/{job_id}")
async def retrieve_job(job_id: str, request: Request) -> dict[str, Any]:
    """One of them."""
    return jobs.job_object(jobs.find(request.app.state.store, job_id, who(request)))


@router.post("/{job_id}/cancel")
async def cancel_job(job_id: str, request: Request) -> dict[str, Any]:
    """Give it up."""
    return _changed(request, jobs.cancel(request.app.state.store, job_id, who(request)))


@router.post("/{job_id}/pause")
async def pause_job(job_id: str, request: Request) -> dict[str, Any]:
    """Let it rest."""
    return _changed(request, jobs.pause(request.app.state.store, job_id, who(request)))


@router.post("/{job_id}/resume")
async def resume_job(job_id: str, request: Request) -> dict[str, Any]:
    """Let it go on."""
    return _changed(request, jobs.resume(request.app.state.store, job_id, who(request)))


@router.get("/{job_id}/events")
async def list_events(
    job_id: str, request: Request, limit: Limit = 20, after: str | None = None
) -> dict[str, Any]:
    """What happened to it, newest first."""
    store = request.app.state.store
    jobs.find(store, job_id, who(request))
    return answer_page(store, "events", jobs.event_object, limit=limit, after=after, job=job_id)


@router.get("/{job_id}/checkpoints")
async def list_checkpoints(
    job_id: str, request: Request, limit: Limit = 10, after: str | None = None
) -> dict[str, Any]:
    """Its checkpoints, newest first."""
    store = request.app.state.store
    jobs.find(store, job_id, who(request))
    return answer_page(
        store, "checkpoints", jobs.checkpoint_object, limit=limit, after=after, job=job_id
    )


def _changed(request: Request, job: dict[str, Any]) -> dict[str, Any]:
    request.app.state.runner.poke()
    return jobs.job_object(job)
