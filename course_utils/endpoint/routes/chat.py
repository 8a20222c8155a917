"""``POST /v1/chat/completions``."""

from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from pydantic_core import to_json

from course_utils.endpoint import completion
from course_utils.endpoint.access import who
from course_utils.endpoint.disconnect import unless_gone
from course_utils.endpoint.errors import EndpointError
from course_utils.endpoint.schemas import ChatRequest

router = APIRouter()


@router.post("/v1/chat/completions")
async def chat(body: ChatRequest, request: Request) -> Response:
    """Answer a conversation, whole or as a stream of server-sent events."""
    catalog, person = request.app.state.catalog, who(request)
    made = request.app.state.traffic.made
    engine = await catalog.engine(catalog.find(body.model, "chat", person))
    if body.stream:
        chunks = completion.stream(body, engine, person.name, made)
        # The first chunk is awaited here, so that a refusal is still a plain 4xx.
        first = await unless_gone(request, anext(chunks))
        events = _events(first, chunks)
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)
    answer = await unless_gone(request, completion.complete(body, engine, person.name, made))
    return Response(to_json(answer), media_type="application/json")


async def _events(first: dict, rest: AsyncIterator[dict]) -> AsyncIterator[bytes]:
    try:
        yield _event(first)
        async for chunk in rest:
            yield _event(chunk)
    except EndpointError as error:
        # The status line is long gone: OpenAI's clients raise on an event with an "error" in it.
        yield _event(error.body())
    finally:
        await rest.aclose()
    yield b"data: [DONE]\n\n"


def _event(content: dict) -> bytes:
    return b"data: " + to_json(content) + b"\n\n"
