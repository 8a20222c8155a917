"""Between the notebooks and a hosted API: adds the key, counts the cost, stops at the budget.

Any client works unchanged, because it only sees a base URL on loopback and a token that is worth
nothing elsewhere. The relay lives in a thread of the process that asked for it and ends with it, so
that no key outlives the notebook.
"""

import json
import re
import secrets
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

import anyio
import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from course_utils.endpoint.budget import Booking, Budget, BudgetExceededError
from course_utils.endpoint.errors import EndpointError
from course_utils.endpoint.hosted_tuning import (
    NotPricedError,
    most_usd_of_job,
    received,
    remember,
)
from course_utils.endpoint.pricing import most_usd, priced
from course_utils.errors import CourseError
from course_utils.settings import RELAY_KEY

# What the relay knows how to price; any other POST could cost money that nobody counts.
PRICED: dict[str, Callable[[dict], float]] = {
    "chat/completions": most_usd,
    "embeddings": most_usd,
    "fine_tuning/jobs": most_usd_of_job,
}
# A paused job was paid for when it was created. (POST files is free too, and has its own route.)
FREE = re.compile(
    r"GET .*|POST fine_tuning/jobs/\w[\w-]*/(cancel|pause|resume)|DELETE (files|models)/\w[\w:.-]*"
)
# The host's headers that a client's back-off and an error report need.
PASSED_ON = ("retry-after", "x-request-id", "x-ratelimit-", "openai-")
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True)
class Relay:
    """A running relay.

    Attributes:
        base_url: Where clients send their requests.
        token: What they send as their key; only this relay takes it.
        upstream: The hosted API's base URL.
        free: True for a host on this machine, which costs nothing.
    """

    base_url: str
    token: str
    upstream: str
    free: bool

    @property
    def budget(self) -> Budget:
        """What has been spent, and the stop as it stands now."""
        return Budget()

    def price_of(self, model_id: str) -> str:
        """The price in words, for the line that ``connect`` prints.

        Raises:
            CourseError: The registry has no price for it.
        """
        if self.free:
            return "on this machine, free of charge"
        entry = priced(model_id)
        return (
            f"${entry.usd_input:.2f} in / ${entry.usd_output:.2f} out per million tokens "
            f"(verified on {entry.verified_on})"
        )


@cache
def start_relay(upstream: str, key: str, free: bool | None = None) -> Relay:
    """Start the relay for a host, or return the one that this process already has.

    Args:
        upstream: The hosted API's base URL.
        key: The user's key for it.
        free: Whether requests cost nothing; ``None``: only where the host is this machine.
    """
    free = _is_loopback(upstream) if free is None else free
    token = f"{RELAY_KEY}-{secrets.token_urlsafe(16)}"
    app = relay_app(upstream, key, token, free)
    config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    threading.Thread(target=server.run, args=([listener],), daemon=True).start()
    deadline = time.monotonic() + 10
    while not server.started:
        if time.monotonic() > deadline:
            raise CourseError("the relay to the hosted API did not start", "restart the kernel")
        time.sleep(0.01)
    return Relay(f"http://127.0.0.1:{port}/v1", token, upstream, free)


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


def _error(status: int, message: str, code: str) -> JSONResponse:
    body = {"message": message, "type": "course_error", "param": None, "code": code}
    return JSONResponse({"error": body}, status_code=status)


def relay_app(upstream: str, key: str, token: str, free: bool) -> Starlette:
    """The relay as an ASGI application; see ``start_relay`` for the arguments."""
    client = httpx.AsyncClient(base_url=upstream + "/", timeout=httpx.Timeout(600, connect=10))
    client.headers["Authorization"] = f"Bearer {key}"

    def wrong_token(request: Request) -> JSONResponse | None:
        # Other users of this machine and pages in a browser can reach the port too.
        given = request.headers.get("authorization", "").encode()
        if secrets.compare_digest(given, f"Bearer {token}".encode()):
            return None
        cure = "call connect() in this kernel, and make the client after it"
        return _error(401, f"this is not the relay's token\n  -> {cure}", "wrong_token")

    async def forward(request: Request) -> Response:
        if wrong := wrong_token(request):
            return wrong
        method, path = request.method, request.path_params["path"]
        is_priced = method == "POST" and path in PRICED
        if not (is_priced or FREE.fullmatch(f"{method} {path}")):
            what = f"the course does not know what {method} /{path} costs, so it is not sent"
            cure = f"it prices POST to {', '.join(sorted(PRICED))}"
            return _error(403, f"{what}\n  -> {cure}", "not_priced")
        try:
            body = _body(await request.body()) if is_priced else None
            asked_usage = _count_the_stream(body) if body else True
            outgoing = client.build_request(
                method, path, params=request.query_params.multi_items(), json=body
            )
            most = PRICED[path](body) if body and not free else 0.0
            booking = Booking(body["model"] if most else "", most)
        except BudgetExceededError as error:
            return _error(402, str(error), "course_budget_exceeded")
        except NotPricedError as error:
            return _error(403, str(error), "not_priced")
        except (CourseError, ValueError, httpx.InvalidURL) as error:
            return _error(400, str(error), "course_error")
        return await send(outgoing, booking, asked_usage)

    async def upload(request: Request) -> Response:
        if wrong := wrong_token(request):
            return wrong
        try:
            async with received(request) as (form, path):
                with path.open("rb") as file:
                    parts = {"file": (form.filename, file)}
                    outgoing = client.build_request("POST", "files", data=form.fields, files=parts)
                    answer = await send(outgoing, Booking("", 0.0))
                if answer.status_code < 300:
                    await remember(bytes(answer.body), path)
        except EndpointError as error:
            return JSONResponse(error.body(), error.status)
        except CourseError as error:
            return _error(400, str(error), "course_error")
        return answer

    async def send(outgoing: httpx.Request, booking: Booking, asked_usage: bool = True) -> Response:
        try:
            answer = await client.send(outgoing, stream=True)
            if "text/event-stream" in answer.headers.get("content-type", ""):
                return _Stream(answer, booking, key, asked_usage)
            content = await answer.aread()
        except httpx.HTTPError as error:
            # Where the request did arrive, the host may charge for it.
            booking.close(charged=not isinstance(error, NEVER_SENT))
            reason = f"{upstream} gave no answer ({type(error).__name__})"
            cure = "check the network (or the proxy: HTTPS_PROXY) and the host's status page"
            return _error(502, f"{reason}\n  -> {cure}", "unreachable")
        booking.see(content)
        booking.close(charged=answer.is_success)
        return Response(_without(key, content), answer.status_code, _headers(answer))

    routes = [
        Route("/v1/files", upload, methods=["POST"]),
        Route("/v1/{path:path}", forward, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]
    return Starlette(routes=routes)


def _body(raw: bytes) -> dict:
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise CourseError("the request body is not a JSON object", "send one, as any client does")
    return body


def _count_the_stream(body: dict) -> bool:
    """Ask for token counts in a stream, or nothing could be booked. True if the client did."""
    options = body.get("stream_options")
    options = options if isinstance(options, dict) else {}
    if body.get("stream"):
        body["stream_options"] = {**options, "include_usage": True}
    return bool(options.get("include_usage"))


def _headers(answer: httpx.Response) -> dict[str, str]:
    return {
        name: value
        for name, value in answer.headers.items()
        if name == "content-type" or name.startswith(PASSED_ON)
    }


def _without(key: str, content: bytes) -> bytes:
    # Some hosts quote the key in their error. Short ones are words such as "none".
    return content.replace(key.encode(), b"[key]") if len(key) >= 16 else content


class _Stream(StreamingResponse):
    """Passes a stream on and books it, even when the client leaves in the middle."""

    def __init__(
        self, answer: httpx.Response, booking: Booking, key: str, asked_usage: bool
    ) -> None:
        super().__init__(self._pieces(), answer.status_code, _headers(answer))
        self._answer, self._booking = answer, booking
        self._key, self._asked_usage = key, asked_usage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._booking.close(charged=self._answer.is_success)
            with anyio.CancelScope(shield=True):
                await self._answer.aclose()

    async def _pieces(self) -> AsyncIterator[bytes]:
        kept = b""
        async for piece in self._answer.aiter_bytes():
            *lines, kept = (kept + piece).split(b"\n")
            passed = b"".join(line + b"\n" for line in lines if self._is_for_the_client(line))
            if passed:
                yield _without(self._key, passed)
        if self._is_for_the_client(kept):
            yield _without(self._key, kept)

    def _is_for_the_client(self, line: bytes) -> bool:
        if line.startswith(b"data:") and b"[DONE]" in line[:16]:
            # Before the client hears of the end, so that it finds the cost booked.
            self._booking.close(charged=True)
        chunk = self._booking.see(line)
        # The last chunk has counts and no choices: it would break the loop of a client that did
        # not ask for it.
        return self._asked_usage or not (chunk.get("usage") and not chunk.get("choices"))
