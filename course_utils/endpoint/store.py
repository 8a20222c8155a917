"""What the endpoint has promised to keep: files, jobs, events, checkpoints, tuned models.

One SQLite database beside two folders: ``files/<file id>`` (their bytes) and ``jobs/<job id>/``
(what the training process reads and writes). A commit has reached the disk when it returns. Bytes
are on disk before their row, so a row never lacks its bytes. ``unsettled/`` names the files that
are just being made or deleted: what a killed endpoint left of them, ``sweep()`` removes. No other
file is ever removed for want of a row: the database may be the one that was lost.
"""

import contextlib
import json
import secrets
import sqlite3
import string
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.endpoint.database import cannot_store, check, damaged
from course_utils.endpoint.tables import MIGRATIONS
from course_utils.settings import refused

UNFINISHED = ("validating_files", "queued", "running")

JSON_COLUMNS = {"hyperparameters", "metadata", "error", "data", "metrics"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """A part of a list, and whether there is more of it."""

    rows: list[Row]
    has_more: bool


class Store:
    """The database and its folders. Used by one thread at a time.

    Args:
        folder: Where they lie (``COURSE_HOME/endpoint``); made when absent.

    Raises:
        CourseError: The database is damaged, missing beside its files, or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "files"
        self.jobs = folder / "jobs"
        self._unsettled = folder / "unsettled"
        try:
            for path in (self.files, self.jobs, self._unsettled):
                path.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                folder / "endpoint.db", isolation_level=None, check_same_thread=False, timeout=10
            )
            self._database.row_factory = sqlite3.Row
            check(self._database, folder / "endpoint.db", self.files, self.jobs)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut
            self._migrate()
        except OSError as error:
            raise refused(error) or error from None
        except sqlite3.DatabaseError as error:
            raise cannot_store(error) or damaged(folder / "endpoint.db", error) from None

    def _migrate(self) -> None:
        with self.transaction():
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            for change in MIGRATIONS[version:]:
                for statement in change.split(";\n"):
                    self._database.execute(statement)
            self._database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes within are made together or not at all; may be nested."""
        if self._database.in_transaction:
            yield
            return
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")  # fails on a full disk, and would stay open
        except BaseException:
            if self._database.in_transaction:  # some failures have rolled back already
                self._database.execute("ROLLBACK")
            raise

    # ---------------------------------------------------------------------------- any table

    def add(self, table: str, **values: Any) -> Row:
        """Add a row, by default made now, and return it. A double of a unique value is ignored."""
        values = {"created_at": int(time.time()), **values}
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        with self.transaction():
            self._database.execute(
                f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})",
                [_stored(value) for value in values.values()],
            )
            return self.get(table, values["id"])

    def get(self, table: str, row_id: str, **equal: Any) -> Row | None:
        """A row by its id; ``None`` also where other columns do not have the values ``equal``."""
        where = " AND ".join(f"{name} = ?" for name in ("id", *equal))
        query = f"SELECT * FROM {table} WHERE {where}"
        found = self._database.execute(query, [row_id, *equal.values()]).fetchone()
        return _loaded(found) if found else None

    def update(self, table: str, row_id: str, **values: Any) -> None:
        """Change columns of a row."""
        names = ", ".join(f"{name} = ?" for name in values)
        self._database.execute(
            f"UPDATE {table} SET {names} WHERE id = ?",
            [*(_stored(value) for value in values.values()), row_id],
        )

    def delete(self, table: str, row_id: str) -> None:
        """Remove a row."""
        self._database.execute(f"DELETE FROM {table} WHERE id = ?", [row_id])

    def all(self, table: str, **equal: Any) -> list[Row]:
        """All rows, oldest first, or those whose columns have the values ``equal``."""
        where = " AND ".join(f"{name} = ?" for name in equal) or "TRUE"
        query = f"SELECT * FROM {table} WHERE {where} ORDER BY seq"
        return [_loaded(row) for row in self._database.execute(query, list(equal.values()))]

    def page(
        self,
        table: str,
        *,
        limit: int,
        after: str | None = None,
        ascending: bool = False,
        metadata: Mapping[str, str] | None = None,
        **equal: Any,
    ) -> Page:
        """A part of a table, newest first.

        Args:
            table: Its name.
            limit: Rows at most.
            after: Id of the last row of the part before.
            ascending: Oldest first instead.
            metadata: Pairs that the column ``metadata`` must have; ``{}`` asks for rows without.
            equal: Column → value that it must have.

        Raises:
            KeyError: There is no row ``after`` in this list.
        """
        where, values = [f"{name} = ?" for name in equal], list(equal.values())
        if after is not None:
            where.append(f"seq {'>' if ascending else '<'} ?")
            row = self.get(table, after, **equal)
            if row is None:
                raise KeyError(after)
            values.append(row["seq"])
        if metadata is not None and not metadata:
            where.append("coalesce(metadata, '{}') = '{}'")
        for pair in (metadata or {}).items():
            where.append("EXISTS (SELECT 1 FROM json_each(metadata) WHERE key = ? AND value = ?)")
            values.extend(pair)
        found = self._database.execute(
            f"SELECT * FROM {table} WHERE {' AND '.join(where) or 'TRUE'} "
            f"ORDER BY seq {'ASC' if ascending else 'DESC'} LIMIT ?",
            [*values, limit + 1],
        ).fetchall()
        return Page([_loaded(row) for row in found[:limit]], len(found) > limit)

    # --------------------------------------------------------------------------------- jobs

    def in_state(self, *states: str) -> list[Row]:
        """Jobs in one of these states, in the order in which they were created."""
        marks = ", ".join("?" * len(states))
        query = f"SELECT * FROM jobs WHERE status IN ({marks}) ORDER BY seq"
        return [_loaded(row) for row in self._database.execute(query, states)]

    def advance(self, job_id: str, before: tuple[str, ...], status: str, **values: Any) -> bool:
        """Put a job from one of the states ``before`` into another.

        Returns:
            False when it was in none of them; then nothing is changed.
        """
        with self.transaction():
            if self.get("jobs", job_id)["status"] not in before:
                return False
            self.update("jobs", job_id, status=status, **values)
            return True

    def event(self, job_id: str, message: str, **values: Any) -> None:
        """Add an event to a job: by default an informative message of now."""
        kind = {"level": "info", "type": "message", "data": None}
        self.add("events", id=new_id("ftevent-"), job=job_id, message=message, **{**kind, **values})

    def job_folder(self, job_id: str) -> Path:
        """Where a job's training process reads and writes."""
        return self.jobs / job_id

    # -------------------------------------------------------------------------------- files

    def file_path(self, file_id: str) -> Path:
        """The bytes of a file."""
        return self.files / file_id

    @contextlib.contextmanager
    def making(self, file_id: str) -> Iterator[Path]:
        """Where the bytes of a new file go; without a row at the end they are removed."""
        mark = self._unsettled / file_id
        mark.touch()
        try:
            yield self.file_path(file_id)
        finally:
            self._settle(mark)

    def delete_file(self, file_id: str) -> None:
        """Remove a file, row and bytes."""
        mark = self._unsettled / file_id
        mark.touch()
        self.delete("files", file_id)
        self._settle(mark)

    def _settle(self, mark: Path) -> None:
        if self.get("files", mark.name) is None:
            self.file_path(mark.name).unlink(missing_ok=True)
        mark.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what interrupted requests left. Only while no request is being answered."""
        for mark in self._unsettled.iterdir():
            self._settle(mark)
        for folder in self.jobs.iterdir():
            if self.get("jobs", folder.name) is None:
                with contextlib.suppress(OSError):  # not empty: so there was a row once
                    folder.rmdir()


def now(row: Row) -> int:
    """The time in seconds since 1970, and not before ``row`` was made: a clock may be set back."""
    return max(int(time.time()), row["created_at"])


def new_id(prefix: str, length: int = 24) -> str:
    """An id as OpenAI's look."""
    alphabet = string.ascii_letters + string.digits
    return prefix + "".join(secrets.choice(alphabet) for _ in range(length))


def _stored(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _loaded(row: sqlite3.Row) -> Row:
    return {
        name: json.loads(row[name]) if name in JSON_COLUMNS and row[name] is not None else row[name]
        for name in row.keys()  # noqa: SIM118 - a sqlite3.Row iterates over its values
    }
