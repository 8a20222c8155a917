"""The endpoint's side of one connection: uvicorn's, made safe against clients that dawdle.

uvicorn waits without end for the head of a request and for an answer to be read. Here both end
the connection after a while. h11 reads the requests, the same on all systems: it refuses heads of
more than 64 KiB, which uvicorn's other parser would collect for ever.
"""

import asyncio
import json

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from course_utils.endpoint.errors import EndpointError
from course_utils.settings import settings

# Open connections, idle ones included; a process may usually open 1,024 files.
MOST_CONNECTIONS = 800


class Protocol(H11Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Called by the event loop, like all that follow."""
        super().connection_made(transport)
        self._patience_s = settings().patience_s
        self._head: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._head, self._unread):
            if timer:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._await_head()
        elif self._head:
            self._head.cancel()
            self._head = None

    def _await_head(self) -> None:
        if not self._head:  # it counts from the first byte
            self._head = self.loop.call_later(self._patience_s, self.transport.close)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(self._patience_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread:
            self._unread.cancel()
            self._unread = None

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or too much of it, in the shape of all other errors."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            error = EndpointError(f"{msg} Its first line and headers may have 64 KiB.")
            body = json.dumps(error.body()).encode()
            headers = [("content-type", "application/json"), ("connection", "close")]
            headers.append(("content-length", str(len(body))))
            for event in (
                h11.Response(status_code=400, headers=headers),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event))
        self.transport.close()
