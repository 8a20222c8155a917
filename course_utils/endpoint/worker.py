"""One training process, watched: what it reports goes into the store."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from course_utils.endpoint.store import Row, Store, new_id
from course_utils.settings import REPO

LOOK_EVERY_S = 0.25
# It ends after its current step; on shutdown no longer than the server itself is given.
SAVE_S, SHUTDOWN_SAVE_S = 120.0, 10.0
MOST_BYTES = 2**20


class Worker:
    """The training process of one job.

    Args:
        store: Where its events and checkpoints go.
        job: The job; ``config.json`` lies in its folder.

    Attributes:
        ends_at: About when it ends, as ``time.monotonic()``; ``None`` while nobody knows.
    """

    def __init__(self, store: Store, job: Row) -> None:
        self.ends_at: float | None = None
        self._store, self._job = store, job
        self._folder = store.job_folder(job["id"])
        self._checkpoints_bytes = 0

    async def run(self) -> int:
        """Run it until it ends, or until the job is ``running`` no more.

        When this task is cancelled, the process is asked to save a checkpoint and to end.

        Returns:
            Its exit code.
        """
        with (self._folder / "log.txt").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "course_utils.finetune.train",
                str(self._folder),
                "--parent",
                str(os.getpid()),
                cwd=REPO,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **_apart(),
            )
        try:
            _be_kind(process.pid)
            end_by = None
            while not await _ended(process, LOOK_EVERY_S):
                self._read()
                status = self._store.get("jobs", self._job["id"])["status"]
                if status == "cancelled" or (end_by and time.monotonic() > end_by):
                    process.kill()
                elif status != "running" and end_by is None:
                    process.terminate()
                    end_by = time.monotonic() + SAVE_S
            self._read()
            return process.returncode
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
                if not await _ended(process, SHUTDOWN_SAVE_S):
                    process.kill()
                    await process.wait()
            raise

    def _read(self) -> None:
        with self._store.transaction():
            self._read_events()
            self._read_checkpoints()

    def _read_events(self) -> None:
        path, job_id = self._folder / "events.jsonl", self._job["id"]
        read = self._store.get("jobs", job_id)["events_read"]
        if not path.exists() or path.stat().st_size <= read:
            return
        with path.open("rb") as file:
            file.seek(read)
            new = file.read(MOST_BYTES)
        complete = new[: new.rfind(b"\n") + 1]
        for event in _parsed(complete):
            data = event.get("data")
            self._store.event(
                job_id,
                event["message"],
                created_at=event["created_at"],
                level=event["level"],
                type=event["type"],
                data=data,
            )
            if data and data.get("seconds_left") is not None:
                finish = int(event["created_at"] + data["seconds_left"])
                self.ends_at = time.monotonic() + data["seconds_left"]
                self._store.update("jobs", job_id, estimated_finish=finish)
        self._store.update("jobs", job_id, events_read=read + len(complete))

    def _read_checkpoints(self) -> None:
        path = self._folder / "checkpoints.jsonl"
        size = path.stat().st_size if path.exists() else 0
        if size == self._checkpoints_bytes:
            return
        self._checkpoints_bytes = size
        for found in _parsed(path.read_bytes()):
            step = found["step"]
            name = f"{self._job['tuned_name']}:ckpt-step-{step}"
            new = self._store.add(
                "checkpoints",
                id=new_id("ftckpt_"),
                created_at=found["created_at"],
                job=self._job["id"],
                step=step,
                model=name,
                metrics={"step": step, **found["metrics"]},
            )
            if new:
                add_model(self._store, name, self._job, self._folder / found["gguf"])
                self._store.event(self._job["id"], f"Checkpoint created at step {step}: {name}")


def add_model(store: Store, name: str, job: Row, adapter: Path) -> None:
    """Serve an adapter of a job under a name from now on."""
    place = adapter.relative_to(store.folder).as_posix()
    store.add("models", id=name, base=job["model"], adapter=place, owner=job["owner"])


def _parsed(lines: bytes) -> list[dict[str, Any]]:
    """The JSON objects among them: a killed process may have left half a line."""
    found = []
    for line in lines.splitlines():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return [item for item in found if isinstance(item, dict)]


async def _ended(process: asyncio.subprocess.Process, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), seconds)
    return process.returncode is not None


def _apart() -> dict[str, Any]:
    """Popen options that keep the terminal's Ctrl-C from it: the endpoint ends it in order.

    Not a session of its own: Linux shares the cores out among sessions first (autogroup), and a
    training would get half of them whatever its priority.
    """
    if os.name == "nt":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"process_group": 0}


def _be_kind(pid: int) -> None:
    """Low priority, so that answers stay quick."""
    with contextlib.suppress(psutil.Error):
        low = psutil.BELOW_NORMAL_PRIORITY_CLASS if os.name == "nt" else 10
        psutil.Process(pid).nice(low)
