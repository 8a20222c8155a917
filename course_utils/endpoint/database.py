"""What can be wrong with the endpoint's database, found before anything is written to it."""

import errno
import shutil
import sqlite3
from pathlib import Path

from course_utils.endpoint.tables import MIGRATIONS
from course_utils.errors import CourseError
from course_utils.settings import refused, settings

LEAST_FREE_BYTES = 2**20


def check(database: sqlite3.Connection, path: Path, *folders: Path) -> None:
    """Is this a sound database, and the one of these folders?

    Args:
        database: Just opened.
        path: Its file.
        folders: Where things lie that it knows.

    Raises:
        CourseError: No. Nothing has been changed.
        sqlite3.DatabaseError: It cannot even be read.
    """
    (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise damaged(path, found)
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise CourseError(
            f"{path} was written by a newer release of the course",
            "update the course, or point COURSE_HOME at another folder",
        )
    if not version and any(any(folder.iterdir()) for folder in folders):
        raise damaged(path, "it is gone or empty, and the files that it knew are there")


def damaged(path: Path, reason: object) -> CourseError:
    """Says so in one line, with a cure that loses nothing."""
    return CourseError(
        f"the endpoint's database {path} is damaged: {' '.join(str(reason).split())}",
        f"nothing was deleted: put a copy of it back, or move {path.parent} away to begin anew "
        "(its folder files holds what was uploaded, jobs the trained models)",
    )


def cannot_store(error: sqlite3.Error) -> CourseError | None:
    """What keeps SQLite from writing, with the cure; ``None`` when it is something else."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _no_space()):
        return refused(OSError(errno.ENOSPC, str(error)))
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return refused(OSError(errno.EROFS, str(error)))
    if code == sqlite3.SQLITE_BUSY:
        return CourseError(
            f"another program holds the endpoint's database ({error})", "end it, then try again"
        )
    return None


def _no_space() -> bool:
    return shutil.disk_usage(settings().home).free < LEAST_FREE_BYTES
