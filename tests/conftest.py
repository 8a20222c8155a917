"""What all tests share: a course home of their own, with the models prepared on this machine."""

import shutil
import subprocess
from pathlib import Path

import pytest

from course_utils import connection, registry
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
