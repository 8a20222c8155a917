"""A process of its own for each contender of a benchmark: in one, thread pools get in the way."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import TypeVar

from course_utils.errors import CourseError

T = TypeVar("T")


@contextmanager
def in_own_process(make: Callable[[], Callable[[], T]]) -> Iterator[Callable[[], T]]:
    """What ``make`` returns, in a fresh process; each call runs it there once."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    worker = context.Process(target=_serve, args=(make, theirs), daemon=True)
    worker.start()
    theirs.close()

    def ask() -> T:
        try:
            ours.send(None)
            return ours.recv()
        except (EOFError, BrokenPipeError):
            raise CourseError(
                f"the process that measures {_name(make)} ended",
                "its own error stands above this line",
            ) from None

    try:
        yield ask
    finally:
        ours.close()
        worker.join(timeout=10)
        worker.kill()


def _name(make: Callable) -> str:
    return getattr(make, "func", make).__name__.strip("_")  # that of a partial is inside


def _serve(make: Callable[[], Callable[[], T]], connection: Connection) -> None:
    measure_once = make()
    while True:
        try:
            connection.recv()
        except EOFError:
            return
        connection.send(measure_once())
