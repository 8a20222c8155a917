"""Puts the endpoint together."""

import asyncio
import functools
import importlib.metadata
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp, Receive, Scope, Send

from course_utils.endpoint import description, errors, tuned
from course_utils.endpoint.access import Guard, KeyRing
from course_utils.endpoint.bounds import Bounds
from course_utils.endpoint.catalog import Catalog
from course_utils.endpoint.process import home_id
from course_utils.endpoint.routes import (
    chat,
    embeddings,
    files,
    fine_tuning,
    health,
    models,
    page,
    progress,
)
from course_utils.endpoint.runner import Runner
from course_utils.endpoint.sessions import Sessions
from course_utils.endpoint.store import Store
from course_utils.endpoint.traffic import Traffic
from course_utils.settings import settings


class Activity:
    """Counts API requests, so that an endpoint that nobody uses can end itself.

    Asking for ``/health`` is no use of it.

    Args:
        busy: Says whether there is work to do that nobody waits for.
    """

    def __init__(self, busy: Callable[[], bool]) -> None:
        self._busy = busy
        self.requests = 0
        self.in_flight = 0
        self._last = time.monotonic()

    def idle_seconds(self) -> float:
        """Seconds since the last request or work ended; 0 meanwhile."""
        if self.in_flight or self._busy():
            self.restart()
        return time.monotonic() - self._last

    def restart(self) -> None:
        """Idle time counts from now on."""
        self._last = time.monotonic()

    def begin(self) -> None:
        """A request has come in."""
        self.requests += 1
        self.in_flight += 1

    def end(self) -> None:
        """A request is answered, or its client has gone."""
        self.in_flight -= 1
        self._last = time.monotonic()


class _CountRequests:
    """Plain ASGI, because a wrapped response would cost time on every token of a stream."""

    def __init__(self, app: ASGIApp, activity: Activity) -> None:
        self.app = app
        self.activity = activity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self.app(scope, receive, send)
            return
        self.activity.begin()
        try:
            await self.app(scope, receive, send)
        finally:
            self.activity.end()


# For a class: thirty people's adapters in turn, and answers made side by side. On two cores eight
# at a time gave 2.4 times the tokens of one after short prompts (each slot needs memory: see
# settings). Prompts of 200 tokens are read no faster for many: beside a training it was 1.2 times.
# But a class follows one lesson and asks much the same: with the prompts of a while kept, 1 GB for
# a hundred of 400 tokens, it was 2.2 times where three learners asked each.
CLASS_SIZE = {"most_engines": 6, "parallel": 8, "cache_mb": 1024}


def create_app(aliases: Mapping[str, str] | None = None, is_class: bool = False) -> FastAPI:
    """The endpoint as an ASGI application. Its engine loads while the server starts.

    Args:
        aliases: Extra model name → id of a served model. Answers still carry the real id.
        is_class: Answer only those with a key (``access.make_keys``), each in turn.

    Raises:
        CourseError: An alias points nowhere.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(_load(app))
        app.state.runner.start()
        yield
        loading.cancel()
        await app.state.runner.stop()
        app.state.store.close()

    # FastAPI's own /docs would load its viewer from another host.
    app = FastAPIOffline(
        redoc_url=None,
        title="Local endpoint of the course RAG or fine-tuning?",
        description="OpenAI's API, answered by small models on this machine.",
        version=importlib.metadata.version("xllamacpp"),
        lifespan=lifespan,
    )
    app.state.store = Store(settings().endpoint_dir)
    app.state.is_class = is_class
    size = CLASS_SIZE if is_class else {}
    tuned_models = functools.partial(tuned.models, app.state.store)
    app.state.catalog = Catalog(aliases, tuned_models, **size)
    app.state.runner = Runner(app.state.store, app.state.catalog.unload_idle)
    app.state.activity = Activity(app.state.runner.busy)
    app.state.ready = asyncio.Event()
    app.state.failure = None
    app.state.home_id = home_id()
    app.state.started = time.monotonic()
    app.state.keys = KeyRing(app.state.store) if is_class else None
    app.state.items = _items_of_the_course() if is_class else set()
    app.state.sessions = Sessions()
    app.state.traffic = Traffic()
    app.add_middleware(Bounds)
    app.add_middleware(Guard, keys=app.state.keys, traffic=app.state.traffic)
    app.add_middleware(_CountRequests, activity=app.state.activity)
    errors.install(app)
    for part in (chat, embeddings, files, fine_tuning, models, health, page, progress):
        app.include_router(part.router)
    description.install(app)
    return app


def _items_of_the_course() -> set[tuple[str, str]]:
    from course_utils.teach.progress import all_items  # half a second, and only for a class

    return all_items()


async def _load(app: FastAPI) -> None:
    catalog = app.state.catalog
    try:
        engine = await catalog.engine(catalog.default_chat)
        if await asyncio.to_thread(engine.answers):
            app.state.ready.set()
    except Exception as error:  # told by the server when it has ended itself
        app.state.failure = error
