"""Everything that can go wrong with a request, answered in OpenAI's error shape in one place."""

import logging
import sqlite3
from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from course_utils.endpoint.database import cannot_store
from course_utils.errors import CourseError
from course_utils.settings import refused

log = logging.getLogger(__name__)


class EndpointError(Exception):
    """A request that cannot be answered.

    Args:
        message: What is wrong and the cure, in one or two sentences.
        status: HTTP status.
        param: The parameter at fault, as the client spells it.
        code: OpenAI's short code, where there is one.
        type: OpenAI's class of error.
        retry_after: Seconds after which the same request may succeed; 0: it never will by itself,
            and OpenAI's clients shall not try.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = None,
        type: str = "invalid_request_error",
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.code = code
        self.type = type
        self.retry_after = retry_after

    def body(self) -> dict:
        """The JSON body that OpenAI's clients understand."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return {"error": error}

    def headers(self) -> dict[str, str]:
        """What a client's back-off needs; after half a request, also that it begins anew."""
        if self.status in (408, 413):
            return {"Connection": "close"}
        if self.retry_after is None:
            return {}
        return {
            "Retry-After": str(self.retry_after or 3600),
            "x-should-retry": "true" if self.retry_after else "false",
        }


class ModelNotFoundError(EndpointError):
    """No model of that name is served here."""

    def __init__(self, name: str, served: Sequence[str]) -> None:
        super().__init__(
            f"The model {name!r} is not served here. Use one of: {', '.join(served)}.",
            status=404,
            param="model",
            code="model_not_found",
        )


class ContextLengthError(EndpointError):
    """The prompt alone fills the context."""

    def __init__(self, prompt_tokens: int, context_tokens: int) -> None:
        super().__init__(
            f"This model's context is {context_tokens} tokens, prompt and answer together, and "
            f"your messages are {prompt_tokens} tokens. Shorten them: fewer or smaller documents.",
            param="messages",
            code="context_length_exceeded",
        )


class NotReadyError(EndpointError):
    """The engine cannot be loaded (yet)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=503, type="server_error", code="not_ready")


class CannotStoreError(EndpointError):
    """Nothing can be written: the disk is full, say. What the request asked for was not done."""

    def __init__(self, reason: CourseError) -> None:
        super().__init__(
            "Nothing was changed: this endpoint's disk is full or cannot be written. Whoever runs "
            f"it: {reason.cure}. Then send the request again.",
            status=507,
            type="server_error",
            code="cannot_store",
            retry_after=0,
        )


def install(app: FastAPI) -> None:
    """Make ``app`` answer every error in OpenAI's shape."""
    app.add_exception_handler(EndpointError, _endpoint_error)
    app.add_exception_handler(CourseError, _course_error)
    app.add_exception_handler(OSError, _system_error)
    app.add_exception_handler(sqlite3.Error, _system_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


def answer(error: EndpointError) -> JSONResponse:
    """The error as a response."""
    return JSONResponse(error.body(), error.status, error.headers())


async def _endpoint_error(_request: Request, error: EndpointError) -> JSONResponse:
    return answer(error)


async def _course_error(_request: Request, error: CourseError) -> JSONResponse:
    return answer(NotReadyError(f"{error.what}: {error.cure}."))


async def _system_error(_request: Request, error: OSError | sqlite3.Error) -> JSONResponse:
    reason = refused(error) if isinstance(error, OSError) else cannot_store(error)
    if reason is None:
        raise error
    log.warning("%s", reason.what)  # where that is, is nothing for a class
    return answer(CannotStoreError(reason))


async def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    path = request.scope["path"]  # request.url wants a sensible Host
    message = f"{request.method} {path}: {error.detail}. See /docs for what is here."
    response = answer(EndpointError(message, status=error.status_code))
    response.headers.update(error.headers or {})
    return response


async def _unexpected(_request: Request, error: Exception) -> JSONResponse:
    message = f"The endpoint failed: {type(error).__name__}. Its log has the details."
    return answer(EndpointError(message, status=500, type="server_error"))


async def _validation_error(_request: Request, error: RequestValidationError) -> JSONResponse:
    found = error.errors()
    # Of a union (string or list) pydantic reports each branch: the deepest got furthest, and a
    # branch that failed on its type was not meant.
    first = max(
        found,
        key=lambda item: (len(_steps(item["loc"], error.body)), not item["type"].endswith("_type")),
    )
    in_body = first["loc"][0] == "body"
    param = _spell(_steps(first["loc"], error.body)) if in_body else str(first["loc"][-1])
    kind, text = first["type"], first["msg"].removeprefix("Value error, ").rstrip(".")
    code = None
    if kind == "json_invalid":
        param, message = None, f"The body is not valid JSON ({first['ctx']['error']})."
    elif kind == "extra_forbidden":
        code = "unknown_parameter"
        message = f"Unknown parameter: {param!r}. Leave it out; /docs lists what is accepted."
    elif kind == "missing" and param:
        code = "missing_required_parameter"
        message = f"Missing required parameter: {param!r}."
    elif kind == "value_error":
        message = f"{text}."
    elif param is None:
        message = "Send a JSON object as the body, with the header Content-Type: application/json."
    else:
        message = f"Invalid value for {param!r}: {text[0].lower()}{text[1:]}."
    return answer(EndpointError(message, param=param, code=code))


def _steps(location: tuple, body: object) -> list[str | int]:
    """The part of a pydantic location that leads into the body, without names of union branches."""
    steps: list[str | int] = []
    inside = body
    for step in location[1:]:
        absent = isinstance(inside, dict) and step == location[-1]
        try:
            inside = inside[step]
        except (KeyError, IndexError, TypeError):
            if not absent:
                continue
        steps.append(step)
    return steps


def _spell(steps: list[str | int]) -> str | None:
    spelt = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return spelt.removeprefix(".") or None
