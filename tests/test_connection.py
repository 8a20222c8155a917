"""connect() with the real local endpoint; a hosted one is never asked anything here."""

import os
from datetime import date, timedelta

import openai
import pytest

from course_utils import connect, connection, registry
from course_utils.endpoint import process
from course_utils.errors import CourseError
from course_utils.settings import LOCAL_KEY, RELAY_KEY, settings

KEY = "the-users-own-key-1234567890"


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory):
    """One endpoint for all tests of this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_MODELS_DIR", str(settings().models_dir))
        patch.setenv("COURSE_HOME", str(tmp_path_factory.mktemp("home")))
        for name in ("PROVIDER", "CHAT_MODEL", "EMBEDDING_MODEL"):
            patch.delenv(f"COURSE_{name}", raising=False)
        yield
        process.stop()


@pytest.fixture(autouse=True)
def fresh(shared_home, clean_environment):
    """Neither a key nor an earlier connection."""


def test_local_sets_up_the_ordinary_client(capsys):
    course = connect()
    line = capsys.readouterr().out
    assert course.is_local
    assert course.name in line
    assert course.base_url in line
    assert "free of charge" in line
    assert line.count("\n") == 1
    with openai.OpenAI() as client:
        ids = {model.id for model in client.models.list()}
    assert {course.chat_model, course.embedding_model} <= ids
    assert course.spent_usd() == 0


def test_a_key_in_the_environment_is_not_used_and_not_shown(monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_BASE", connection.OPENAI_URL)  # ChatOpenAI would go there
    course = connect()
    printed = capsys.readouterr()
    assert "stays unused" in printed.out
    assert KEY not in printed.out + printed.err
    assert os.environ["OPENAI_API_KEY"] == LOCAL_KEY
    assert os.environ["OPENAI_BASE_URL"] == course.base_url
    assert KEY not in os.environ.values()
    assert "OPENAI_API_BASE" not in os.environ


def test_two_connections_share_one_endpoint():
    first = process.running() or (connect(), process.running())[1]
    assert connect().base_url == connect("local").base_url == first.base_url


def test_a_proxy_is_not_asked_for_this_machine(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "intranet")
    connect()
    assert os.environ["NO_PROXY"] == "intranet,127.0.0.1,localhost"
    with openai.OpenAI(max_retries=0) as client:
        assert list(client.models.list())
    connect()
    assert os.environ["NO_PROXY"] == "intranet,127.0.0.1,localhost"


def test_hosted_without_a_key_says_how(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "as it was")
    with pytest.raises(CourseError, match="OPENAI_API_KEY is not set") as failure:
        connect("openai")
    assert 'connect("local")' in failure.value.cure
    assert os.environ["OPENAI_BASE_URL"] == "as it was"
    connect("local")
    with pytest.raises(CourseError):  # what connect() itself has set is no key
        connect("openai")


def test_a_base_url_without_models_says_how(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(CourseError, match="with which models") as failure:
        connect("https://example.com/v1")
    assert "COURSE_CHAT_MODEL" in failure.value.cure


def test_an_unpriced_model_leaves_the_connection_as_it_was(monkeypatch):
    local = connect()
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("COURSE_CHAT_MODEL", "nonesuch")
    monkeypatch.setenv("COURSE_EMBEDDING_MODEL", "nonesuch")
    with pytest.raises(CourseError, match="nonesuch"):
        connect("https://example.com/v1")
    assert os.environ["OPENAI_BASE_URL"] == local.base_url


def test_an_unknown_provider_says_how():
    with pytest.raises(CourseError, match="unknown provider 'opnai'") as failure:
        connect("opnai")
    assert "openai" in failure.value.cure


def test_there_and_back_keeps_the_users_key(monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    local = connect()
    hosted = connect("openai")
    assert not hosted.is_local
    assert hosted.chat_model == registry.hosted_chat().id
    assert hosted.embedding_model == registry.hosted_encoder().id
    assert hosted.base_url.startswith("http://127.0.0.1:")  # the relay
    assert os.environ["OPENAI_API_KEY"].startswith(RELAY_KEY)
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if "per million tokens" in line]
    assert connection.OPENAI_URL in line
    assert "of $1.00 spent" in line
    assert connect("local").base_url == local.base_url
    assert os.environ["OPENAI_API_KEY"] == LOCAL_KEY
    assert connect("openai") == hosted  # the key was not forgotten
    assert KEY not in os.environ.values()
    assert KEY not in capsys.readouterr().out
    monkeypatch.setenv("OPENAI_API_KEY", "another-key-9876543210")  # a new one counts
    assert connect("openai").base_url != hosted.base_url


def test_the_environment_names_the_provider(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_PROVIDER", "openai")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert connect().provider == "openai"
    monkeypatch.setenv("COURSE_BUDGET_USD", "0.5")
    connect()
    assert "of $0.50 spent" in capsys.readouterr().out


def test_a_model_that_its_host_ends_soon_is_named(monkeypatch, capsys):
    leaving = next(m for m in registry.models().values() if m.retires_on and m.replacement)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("COURSE_CHAT_MODEL", leaving.id)
    monkeypatch.setattr(registry, "WARN_BEFORE", leaving.retires_on - date.today())
    connect("openai")
    notice = capsys.readouterr().out.splitlines()[1]
    assert notice.startswith(f"Soon: its host retires {leaving.id} on {leaving.retires_on}")
    assert leaving.replacement in notice
    monkeypatch.setattr(registry, "WARN_BEFORE", registry.WARN_BEFORE - timedelta(days=1))
    connect("openai")
    assert "Soon" not in capsys.readouterr().out


def test_a_host_on_this_machine_is_free(monkeypatch, capsys):
    """Such as another program that serves models; here, the course's own endpoint."""
    local = connect()
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # nobody there
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("COURSE_CHAT_MODEL", local.chat_model)
    monkeypatch.setenv("COURSE_EMBEDDING_MODEL", local.embedding_model)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    connect(local.base_url.replace("127.0.0.1", "localhost"))
    assert "free of charge" in capsys.readouterr().out.splitlines()[-1]
    with openai.OpenAI() as client:
        answer = client.chat.completions.create(
            model=local.chat_model,
            messages=[{"role": "user", "content": "Say hello."}],
            max_tokens=3,
        )
    assert answer.usage.completion_tokens <= 3
