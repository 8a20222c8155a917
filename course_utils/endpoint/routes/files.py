"""``/v1/files``."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse

from course_utils.endpoint.access import check_stored, who
from course_utils.endpoint.errors import EndpointError
from course_utils.endpoint.routes.paging import answer_page
from course_utils.endpoint.store import UNFINISHED, Row, new_id
from course_utils.endpoint.uploads import Upload
from course_utils.settings import settings

router = APIRouter()

PURPOSE = "fine-tune"


@router.post("/v1/files")
async def create_file(request: Request) -> dict[str, Any]:
    """Receive a file (multipart form with ``purpose`` and ``file``)."""
    store, person = request.app.state.store, who(request)
    file_id = new_id("file-")
    with store.making(file_id) as path:
        upload = Upload(path, settings().max_file_mb * 2**20)
        await upload.receive(request)
        _check_fields(upload.fields)
        check_stored(store, person, upload.bytes)
        names = {"filename": upload.filename, "purpose": PURPOSE, "owner": person.name}
        row = store.add("files", id=file_id, bytes=upload.bytes, **names)
    return file_object(row)


@router.get("/v1/files")
async def list_files(
    request: Request,
    purpose: str | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
    after: str | None = None,
    order: Literal["asc", "desc"] = "desc",
) -> dict[str, Any]:
    """The files, newest first."""
    where = {"purpose": purpose} if purpose else {}
    return answer_page(
        request.app.state.store,
        "files",
        file_object,
        limit=limit,
        after=after,
        ascending=order == "asc",
        **where,
        **who(request).only,
    )


@router.get("/v1/files/{file_id}")
async def retrieve_file(file_id: str, request: Request) -> dict[str, Any]:
    """One of them."""
    return file_object(_find(request, file_id))


@router.get("/v1/files/{file_id}/content")
async def file_content(file_id: str, request: Request) -> FileResponse:
    """Its bytes."""
    store = request.app.state.store
    row = _find(request, file_id)
    return FileResponse(
        store.file_path(file_id), media_type="application/octet-stream", filename=row["filename"]
    )


@router.delete("/v1/files/{file_id}")
async def delete_file(file_id: str, request: Request) -> dict[str, Any]:
    """Remove it, unless an unfinished job needs it."""
    store = request.app.state.store
    _find(request, file_id)
    for job in store.in_state(*UNFINISHED, "paused"):
        if file_id in (job["training_file"], job["validation_file"]):
            raise EndpointError(
                f"Job {job['id']} needs {file_id}. Cancel the job first, or wait for its end.",
                code="file_in_use",
            )
    store.delete_file(file_id)
    return {"id": file_id, "object": "file", "deleted": True}


def file_object(row: Row) -> dict[str, Any]:
    """A file in OpenAI's terms."""
    names = ("id", "bytes", "created_at", "filename", "purpose")
    return {
        "object": "file",
        **{name: row[name] for name in names},
        "status": "processed",
        "status_details": None,
        "expires_at": None,
    }


def _check_fields(fields: dict[str, str]) -> None:
    purpose = fields.get("purpose")
    if purpose is None:
        raise EndpointError(
            "Missing required parameter: 'purpose'.",
            param="purpose",
            code="missing_required_parameter",
        )
    if purpose != PURPOSE:
        raise EndpointError(
            f"Files with the purpose {purpose!r} have no use here: this endpoint has no such API. "
            f"For training data send purpose={PURPOSE!r}.",
            param="purpose",
        )
    for name in fields.keys() - {"purpose"}:
        raise EndpointError(
            f"Unknown parameter: {name!r}. Leave it out; files stay here until they are deleted.",
            param=name.partition("[")[0],
            code="unknown_parameter",
        )


def _find(request: Request, file_id: str) -> Row:
    row = request.app.state.store.get("files", file_id, **who(request).only)
    if row is None:
        raise EndpointError(f"No such File object: {file_id}.", status=404, param="id")
    return row
