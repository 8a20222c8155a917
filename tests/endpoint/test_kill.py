"""Whatever is killed, and when: what was acknowledged is there, and every job comes to its end.

llama.cpp runs inside the endpoint's process: whoever kills the one has killed the other.
``COURSE_KILLS=100 COURSE_SEED=1 pytest tests/endpoint/test_kill.py -m slow -s`` kills a hundred
times and prints what came of it.
"""

import contextlib
import os
import random
import shutil
import sqlite3
import threading
import time

import openai
import psutil
import pytest

from course_utils.endpoint.store import Store
from course_utils.endpoint.worker import LOOK_EVERY_S

SMALL = {"n_epochs": 4, "batch_size": 2}
MOST_WORKER_KILLS = 2  # of one job: it is given up after the third
KILLS = int(os.environ.get("COURSE_KILLS", "20"))


class Uploader(threading.Thread):
    """Uploads without a pause, so that a kill falls into an upload; knows what was acknowledged."""

    def __init__(self, client, acknowledged):
        super().__init__(daemon=True)
        self.client, self.acknowledged = client, acknowledged

    def run(self):
        with contextlib.suppress(openai.APIError):  # until the endpoint is killed
            while True:
                content = os.urandom(random.randrange(1, 300_000))
                file = self.client.files.create(file=("f", content), purpose="fine-tune")
                self.acknowledged[file.id] = content
                time.sleep(0.05)


@pytest.mark.parametrize(
    "moments",
    [
        pytest.param(3, id="3 moments"),
        pytest.param(KILLS, id=f"{KILLS} moments", marks=pytest.mark.slow),
    ],
)
def test_killed_at_random_moments(moments, serve, trainable_home, create_job, workers, tmp_path):
    home, files, jobs, worker_kills = trainable_home(), {}, [], 0
    killed = {"endpoint": 0, "worker": 0}
    seed = int(os.environ.get("COURSE_SEED", random.randrange(10**6)))
    print("seed", seed)  # shown when the test fails
    chance = random.Random(seed)
    # Each kind in turn, so that three moments have all three.
    victims = [("endpoint", "worker", "both")[number % 3] for number in range(moments)]
    while victims:
        with serve(home) as endpoint:
            client = endpoint.client
            everything_is_there(client, files, jobs)
            if not jobs or client.fine_tuning.jobs.retrieve(jobs[-1]).status == "succeeded":
                jobs.append(create_job(client, hyperparameters=SMALL).id)
                worker_kills = 0
            Uploader(client, files).start()
            while victims:
                time.sleep(chance.uniform(0.2, 10))
                victim = victims.pop(0)
                running = workers(endpoint)
                if victim != "endpoint" and worker_kills < MOST_WORKER_KILLS:
                    for worker in running:
                        worker.kill()
                        worker_kills += 1
                        killed["worker"] += 1
                if victim == "worker":
                    continue
                if victim == "both":  # sooner or later after the worker's death was seen
                    time.sleep(chance.uniform(0, 2 * LOOK_EVERY_S))
                endpoint.process.kill()
                endpoint.process.wait()
                killed["endpoint"] += 1
                assert integrity(home, tmp_path) == ["ok"]
                psutil.wait_procs(running, timeout=10)
                assert not any(worker.is_running() for worker in running), "an orphan trains on"
                break
    with serve(home) as endpoint:
        everything_is_there(endpoint.client, files, jobs)
        for job_id in jobs:
            ended = ends(endpoint.client, job_id)
            assert ended.status == "succeeded", ended
        assert files
        # Of uploads that were not acknowledged, either all is there or nothing.
        kept = {path.name: path.stat().st_size for path in (home / "endpoint/files").iterdir()}
        assert kept == {file.id: file.bytes for file in endpoint.client.files.list()}
        assert not list((home / "endpoint" / "unsettled").iterdir())
    assert integrity(home, tmp_path) == ["ok"]
    print(f"{moments} moments, killed {killed}: {len(files)} files acknowledged and there,")
    print(f"{len(jobs)} jobs and all succeeded, each database whole (PRAGMA integrity_check)")


def test_a_worker_that_always_dies_fails_its_job(tuning, create_job, workers):
    job = create_job(tuning.client, hyperparameters=SMALL)
    killed = set()
    deadline = time.monotonic() + 60
    while (found := tuning.client.fine_tuning.jobs.retrieve(job.id)).status != "failed":
        assert time.monotonic() < deadline
        for worker in workers(tuning):
            killed.add(worker.pid)
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()
        time.sleep(0.05)
    assert len(killed) == 3
    assert found.error.code == "worker_died"
    assert "memory" in found.error.message and "log.txt" in found.error.message
    events = [e.message for e in tuning.client.fine_tuning.jobs.list_events(job.id)]
    assert sum("started again from its last checkpoint" in event for event in events) == 2


def test_an_ended_endpoint_goes_on_later_and_does_not_idle_meanwhile(
    serve, trainable_home, create_job, workers
):
    home = trainable_home()
    long = {"n_epochs": 8, "batch_size": 5}
    with serve(home) as endpoint:
        job = create_job(endpoint.client, hyperparameters=long)
        wait_for_message(endpoint.client, job, "Step 3/")
        [worker] = workers(endpoint)
        endpoint.process.terminate()
        assert endpoint.process.wait(20) in (0, -15)
        assert not worker.is_running()
    # Nobody asks this one for anything, and it may idle for a second only.
    with serve(home, COURSE_IDLE_MINUTES=str(1 / 60)) as endpoint:
        assert endpoint.process.wait(120) == 0
    store = Store(home / "endpoint")
    assert store.get("jobs", job.id)["status"] == "succeeded"
    messages = [row["message"] for row in store.page("events", limit=1000, job=job.id).rows]
    assert any("Going on from step" in message for message in messages)
    assert store.get("jobs", job.id)["deaths"] == 0  # it was asked to end
    store.close()


def integrity(home, aside):
    """What SQLite says of the database as it lies there, its unfinished log included."""
    for path in (home / "endpoint").glob("endpoint.db*"):
        shutil.copy(path, aside)
    with contextlib.closing(sqlite3.connect(aside / "endpoint.db")) as database:
        found = [row[0] for row in database.execute("PRAGMA integrity_check")]
    for path in aside.glob("endpoint.db*"):
        path.unlink()
    return found


def everything_is_there(client, files, jobs):
    listed = {file.id for file in client.files.list()}
    assert set(files) <= listed
    for file_id, content in files.items():
        assert client.files.content(file_id).read() == content
    assert jobs == [job.id for job in client.fine_tuning.jobs.list()][::-1]
    for job_id in jobs:
        assert client.fine_tuning.jobs.retrieve(job_id).status not in ("failed", "cancelled")


def ends(client, job_id, seconds=180):
    deadline = time.monotonic() + seconds
    while (job := client.fine_tuning.jobs.retrieve(job_id)).finished_at is None:
        assert time.monotonic() < deadline, job
        time.sleep(0.2)
    return job


def wait_for_message(client, job, text, seconds=90):
    deadline = time.monotonic() + seconds
    while not any(text in e.message for e in client.fine_tuning.jobs.list_events(job.id).data):
        assert time.monotonic() < deadline
        time.sleep(0.1)
