"""Runs the endpoint in the foreground until it is stopped or nobody has used it for a while."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Mapping, Sequence

import uvicorn

from course_utils.endpoint import classroom, process
from course_utils.endpoint.app import create_app
from course_utils.endpoint.protocol import MOST_CONNECTIONS, Protocol
from course_utils.errors import CourseError
from course_utils.settings import settings

SHUTDOWN_S = 10
# A kernel that trains, say, can use the memory meanwhile: with two chat models and the encoder
# loaded 0.34 GB were held instead of 0.91. The next who asks waits half a second longer.
UNLOAD_AFTER_S = 15
LOOPBACK = "127.0.0.1"


def serve(
    port: int = 0,
    aliases: Mapping[str, str] | None = None,
    idle_minutes: float | None = None,
    host: str = LOOPBACK,
    learners: Sequence[str] = (),
    new_keys: bool = False,
) -> None:
    """Serve on this machine, or for a class, blocking.

    Args:
        port: Port; 0 takes a free one.
        aliases: Extra model name → id of a served model.
        idle_minutes: Minutes without a request after which it ends; 0 or less means never.
            ``None`` takes ``COURSE_IDLE_MINUTES``; for a class it never ends.
        host: Address to listen on; others than loopback are for a class only.
        learners: Names of a class; its keys are made where they are missing, and printed.
        new_keys: Make all keys of the class anew.

    Raises:
        CourseError: Another endpoint serves this course home, the port is taken, an alias points
            nowhere, or the model cannot be loaded.
    """
    if host != LOOPBACK and not learners:
        raise CourseError(
            f"without keys nothing but this machine is served, and {host} is for others",
            "add --class --learners N, or leave --host out",
        )
    usual = 0 if learners else settings().idle_minutes
    idle = usual if idle_minutes is None else idle_minutes
    # uvicorn passes the signal on when it is done; by then there is nothing left to end.
    signal.signal(signal.SIGTERM, lambda *_: None)
    serving = process.serving()
    with serving, _listen(host, port) as listening, contextlib.suppress(KeyboardInterrupt):
        keys = classroom.hand_out(learners, new_keys) if learners else {}
        app = create_app(aliases, is_class=bool(learners))
        url = _url(classroom.reachable_host(host), listening.getsockname()[1])
        if learners:
            print(classroom.sheet(keys, url), flush=True)
        asyncio.run(_run(listening, app, url, idle * 60))


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}/v1" if ":" in host else f"http://{host}:{port}/v1"


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket, handed to uvicorn as it is: nobody can take the port in between."""
    # The event loop sends small answers at once (TCP_NODELAY) only where the protocol is named;
    # without it every answer takes 40 ms longer.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name != "nt":  # there it would let two servers share the port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise CourseError(
            f"port {port} on {host} cannot be used: {error.strerror}",
            "choose another with --port, or 0 for a free one",
        ) from None
    return listening


async def _run(listening: socket.socket, app, url: str, idle_s: float) -> None:
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        lifespan="on",
        http=Protocol,
        ws="none",
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    server = uvicorn.Server(config)
    watching = asyncio.create_task(_watch(server, app, url, idle_s))
    await server.serve(sockets=[listening])
    watching.cancel()
    if app.state.failure:
        raise app.state.failure


async def _watch(server: uvicorn.Server, app, url: str, idle_s: float) -> None:
    try:
        await _announce_and_end(server, app, url, idle_s)
    except OSError as error:  # the note or the log cannot be written
        app.state.failure = error
        server.should_exit = True


async def _announce_and_end(server: uvicorn.Server, app, url: str, idle_s: float) -> None:
    """Announce the endpoint once a model answers, then end it once nobody uses it."""
    while not (server.started and app.state.ready.is_set()):
        if app.state.failure:
            server.should_exit = True
            return
        await asyncio.sleep(0.02)
    process.announce(url, app.state.is_class)
    print(f"The local endpoint answers at {url}", flush=True)
    activity = app.state.activity
    activity.restart()
    while idle_s <= 0 or activity.idle_seconds() < idle_s:
        if activity.idle_seconds() > UNLOAD_AFTER_S:
            app.state.catalog.unload_idle()
        await asyncio.sleep(min(1.0, max(idle_s / 4, 0.05)) if idle_s > 0 else 60)
    print(f"Nobody asked for {idle_s / 60:g} minutes: the endpoint ends.", flush=True)
    server.should_exit = True
