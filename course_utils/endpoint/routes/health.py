"""``GET /health``."""

import os
import time
from typing import Any

import psutil
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from course_utils.endpoint.access import who
from course_utils.endpoint.store import UNFINISHED

router = APIRouter()


@router.get("/health")
async def health(request: Request) -> JSONResponse:
    """200 and ``ok`` once a model has really answered; 503 and ``starting`` before."""
    state = request.app.state
    body: dict[str, Any] = {
        "status": "ok" if state.ready.is_set() else "starting",
        "home": state.home_id,
        "models": [*state.catalog.ids(who(request)), *state.catalog.aliases],
        "uptime_s": round(time.monotonic() - state.started, 3),
        "rss_mb": round(psutil.Process().memory_info().rss / 2**20, 1),
        "pid": os.getpid(),
        "version": request.app.version,
        "requests": state.activity.requests,
        "engine": state.catalog.load(),
        "tokens_per_s": state.traffic.tokens_per_s(),
        "jobs": {status: len(state.store.in_state(status)) for status in UNFINISHED},
    }
    return JSONResponse(body, 200 if state.ready.is_set() else 503)
