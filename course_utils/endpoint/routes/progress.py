"""``POST /v1/class/progress``: what a learner of a class wants their instructor to see."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field

from course_utils.endpoint.access import who
from course_utils.endpoint.errors import EndpointError
from course_utils.endpoint.schemas import _Strict

router = APIRouter()


class Item(_Strict):
    """An exercise solved or a quiz question answered right."""

    kind: Literal["exercise", "quiz"]
    name: Annotated[str, Field(max_length=40)]


class ProgressRequest(_Strict):
    """All that a learner has done so far."""

    done: Annotated[list[Item], Field(max_length=1000)]


@router.post("/v1/class/progress")
async def share_progress(body: ProgressRequest, request: Request) -> dict[str, Any]:
    """Keep what is new of it; what this version of the course does not have is passed over."""
    state, name = request.app.state, who(request).name
    if state.keys is None:
        raise EndpointError(
            "This endpoint is for one person, whose progress is a file: `course progress`.",
            status=404,
        )
    sent = {(item.kind, item.name) for item in body.done} & state.items
    with state.store.transaction():
        kept = {(row["kind"], row["name"]) for row in state.store.all("solved", owner=name)}
        for kind, item in sorted(sent - kept):
            values = {"owner": name, "kind": kind, "name": item}
            state.store.add("solved", id=f"{kind}/{item}/{name}", **values)
    return {"object": "class.progress", "done": len(kept | sent)}
