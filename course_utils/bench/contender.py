"""A process of its own for each contender of a benchmark: in one, thread pools get in the way."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import TypeVar
from unittest.mock import patch

from course_utils.errors import CourseError

T = TypeVar("T")


@contextmanager
def in_own_process(
    make: Callable[[], Callable[[], T]], environment: Mapping[str, str] | None = None
) -> Iterator[Callable[[], T]]:
    """What ``make`` returns, in a fresh process; each call runs it there once.

    Args:
        make: Loads what is to be measured; a function of a module.
        environment: Variables of the process, besides those of this one.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    worker = context.Process(target=_serve, args=(make, theirs), daemon=True)
    with patch.dict(os.environ, environment or {}):  # a spawned process takes it over
        worker.start()
    theirs.close()

    def ask() -> T:
        try:
            ours.send(None)
            return ours.recv()
        except (EOFError, BrokenPipeError):
            raise CourseError(
                f"the process that measures {make.__name__.strip('_')} ended",
                "its own error stands above this line",
            ) from None

    try:
        yield ask
    finally:
        ours.close()
        worker.join(timeout=10)
        worker.kill()


def _serve(make: Callable[[], Callable[[], T]], connection: Connection) -> None:
    measure_once = make()
    while True:
        try:
            connection.recv()
        except EOFError:
            return
        connection.send(measure_once())
