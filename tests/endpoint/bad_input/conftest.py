"""One endpoint for all that is thrown at it, watched for what it must not do."""

import threading
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from bad_input.nasty_requests import MIB, PATIENCE_S
from course_utils.settings import REPO

# It grew by 330 MiB at most: bodies of 8 MiB, parsed. One request too much took a gigabyte.
MOST_GROWTH = 600 * MIB


@pytest.fixture(scope="package")
def target(serve, trainable_home, examples, chat_id):
    """An endpoint with a file and a failed job.

    At its end it must still answer, have stayed small, and have written nothing beside its home.
    """
    home = trainable_home()
    before = _surroundings(home)
    with serve(home, COURSE_PATIENCE_S=str(PATIENCE_S), COURSE_MAX_FILE_MB="16") as endpoint:
        address = urlsplit(endpoint.base_url)
        file = endpoint.client.files.create(file=("bad.jsonl", b"{}\n"), purpose="fine-tune")
        job = endpoint.client.fine_tuning.jobs.create(model=chat_id, training_file=file.id)
        found = SimpleNamespace(
            home=home,
            client=endpoint.client,
            root=f"http://{address.netloc}",
            address=(address.hostname, address.port),
            file_id=file.id,
            job_id=job.id,
            chat_id=chat_id,
        )
        with _watched_memory(endpoint.process.pid) as memory:
            yield found
        assert httpx.get(f"{found.root}/health", timeout=30, trust_env=False).status_code == 200
        assert endpoint.process.poll() is None
        print(f"\nmemory: {memory.start / MIB:.0f} MiB, at most {memory.most / MIB:.0f} MiB")
        assert memory.most - memory.start < MOST_GROWTH
    assert _surroundings(home) == before
    for path in (home / "endpoint" / "files").iterdir():
        assert path.is_file() and path.name.startswith("file-") and path.name[5:].isalnum()


def _surroundings(home):
    """All paths around the home, and the first level of the folder that the endpoint runs in."""
    around = {path for path in home.parent.rglob("*") if home not in (path, *path.parents)}
    return around | {path for path in REPO.iterdir() if path.suffix not in (".lock", ".tmp")}


class _watched_memory:  # noqa: N801 - used like a function
    """``with _watched_memory(pid) as it``: ``it.start`` and ``it.most``, in bytes."""

    def __init__(self, pid):
        self._process = psutil.Process(pid)
        self._done = threading.Event()
        self.start = self.most = self._now()

    def _now(self):
        return self._process.memory_info().rss

    def _watch(self):
        while not self._done.wait(0.02):
            self.most = max(self.most, self._now())

    def __enter__(self):
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()


@pytest.fixture(scope="session")
def check_error():
    """``check_error(body)``: it is an error as OpenAI's clients know it, and says something."""

    def check_error(body):
        assert set(body) == {"error"}
        error = body["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert len(error["message"]) > 10 and error["type"]

    return check_error
