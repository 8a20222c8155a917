"""What all tests share: a course home of their own, with the models prepared on this machine."""

import contextlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from course_utils import connection, registry
from course_utils.endpoint import process
from course_utils.settings import REPO, settings


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty course home; the models are the prepared ones, wherever they lie."""
    monkeypatch.setenv("COURSE_MODELS_DIR", str(settings().models_dir))
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    for name in ("PROVIDER", "CHAT_MODEL", "EMBEDDING_MODEL", "BUDGET_USD", "RECORD_PROGRESS"):
        monkeypatch.delenv(f"COURSE_{name}", raising=False)
    return tmp_path / "home"


@pytest.fixture
def clean_environment(monkeypatch):
    """No key and no address of an API; whatever connect() sets is undone afterwards."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "NO_PROXY", "no_proxy"):
        # Set first, so that monkeypatch knows what to restore even where it was not set.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(connection, "_key", None)


@pytest.fixture(scope="session")
def trainable_home(tmp_path_factory):
    """``trainable_home()`` → a new course home in which the training base is prepared."""
    from course_utils.finetune.base import prepare_base

    chat = registry.local_chat()
    prepared = prepare_base(chat)  # of this machine's own course home, where the lessons use it too

    def make():
        home = tmp_path_factory.mktemp("tuning") / "home"
        shutil.copytree(prepared, home / "bases" / chat.id)
        return home

    return make


@pytest.fixture
def source_tree(tmp_path):
    """A copy of what git knows or would take: a fresh clone with today's changes."""
    if not shutil.which("git") or not (REPO / ".git").exists():
        pytest.skip("needs git and a clone")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPO, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (REPO / name).exists():
            target = tmp_path / "clone" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPO / name, target)
    return tmp_path / "clone"


@pytest.fixture(scope="module")
def chromium():
    """A headless browser: the system's Chromium, else Playwright's own."""
    sync_api = pytest.importorskip("playwright.sync_api")
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    system = next(filter(None, map(shutil.which, names)), None)
    with sync_api.sync_playwright() as playwright:
        if not system and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium (`python -m playwright install chromium`)")
        browser = playwright.chromium.launch(
            executable_path=system, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


# A real endpoint on a course home of its own, for all that ask one.


@pytest.fixture(scope="session")
def endpoint_of():
    """``with endpoint_of(home) as found``: the running endpoint of a course home."""

    @contextlib.contextmanager
    def endpoint_of(home):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COURSE_MODELS_DIR", str(settings().models_dir))
            patch.setenv("COURSE_HOME", str(home))
            patch.delenv("COURSE_CHAT_MODEL", raising=False)
            found = process.ensure_running()
        yield found
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COURSE_HOME", str(home))
            process.stop()

    return endpoint_of


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory, endpoint_of):
    """The running endpoint."""
    with endpoint_of(tmp_path_factory.mktemp("endpoint") / "home") as found:
        yield found


@pytest.fixture(scope="session")
def client(endpoint):
    """OpenAI's own client."""
    import openai

    return openai.OpenAI(base_url=endpoint.base_url, api_key="unused", max_retries=0)


@pytest.fixture(scope="session")
def raw(endpoint):
    """Plain HTTP; paths start with ``/v1`` or ``/health``."""
    root = endpoint.base_url.removesuffix("/v1")
    with httpx.Client(base_url=root, timeout=120, trust_env=False) as http:
        yield http


@pytest.fixture(scope="session")
def chat_id():
    return registry.local_chat().id


@pytest.fixture(scope="session")
def encoder_id():
    return registry.local_encoder().id


@pytest.fixture
def load(raw):
    """``load()`` → generations running and waiting in the endpoint's engine."""
    return lambda: raw.get("/health").json()["engine"]


@pytest.fixture
def becomes_idle(load):
    """``becomes_idle(seconds)`` → True once nothing runs or waits in the engine."""

    def becomes_idle(seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if load() == {"running": 0, "waiting": 0}:
                return True
            time.sleep(0.05)
        return False

    return becomes_idle


@pytest.fixture(scope="session")
def free_port():
    """``free_port()`` → a port of this machine that nobody listens at."""
    from course_utils.bench.servers import free_port

    return free_port


@pytest.fixture(scope="session")
def chroma_server(tmp_path_factory, free_port):
    """The URL of a Chroma server, started as ``open_store``'s error message says."""
    chroma = shutil.which("chroma", path=Path(sys.executable).parent)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [chroma, "run", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(
        [*command, "--path", str(tmp_path_factory.mktemp("chroma"))],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and process.poll() is None:
                with contextlib.suppress(httpx.HTTPError):
                    if httpx.get(f"{url}/api/v2/heartbeat", trust_env=False).is_success:
                        break
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()
