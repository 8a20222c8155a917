"""Stops work whose client has gone."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from fastapi import Request

from course_utils.endpoint.errors import EndpointError

T = TypeVar("T")


async def unless_gone(request: Request, work: Awaitable[T]) -> T:
    """Await ``work``, but cancel it as soon as the client has closed the connection.

    Raises:
        EndpointError: The client has gone (nobody reads this answer).
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise EndpointError("The client closed the connection.", status=499)
        return task.result()
    finally:
        gone.cancel()
        task.cancel()


async def _gone(request: Request) -> None:
    # The body has been read, so what comes next is the end of the connection.
    while (await request.receive())["type"] != "http.disconnect":
        pass
