"""How much one request may bring: bytes, seconds, nesting.

Uploads pass through piece by piece. Any other body of the API is read here, whole, before a route
sees it, and only if it is JSON that every reader understands alike: no numbers that are none, no
halves of characters, no thousand brackets inside each other. What comes after may trust that.
"""

import asyncio

from pydantic_core import from_json
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from course_utils.endpoint.errors import EndpointError, answer
from course_utils.settings import settings

MIB = 2**20
MOST_JSON_BYTES = 8 * MIB
# Read from all clients together and not yet answered. Parsed, it takes some ten times as much.
MOST_HELD_BYTES = 64 * MIB
# Each list or object takes 100 bytes and more, however little is in it.
MOST_BRACKETS = 200_000
# A client hears no answer while it sends, so what is too much is read all the same, up to here.
MOST_IGNORED_BYTES = 64 * MIB
# A slow line may take its time, a client that sends a byte now and then may not.
SLOWEST_BYTES_PER_S = 10_000


class Bounds:
    """Plain ASGI middleware: refuses what is too large, too slow or packed.

    Args:
        app: What is protected.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._patience_s = settings().patience_s
        self._upload_bytes = settings().max_file_mb * MIB
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Parts of a file (Range) are not offered, which HTTP permits.
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"range"]
        headers, path = Headers(scope=scope), scope["path"]
        uploads = (scope["method"], path) == ("POST", "/v1/files")
        most = self._upload_bytes if uploads else MOST_JSON_BYTES
        incoming = _Incoming(receive, self._patience_s, most)
        body = bytearray()
        try:
            _refuse_packed(headers)
            if uploads or not path.startswith("/v1/"):
                await self.app(scope, incoming.receive, send)
                return
            await self._read(incoming, body)
            _check(body, headers)
            await self.app(scope, _again(bytes(body), receive), send)
        except EndpointError as error:
            await answer(error)(scope, receive, send)
        finally:
            self._held -= len(body)

    async def _read(self, incoming: "_Incoming", body: bytearray) -> None:
        more = True
        while more:
            message = await incoming.receive()
            if message["type"] == "http.disconnect":
                raise EndpointError("The client closed the connection.", status=499)
            more, piece = message.get("more_body", False), message.get("body", b"")
            if incoming.too_much:
                self._held -= len(body)
                body.clear()
                continue
            if self._held + len(piece) > MOST_HELD_BYTES:
                raise EndpointError(
                    "Too much is being sent by all clients together. Try again in a moment.",
                    status=429,
                    type="requests",
                    code="rate_limit_exceeded",
                    retry_after=1,
                )
            body += piece
            self._held += len(piece)
        if incoming.too_much:
            raise _too_large(incoming.bytes, MOST_JSON_BYTES)


class _Incoming:
    """A request's body as it arrives.

    Args:
        receive: The server's.
        patience_s: Seconds that even an empty body may take.
        most: The most bytes that are wanted.

    Attributes:
        bytes: How many came so far.
    """

    def __init__(self, receive: Receive, patience_s: float, most: int) -> None:
        self._receive = receive
        self._started = asyncio.get_running_loop().time()
        self._patience_s, self._most = patience_s, most
        self._complete = False
        self.bytes = 0

    @property
    def too_much(self) -> bool:
        """More came than is wanted."""
        return self.bytes > self._most

    async def receive(self) -> Message:
        """The next message.

        Raises:
            EndpointError: It is late, or the sender does not stop.
        """
        if self._complete:  # what comes next is the end of the connection, whenever that is
            return await self._receive()
        latest = self._started + self._patience_s + self.bytes / SLOWEST_BYTES_PER_S
        try:
            async with asyncio.timeout_at(latest):
                message = await self._receive()
        except TimeoutError:
            raise EndpointError(
                f"The request's body did not arrive: {self.bytes:,} bytes, and then nothing or too "
                "little. Send it again.",
                status=408,
            ) from None
        self.bytes += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self.bytes > self._most + MOST_IGNORED_BYTES:
            raise _too_large(self.bytes, self._most)
        return message


def _again(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives a body that was read already."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def from_start() -> Message:
        return messages.pop() if messages else await receive()

    return from_start


def _refuse_packed(headers: Headers) -> None:
    encoding = headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise EndpointError(
            f"A body with Content-Encoding {encoding[:40]!r} is not unpacked here: send it plain.",
            status=415,
        )


def _check(body: bytearray, headers: Headers) -> None:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not body or not kind.endswith(("/json", "+json")):
        return  # the route says what it wants
    brackets = body.count(b"{") + body.count(b"[")
    if brackets > MOST_BRACKETS:
        raise EndpointError(
            f"The body has {brackets:,} lists and objects, and {MOST_BRACKETS:,} are the most. "
            "Send it in parts.",
            status=413,
        )
    try:
        from_json(body, allow_inf_nan=False, cache_strings="none")
    except ValueError as error:
        message = f"The body is not valid JSON ({error})."
        if "recursion" in str(error):
            message = "The body's lists and objects are nested too deep: 200 levels are the most."
        raise EndpointError(message) from None


def _too_large(size: int, most: int) -> EndpointError:
    return EndpointError(
        f"The body has {size:,} bytes or more, and {most:,} are the most. Send it in parts.",
        status=413,
    )
