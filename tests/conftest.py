"""What all tests share: a course home of their own, with the models prepared on this machine."""

import pytest

from course_utils import connection
from course_utils.settings import settings


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty course home; the models are the prepared ones, wherever they lie."""
    monkeypatch.setenv("COURSE_MODELS_DIR", str(settings().models_dir))
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    for name in ("PROVIDER", "CHAT_MODEL", "EMBEDDING_MODEL", "BUDGET_USD"):
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
