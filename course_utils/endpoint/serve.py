"""Runs the endpoint in the foreground until it is stopped or nobody has used it for a while."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Mapping

import uvicorn

from course_utils.endpoint import process
from course_utils.endpoint.app import create_app
from course_utils.errors import CourseError
from course_utils.settings import settings

SHUTDOWN_S = 10


def serve(
    port: int = 0, aliases: Mapping[str, str] | None = None, idle_minutes: float | None = None
) -> None:
    """Serve on 127.0.0.1, blocking.

    Args:
        port: Port; 0 takes a free one.
        aliases: Extra model name → id of a served model.
        idle_minutes: Minutes without a request after which it ends; 0 or less means never.
            ``None`` takes ``COURSE_IDLE_MINUTES``.

    Raises:
        CourseError: Another endpoint serves this course home, the port is taken, an alias points
            nowhere, or the model cannot be loaded.
    """
    idle = settings().idle_minutes if idle_minutes is None else idle_minutes
    # uvicorn passes the signal on when it is done; by then there is nothing left to end.
    signal.signal(signal.SIGTERM, lambda *_: None)
    with process.serving(), _listen(port) as listening, contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(listening, create_app(aliases), idle * 60))


def _listen(port: int) -> socket.socket:
    """A bound socket, handed to uvicorn as it is: nobody can take the port in between."""
    # The event loop sends small answers at once (TCP_NODELAY) only where the protocol is named;
    # without it every answer takes 40 ms longer.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name != "nt":  # there it would let two servers share the port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        listening.close()
        raise CourseError(
            f"port {port} on 127.0.0.1 cannot be used: {error.strerror}",
            "choose another with --port, or 0 for a free one",
        ) from None
    return listening


async def _run(listening: socket.socket, app, idle_s: float) -> None:
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        lifespan="on",
        timeout_keep_alive=60,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    server = uvicorn.Server(config)
    port = listening.getsockname()[1]
    watching = asyncio.create_task(_watch(server, app, port, idle_s))
    await server.serve(sockets=[listening])
    watching.cancel()
    if app.state.failure:
        raise app.state.failure


async def _watch(server: uvicorn.Server, app, port: int, idle_s: float) -> None:
    """Announce the endpoint once a model answers, then end it once nobody uses it."""
    while not (server.started and app.state.ready.is_set()):
        if app.state.failure:
            server.should_exit = True
            return
        await asyncio.sleep(0.02)
    process.announce(port)
    print(f"The local endpoint answers at http://127.0.0.1:{port}/v1", flush=True)
    activity = app.state.activity
    activity.restart()
    while idle_s <= 0 or activity.idle_seconds() < idle_s:
        await asyncio.sleep(min(1.0, max(idle_s / 4, 0.05)) if idle_s > 0 else 60)
    print(f"Nobody asked for {idle_s / 60:g} minutes: the endpoint ends.", flush=True)
    server.should_exit = True
