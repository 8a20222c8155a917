"""Helpers of the course *RAG or fine-tuning?*: plumbing, never the lesson itself.

A notebook starts with::

    from course_utils import connect

    course = connect()

Importing this package is cheap: no torch, no network, nothing written.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from course_utils.connection import connect as connect
    from course_utils.errors import CourseError as CourseError

__all__ = ["CourseError", "connect"]


def __getattr__(name: str) -> object:
    if name == "connect":
        from course_utils.connection import connect

        return connect
    if name == "CourseError":
        from course_utils.errors import CourseError

        return CourseError
    raise AttributeError(f"module 'course_utils' has no attribute {name!r}")
