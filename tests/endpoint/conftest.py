"""A real endpoint on a course home of its own, and llama.cpp itself to compare with."""

import json
import os
import time
import urllib.request

import httpx
import openai
import pytest

from course_utils import registry
from course_utils.endpoint import process
from course_utils.settings import settings


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory):
    """The running endpoint."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_MODELS_DIR", str(settings().models_dir))
        patch.setenv("COURSE_HOME", str(tmp_path_factory.mktemp("endpoint") / "home"))
        patch.delenv("COURSE_CHAT_MODEL", raising=False)
        found = process.ensure_running()
        home = os.environ["COURSE_HOME"]
    yield found
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_HOME", home)
        process.stop()


@pytest.fixture(scope="session")
def client(endpoint):
    """OpenAI's own client."""
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


@pytest.fixture(scope="session")
def ask(client, chat_id):
    """``ask(text or messages, **parameters)`` → the completion; greedy unless told otherwise."""

    def ask(prompt, **parameters):
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        parameters = {"temperature": 0, "max_tokens": 24, **parameters}
        return client.chat.completions.create(model=chat_id, messages=messages, **parameters)

    return ask


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
def count_prompt_tokens():
    """Counts with llama.cpp's own template and tokenizer, not through the endpoint."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(registry.model_path(registry.local_chat(), "gguf"))
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads = 256, 1, 1
    params.verbosity, params.port = 0, 0
    params.fit_params = params.warmup = params.ui = False
    server = xllamacpp.Server(params)

    def post(path, body):
        request = urllib.request.Request(
            server.listening_address + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def count(messages):
        prompt = post("/apply-template", {"messages": messages})["prompt"]
        return len(post("/tokenize", {"content": prompt, "parse_special": True})["tokens"])

    return count
