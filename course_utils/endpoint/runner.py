"""Works the jobs off: two tasks of the endpoint, one that validates and one that trains.

All state is in the store; the runner looks there for what to do next. So a new endpoint goes on
where a killed one was, and whoever cancels or pauses a job only changes its state.
"""

import asyncio
import contextlib
import json
import logging
import shutil
import sqlite3
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from course_utils.endpoint.order import in_turn, next_turn
from course_utils.endpoint.store import UNFINISHED, Row, Store, new_id, now
from course_utils.endpoint.uploads import to_disk
from course_utils.endpoint.validation import ValidationFailedError, validate
from course_utils.endpoint.worker import Worker, add_model

MOST_DEATHS = 3
RETRY_S = 5.0
# Four checkpoints of the default settings, 60 MB each (adapter and optimiser), and the rest.
LEAST_FREE_MB = 300
NO_ROOM = "Waiting for space on the disk"

Work = Callable[[], Awaitable[bool]]

log = logging.getLogger(__name__)


class Runner:
    """Validates and trains, one job at a time, everybody's in turn.

    Args:
        store: Where the jobs are.
        make_room: Called before a training, which needs more memory than anything else here.
    """

    def __init__(self, store: Store, make_room: Callable[[], None]) -> None:
        self._store = store
        self._make_room = make_room
        self._news: list[asyncio.Event] = []
        self._tasks: list[asyncio.Task] = []
        self._positions: dict[str, int] = {}
        self._seconds: deque[float] = deque(maxlen=5)  # what the last trainings took
        self._worker: Worker | None = None

    def start(self) -> None:
        """Begin, with what an earlier endpoint left."""
        self._store.sweep()
        for job in self._store.in_state("running"):
            self._store.event(job["id"], "The endpoint has started again: the training goes on")
        for work in (self._validate_next, self._train_next):
            news = asyncio.Event()
            self._news.append(news)
            self._tasks.append(asyncio.create_task(self._keep_on(work, news)))

    async def stop(self) -> None:
        """End; a running training saves a checkpoint first, and its job stays ``running``."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def poke(self) -> None:
        """Some job has changed its state."""
        self._announce_positions()
        for news in self._news:
            news.set()

    def busy(self) -> bool:
        """True while a job is unfinished, other than a paused one."""
        return bool(self._store.in_state(*UNFINISHED))

    async def _keep_on(self, work: Work, news: asyncio.Event) -> None:
        while True:
            news.clear()
            try:
                if not await work():
                    await news.wait()
            except Exception:  # the store cannot be written: a full disk, say
                log.exception("the jobs have to wait")
                await asyncio.sleep(RETRY_S)

    async def _validate_next(self) -> bool:
        waiting = self._store.in_state("validating_files")
        for job in waiting[:1]:
            await self._guarded(self._validate, job)
        return bool(waiting)

    async def _train_next(self) -> bool:
        waiting = in_turn(self._store)
        for job in waiting[:1]:
            await self._guarded(self._train, job)
        return bool(waiting)

    async def _guarded(self, work: Callable[[Row], Awaitable[None]], job: Row) -> None:
        """Whatever goes wrong, the job ends and the next has its turn; on a full disk it waits."""
        try:
            if self._lacks_room(job):
                await asyncio.sleep(RETRY_S)
                return
            await work(job)
        except ValidationFailedError as failure:
            self._fail(job, failure.error)
        except Exception as error:
            log.exception("job %s", job["id"])
            if self._lacks_room(job):
                return
            message = f"The endpoint failed at this job: {type(error).__name__}: {error}"
            self._fail(job, {"code": "server_error", "message": message, "param": None})
        self.poke()

    def _lacks_room(self, job: Row) -> bool:
        """True, and the job's events say so, while too little is free to train."""
        free = shutil.disk_usage(self._store.folder).free // 2**20
        if free >= LEAST_FREE_MB:
            return False
        message = f"{NO_ROOM}: {free} MiB are free, and training wants {LEAST_FREE_MB}"
        last = self._store.page("events", limit=1, job=job["id"]).rows
        if not (last and last[0]["message"].startswith(NO_ROOM)):
            log.warning("job %s: %s", job["id"], message)
            with contextlib.suppress(sqlite3.Error):  # it is that full; tried again later
                self._store.event(job["id"], message, level="warn")
        return True

    async def _validate(self, job: Row) -> None:
        chosen = await validate(self._store, job)
        with self._store.transaction():
            values = {"hyperparameters": chosen, "validated": 1}
            if self._store.advance(job["id"], ("validating_files",), "queued", **values):
                message = "Files validated, moving job to queued state"
                self._store.event(job["id"], message)

    async def _train(self, job: Row) -> None:
        turn = next_turn(self._store.all("jobs"))
        if self._store.advance(job["id"], ("queued",), "running", turn=turn):
            self._store.event(job["id"], "Fine-tuning job started")
        self._store.update("jobs", job["id"], estimated_finish=None)  # of an earlier run
        folder = self._store.job_folder(job["id"])
        done, failed = folder / "done.json", folder / "failed.json"
        self._make_room()
        began = time.monotonic()
        self._worker = Worker(self._store, job)
        code = 0 if done.exists() else await self._worker.run()
        if self._store.get("jobs", job["id"])["status"] != "running":
            pass  # cancelled or paused meanwhile
        elif done.exists():
            self._seconds.append(time.monotonic() - began)
            self._succeed(job, json.loads(done.read_text(encoding="utf-8")))
        elif self._lacks_room(job):
            failed.unlink(missing_ok=True)  # most likely for that; it goes on when there is some
        elif failed.exists():
            self._fail(job, json.loads(failed.read_text(encoding="utf-8")))
        else:
            self._died(job, code)
        if self._store.get("jobs", job["id"])["status"] not in (*UNFINISHED, "paused"):
            # Only needed to go on from; large.
            await asyncio.to_thread(shutil.rmtree, folder / "trainer", ignore_errors=True)

    def _succeed(self, job: Row, done: dict[str, Any]) -> None:
        store, folder = self._store, self._store.job_folder(job["id"])
        results, content = new_id("file-"), (folder / "metrics.csv").read_bytes()
        with store.making(results) as path, path.open("xb") as file:
            file.write(content)
            to_disk(file)
            self._conclude(job, done, results, len(content))

    def _conclude(self, job: Row, done: dict[str, Any], results: str, size: int) -> None:
        store, folder = self._store, self._store.job_folder(job["id"])
        with store.transaction():
            names = {"filename": "step_metrics.csv", "purpose": "fine-tune-results"}
            store.add("files", id=results, bytes=size, owner=job["owner"], **names)
            add_model(store, job["tuned_name"], job, folder / "adapter.gguf")
            ended = {"finished_at": now(job), "estimated_finish": None}
            ended |= {"trained_tokens": done["trained_tokens"], "result_file": results}
            store.advance(job["id"], ("running",), "succeeded", **ended)
            store.event(job["id"], f"New fine-tuned model created: {job['tuned_name']}")
            store.event(job["id"], "The job has successfully completed")

    def _fail(self, job: Row, error: dict[str, Any]) -> None:
        with self._store.transaction():
            ended = {"finished_at": now(job), "estimated_finish": None, "error": error}
            if self._store.advance(job["id"], UNFINISHED, "failed", **ended):
                self._store.event(job["id"], error["message"], level="error")

    def _died(self, job: Row, code: int) -> None:
        store = self._store
        deaths = store.get("jobs", job["id"])["deaths"] + 1
        store.update("jobs", job["id"], deaths=deaths)
        what = f"The training process ended before it was done (exit code {code})"
        if deaths < MOST_DEATHS:
            message = f"{what}; it is started again from its last checkpoint"
            store.event(job["id"], message, level="warn")
            return
        cure = "Create the job again when its cause is cured."
        if code < 0:  # killed from outside
            cure = (
                "Often memory was short: close other programs, use a smaller batch_size or "
                "shorter examples, and create the job again."
            )
        path = store.job_folder(job["id"]) / "log.txt"
        log_end = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        message = f"{what}, the {deaths}rd time. {cure} {path} ends with: {''.join(log_end)[:300]}"
        self._fail(job, {"code": "worker_died", "message": message, "param": None})

    def _announce_positions(self) -> None:
        jobs = in_turn(self._store)
        positions = {job["id"]: place for place, job in enumerate(jobs, 1)}
        for job in jobs:
            place = positions[job["id"]]
            if place > 1 and self._positions.get(job["id"]) != place:
                message = f"Position {place} in the queue{self._start_of(place, jobs[0])}"
                self._store.event(job["id"], message)
        self._positions = positions

    def _start_of(self, place: int, first: Row) -> str:
        """In words, when the job at this place may start: as if all took as long as the last."""
        if not self._seconds:
            return ""
        usual = sum(self._seconds) / len(self._seconds)
        left = usual
        if first["status"] == "running" and self._worker and self._worker.ends_at:
            left = max(0, self._worker.ends_at - time.monotonic())
        minutes = (left + usual * (place - 2)) / 60
        return f"; it may start in about {max(1, round(minutes))} min"
