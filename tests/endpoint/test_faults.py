"""What breaks around the endpoint: then it recovers, or one line says what is wrong and the cure.

Elsewhere: kill -9 of server and worker in ``test_kill``; a taken port, two servers on one course
home, a killed server's note in ``test_process``. The engine is a part of the server's process:
whoever kills the one has killed the other.
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import openai
import psutil
import pytest

from course_utils import registry, weights
from course_utils.endpoint import jobs, process
from course_utils.endpoint.access import ALONE
from course_utils.endpoint.database import cannot_store
from course_utils.endpoint.runner import LEAST_FREE_MB, NO_ROOM, Runner
from course_utils.endpoint.store import Store
from course_utils.endpoint.tables import MIGRATIONS
from course_utils.errors import CourseError
from course_utils.finetune.base import base_folder, is_prepared, prepare_base
from course_utils.finetune.prepared import found
from course_utils.settings import REPO, settings

MB = 2**20
DAY_S = 86_400
HELLO = [{"role": "user", "content": "Hello"}]


class Disk:
    """A file system of its own, that can be full or read-only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, leave: int = 0) -> None:
        """Take all of its space but so many bytes."""
        piece = b"0" * 4096
        free = shutil.disk_usage(self.folder).free - leave
        with contextlib.suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            for _ in range(free // len(piece) + (2 if not leave else 0)):
                file.write(piece)

    def empty(self) -> None:
        self._ballast.unlink()


def as_root(*command: str) -> bool:
    """Run something that only root may; False when that is not to be had."""
    sudo = [] if not hasattr(os, "geteuid") or os.geteuid() == 0 else ["sudo", "-n"]
    with contextlib.suppress(OSError):
        return not subprocess.run([*sudo, *command], capture_output=True, timeout=30).returncode
    return False


@pytest.fixture
def disk(tmp_path):
    """``disk(size_mb)`` → a ``Disk``, in memory."""
    mounted = []

    def disk(size_mb):
        folder = tmp_path / "disk"
        folder.mkdir()
        options = f"size={size_mb}m,mode=777"
        if sys.platform != "linux" or not as_root(
            "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)
        ):
            pytest.skip("needs leave to mount a small file system (root on Linux)")
        mounted.append(folder)
        return Disk(folder)

    yield disk
    for folder in mounted:
        as_root("umount", "-l", str(folder))


@pytest.fixture
def refusal(home):
    """``refusal()`` → the lines that ``course serve`` ends with, when it does not start."""

    def refusal():
        command = [sys.executable, "-m", "course_utils.cli", "serve"]
        ended = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 1, ended
        assert "Traceback" not in ended.stdout + ended.stderr, ended.stderr
        what, cure = ended.stderr.strip().splitlines()[-2:]
        assert cure.startswith("  -> ")
        return what, cure

    return refusal


# ------------------------------------------------------------------------------------ the disk


def test_uploads_on_a_full_disk(disk, serve):
    small = disk(24)
    with serve(small.folder / "home") as endpoint:
        files, stored = endpoint.client.files, small.folder / "home" / "endpoint" / "files"
        kept = files.create(file=("kept", b"kept"), purpose="fine-tune")

        def is_refused(size):
            with pytest.raises(openai.InternalServerError) as caught:
                files.create(file=("f", b"x" * size), purpose="fine-tune")
            assert caught.value.status_code == 507
            assert caught.value.code == "cannot_store"
            assert "free some space" in caught.value.message
            assert str(small.folder) not in caught.value.message
            assert caught.value.response.headers["x-should-retry"] == "false"
            assert [path.name for path in stored.iterdir()] == [kept.id]

        is_refused(40 * MB)  # while it comes in
        small.fill()
        for size in (10, MB):
            is_refused(size)
        # What asks for no space goes on, and what was acknowledged is there.
        assert files.content(kept.id).read() == b"kept"
        answer = endpoint.client.chat.completions.create(
            model=registry.local_chat().id, messages=HELLO, max_tokens=2
        )
        assert answer.choices
        small.empty()
        new = files.create(file=("new", b"x" * MB), purpose="fine-tune")
        assert {file.id for file in files.list()} == {kept.id, new.id}
        files.delete(new.id)
        assert [path.name for path in stored.iterdir()] == [kept.id]


def test_a_write_that_fails_is_known_as_such_and_undone(disk):
    small = disk(4)
    store = Store(small.folder)
    with store.transaction():
        store.add("files", id="kept", bytes=1, filename="f", purpose="p")
    small.fill()
    # More than the cache holds, so that it is written, and fails, before the commit; and a little.
    for count in (3000, 1):
        with pytest.raises(sqlite3.Error) as caught, store.transaction():
            for number in range(count):
                store.event(f"{count}-{number}", "m" * 2000)
        assert "disk is full" in cannot_store(caught.value).what
    small.empty()
    store.add("files", id="after", bytes=1, filename="f", purpose="p")
    again = Store(small.folder)  # nothing hangs on an open transaction
    assert [row["id"] for row in again.all("files")] == ["kept", "after"]
    assert again.all("events") == []
    again.close()
    store.close()


@pytest.fixture
def room_to_train(disk):
    """A disk with just enough space to train, and a course home on it."""
    large = disk(LEAST_FREE_MB + 100)
    base = prepare_base(registry.local_chat())
    bases = large.folder / "home" / "bases"
    bases.mkdir(parents=True)
    (bases / base.name).symlink_to(base)
    return large


def says(client, job, text):
    deadline = time.monotonic() + 90
    while not any(text in event.message for event in client.fine_tuning.jobs.list_events(job.id)):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_job_waits_for_space_and_says_so(room_to_train, serve, create_job):
    with serve(room_to_train.folder / "home") as endpoint:
        client = endpoint.client
        room_to_train.fill(leave=20 * MB)
        job = create_job(client)
        says(client, job, NO_ROOM)
        assert client.fine_tuning.jobs.retrieve(job.id).status == "validating_files"
        room_to_train.empty()
        says(client, job, "Files validated")
        client.fine_tuning.jobs.cancel(job.id)


@pytest.mark.slow
def test_a_training_that_filled_the_disk_goes_on_when_there_is_space(
    room_to_train, serve, create_job, becomes, workers
):
    with serve(room_to_train.folder / "home") as endpoint:
        client = endpoint.client
        job = create_job(client, hyperparameters={"n_epochs": 3, "batch_size": 2})
        says(client, job, "Step 2/")
        room_to_train.fill()  # at its next checkpoint there is none
        deadline = time.monotonic() + 90
        while workers(endpoint):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert client.fine_tuning.jobs.retrieve(job.id).status == "running"
        room_to_train.empty()
        done = becomes(client, job.id, "succeeded")
        answer = client.chat.completions.create(
            model=done.fine_tuned_model, messages=HELLO, max_tokens=2
        )
        assert answer.choices


def test_a_read_only_folder_is_named(disk, home, refusal, monkeypatch):
    frozen = disk(4)
    monkeypatch.setenv("COURSE_HOME", str(frozen.folder / "home"))
    settings().endpoint_dir.mkdir(parents=True)
    assert as_root("mount", "-o", "remount,ro", str(frozen.folder))
    what, cure = refusal()
    assert str(frozen.folder) in what and "cannot be written" in what and "COURSE_HOME" in cure
    with pytest.raises(CourseError, match="cannot be written"):
        process.ensure_running()


# -------------------------------------------------------------------------------- the database


def garbage_header(path):
    with path.open("r+b") as file:
        file.write(os.urandom(200))


def garbage_within(path):
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(os.urandom(20_000))


def cut_off(path):
    os.truncate(path, path.stat().st_size // 2)


def emptied(path):
    os.truncate(path, 0)


@pytest.fixture
def filled(home):
    """A store's folder in which something is kept."""
    store = Store(settings().endpoint_dir)
    with store.making("file-1") as path:
        path.write_text("uploaded")
        store.add("files", id="file-1", bytes=8, filename="f", purpose="fine-tune")
    with store.transaction():
        for number in range(500):
            store.event(f"job-{number}", "Something happened " * 20)
    store.job_folder("ftjob-1").mkdir()
    (store.job_folder("ftjob-1") / "adapter.gguf").write_text("trained")
    store.close()
    return store.folder


@pytest.mark.parametrize("damage", [garbage_header, garbage_within, cut_off, emptied, Path.unlink])
def test_a_damaged_database_is_named_and_nothing_deleted(damage, filled, tmp_path):
    copy = shutil.copy(filled / "endpoint.db", tmp_path / "copy.db")
    damage(filled / "endpoint.db")
    for _ in range(2):  # the first try must not make the second one worse
        with pytest.raises(CourseError) as caught:
            Store(filled)
        assert f"database {filled / 'endpoint.db'} is damaged" in caught.value.what
        assert "\n" not in caught.value.what and str(filled) in caught.value.cure
        assert (filled / "files" / "file-1").read_text() == "uploaded"
        assert (filled / "jobs" / "ftjob-1" / "adapter.gguf").read_text() == "trained"
    # Both cures: a copy put back (of what was added since, no file goes either) …
    for leftover in filled.glob("endpoint.db*"):
        leftover.unlink()
    shutil.copy(copy, filled / "endpoint.db")
    (filled / "files" / "file-2").write_text("uploaded after the copy was made")
    store = Store(filled)
    store.sweep()
    assert [row["id"] for row in store.all("files")] == ["file-1"]
    assert len(list(store.files.iterdir())) == 2
    assert (store.jobs / "ftjob-1" / "adapter.gguf").exists()
    store.close()
    # … and the folder moved away.
    filled.rename(filled.with_name("old"))
    Store(filled).close()


def test_a_damaged_database_on_the_screen(filled, refusal):
    garbage_within(filled / "endpoint.db")
    what, cure = refusal()
    assert "endpoint.db is damaged" in what and "nothing was deleted" in cure


def test_a_newer_releases_database_is_left_alone(filled):
    with contextlib.closing(sqlite3.connect(filled / "endpoint.db")) as database:
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(CourseError, match="newer release"):
        Store(filled)


# --------------------------------------------------------------------------------- the weights


def flipped(path):
    """One byte in the middle: llama.cpp would load it."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 255]))


@pytest.fixture
def own_models(home, monkeypatch, tmp_path):
    """``own_models(entry)`` copies a model's files to where they may be damaged."""
    sound = settings().models_dir
    monkeypatch.setenv("COURSE_MODELS_DIR", str(tmp_path / "models"))

    def own_models(entry):
        shutil.copytree(sound / entry.id, settings().models_dir / entry.id)
        for file in entry.files:  # the package index is not what is tried here
            source = sound / entry.id / file.filename
            monkeypatch.setattr(
                weights,
                "_from_package",
                lambda _file, folder, source=source: Path(shutil.copy(source, folder)),
            )
        return {file.name: registry.file_path(entry, file) for file in entry.files}

    return own_models


@pytest.mark.parametrize("damage", [flipped, cut_off])
def test_damaged_weights_are_named_and_mended(damage, own_models, refusal):
    chat = registry.local_chat()
    gguf = own_models(chat)["gguf"]
    damage(gguf)
    what, cure = refusal()
    assert str(gguf) in what and "damaged" in what
    assert f"course models prepare {chat.id}" in cure
    weights.prepare(chat, say=lambda _: None)
    assert weights.sound_path(chat, "gguf") == gguf


def test_a_damaged_tokenizer_stops_embeddings_alone(own_models, serve, home):
    chat, encoder = registry.local_chat(), registry.local_encoder()
    own_models(chat)
    tokenizer = own_models(encoder)["tokenizer"]
    size = tokenizer.stat().st_size
    tokenizer.write_bytes(os.urandom(size))
    with serve(home, COURSE_MODELS_DIR=str(settings().models_dir)) as endpoint:
        embed = {"model": encoder.id, "input": "Hello", "encoding_format": "float"}
        with pytest.raises(openai.InternalServerError) as caught:
            endpoint.client.embeddings.create(**embed)
        assert caught.value.status_code == 503
        assert f"course models prepare {encoder.id}" in caught.value.message
        assert endpoint.client.chat.completions.create(
            model=chat.id, messages=HELLO, max_tokens=2
        ).choices
        weights.prepare(encoder, say=lambda _: None)
        assert endpoint.client.embeddings.create(**embed).data[0].embedding  # without a restart


def test_a_damaged_adapter_stops_its_model_alone(serve, home):
    base = registry.local_chat()
    [adapter, *_] = [one.gguf() for one in found() if one.card["base"] == base.id]
    damages = {"sound": None, "flipped": flipped, "cut": cut_off, "empty": emptied}
    damages |= {"unnoted": garbage_header}  # of a release that noted no checksums
    store = Store(settings().endpoint_dir)
    for name, damage in damages.items():
        path = store.job_folder(name) / "adapter.gguf"
        path.parent.mkdir()
        shutil.copy(adapter, path)
        if name != "unnoted":
            weights.note_checksum(path)
        if damage:
            damage(path)
        store.add("jobs", id=name, status="succeeded", model=base.id, tuned_name=f"ft:{name}",
                  method="supervised", hyperparameters={}, seed=1, training_file="f")  # fmt: skip
        store.add("models", id=f"ft:{name}", base=base.id, adapter=f"jobs/{name}/adapter.gguf")
    store.close()
    with serve(home) as endpoint:

        def ask(name):
            return endpoint.client.chat.completions.create(
                model=name, messages=HELLO, max_tokens=2
            ).choices

        for name in damages.keys() - {"sound"}:
            with pytest.raises(openai.InternalServerError) as caught:
                ask(f"ft:{name}")
            assert caught.value.status_code == 503
            assert f"ft:{name} cannot be used" in caught.value.message
            assert "models.delete" in caught.value.message
        assert ask("ft:sound") and ask(base.id)
        endpoint.client.models.delete("ft:cut")
        assert list((home / "endpoint" / "jobs" / "cut").iterdir()) == []
        assert endpoint.process.poll() is None


def test_damaged_training_weights_are_made_anew(home):
    base = registry.local_chat()
    shard = base_folder(base) / "model.safetensors"
    shard.parent.mkdir(parents=True)
    shard.write_bytes(os.urandom(1000))
    weights.note_checksum(shard)
    assert is_prepared(base)
    flipped(shard)
    assert not is_prepared(base)


# ----------------------------------------------------------------------------------- the clock


CLOCK = """
import os, time
_true = time.time
def _shifted():
    try:
        with open(os.environ["SHIFT"]) as file:
            return _true() + float(file.read() or 0)
    except OSError:
        return _true()
time.time = _shifted
"""


def test_a_clock_set_back_by_a_day(home, monkeypatch):
    store, before = Store(home / "endpoint"), time.time()
    same = {"model": "m", "tuned_name": "t", "method": "supervised", "hyperparameters": {}}
    same |= {"seed": 1, "training_file": "f"}
    store.add("jobs", id="first", status="running", estimated_finish=int(before) + 60, **same)
    monkeypatch.setattr(time, "time", lambda: before - DAY_S)
    store.add("jobs", id="second", status="queued", **same)
    runner = Runner(store, lambda: None)
    runner._seconds.append(60)  # what an earlier training took
    runner.poke()
    [said] = [row["message"] for row in store.all("events", job="second")]
    assert said == "Position 2 in the queue; it may start in about 1 min"
    ended = jobs.cancel(store, "first", ALONE)
    assert ended["finished_at"] >= ended["created_at"]
    assert [row["id"] for row in store.page("jobs", limit=2).rows] == ["second", "first"]
    store.close()


@pytest.mark.slow
def test_a_clock_that_jumps(serve, trainable_home, create_job, becomes, tmp_path):
    """By a day, forward and back, under a server and its worker."""
    (tmp_path / "sitecustomize.py").write_text(CLOCK)
    shift = tmp_path / "shift"
    clock = {"PYTHONPATH": str(tmp_path), "SHIFT": str(shift)}
    with serve(trainable_home(), **clock) as endpoint:
        client = endpoint.client
        line = client.fine_tuning.jobs
        first = create_job(client, hyperparameters={"n_epochs": 1, "batch_size": 10})
        becomes(client, first.id, "succeeded")
        shift.write_text(str(DAY_S))
        second = create_job(client, hyperparameters={"n_epochs": 8, "batch_size": 2})
        assert second.created_at > time.time() + DAY_S / 2  # the clock is really another
        deadline = time.monotonic() + 60
        while not (job := line.retrieve(second.id)).estimated_finish:
            assert time.monotonic() < deadline, job
            time.sleep(0.1)
        shift.write_text("0")
        third = create_job(client, training_file=first.training_file)
        becomes(client, third.id, "queued")
        said = []
        while not said:
            assert time.monotonic() < deadline
            said = [e.message for e in line.list_events(third.id) if "Position 2" in e.message]
        minutes = int(said[0].rpartition("about ")[2].split()[0])
        assert minutes < 10
        line.cancel(third.id)
        done = becomes(client, second.id, "succeeded")
        assert done.finished_at >= done.created_at
        assert [job.id for job in line.list()] == [third.id, second.id, first.id]
        messages = [event.message for event in line.list_events(second.id)]
        assert messages[0] == "The job has successfully completed"
        assert messages[-1].startswith("Created")
        assert endpoint.process.poll() is None  # it does not think that it idled for a day


# ---------------------------------------------------------------------------------- the engine


def test_the_engine_killed_amid_an_answer(serve, home, chat_id):
    with serve(home) as endpoint:
        assert psutil.Process(endpoint.process.pid).children() == []  # it is in there
        stream = endpoint.client.chat.completions.create(
            model=chat_id, messages=HELLO, max_tokens=500, stream=True
        )
        next(stream)
        began = time.monotonic()
        endpoint.process.kill()
        with pytest.raises(httpx2.TransportError):
            list(stream)
        assert time.monotonic() - began < 5  # the client hears of it at once
    with serve(home) as endpoint:
        answer = endpoint.client.chat.completions.create(
            model=chat_id, messages=HELLO, max_tokens=2
        )
        assert answer.choices
