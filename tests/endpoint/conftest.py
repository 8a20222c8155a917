"""A real endpoint on a course home of its own, and llama.cpp itself to compare with."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from types import SimpleNamespace

import openai
import psutil
import pytest

from course_utils import registry
from course_utils.settings import REPO, settings


@pytest.fixture(scope="session")
def ask(client, chat_id):
    """``ask(text or messages, **parameters)`` → the completion; greedy unless told otherwise."""

    def ask(prompt, **parameters):
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        parameters = {"temperature": 0, "max_tokens": 24, **parameters}
        return client.chat.completions.create(model=chat_id, messages=messages, **parameters)

    return ask


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


# ------------------------------------------------------------------------------- fine-tuning


@pytest.fixture(scope="session")
def serve():
    """``with serve(home, *arguments, **environment) as it``: ``it`` has ``client``, ``process``.

    ``it.said`` is what was printed before it answered, ``it.keys`` those of a class in there.
    """
    models_dir = str(settings().models_dir)

    @contextlib.contextmanager
    def serve(home, *arguments, **environment):
        environment = {
            "COURSE_HOME": str(home),
            "COURSE_MODELS_DIR": models_dir,
            "PYTHONFAULTHANDLER": "1",
            **environment,
        }
        with subprocess.Popen(
            [sys.executable, "-m", "course_utils.cli", "serve", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPO,
            env=os.environ | environment,
        ) as server:
            # Whatever hangs says where, and fails.
            hangs = threading.Timer(120, server.send_signal, [signal.SIGABRT])
            hangs.start()
            try:
                said, found = "", None
                while not found and (line := server.stdout.readline()):
                    found = re.search(r"answers at (http://\S+)", line)
                    said += line
                hangs.cancel()
                assert found, said
                client = openai.OpenAI(base_url=found[1], api_key="unused", max_retries=0)
                started = {"client": client, "process": server, "base_url": found[1], "home": home}
                keys = dict(re.findall(r"^  (\S.*?) +(class-\S+-\S+)$", said, re.MULTILINE))
                yield SimpleNamespace(**started, said=said, keys=keys)
            finally:
                hangs.cancel()
                server.terminate()
                try:
                    server.wait(60)
                except subprocess.TimeoutExpired:
                    server.send_signal(signal.SIGABRT)
                    raise

    return serve


@pytest.fixture(scope="session")
def guide_id():
    """The model that the guide fine-tunes."""
    return next(model.id for model in registry.models().values() if model.usd_training)


@pytest.fixture(scope="session")
def tuning(serve, trainable_home, guide_id, chat_id):
    """An endpoint that trains, where the guide's model means the local one."""
    alias = f"{guide_id}={chat_id}"
    with serve(trainable_home(), "--alias", alias, COURSE_MAX_FILE_MB="64") as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def examples():
    """``examples(n)`` → the bytes of a small training file."""

    def examples(count=10):
        rows = [
            {
                "messages": [
                    {"role": "system", "content": "You are a customer support agent."},
                    {"role": "user", "content": f"What is the warranty of product {number}?"},
                    {"role": "assistant", "content": f"Hello! It is {number + 1} years. Yours, A."},
                ]
            }
            for number in range(count)
        ]
        return "".join(json.dumps(row) + "\n" for row in rows).encode()

    return examples


@pytest.fixture(scope="session")
def create_job(examples, chat_id):
    """``create_job(client, **parameters)`` → a new job with ten examples."""

    def create_job(client, **parameters):
        if "training_file" not in parameters:
            file = client.files.create(file=("train.jsonl", examples()), purpose="fine-tune")
            parameters["training_file"] = file.id
        return client.fine_tuning.jobs.create(**{"model": chat_id, **parameters})

    return create_job


@pytest.fixture(scope="session")
def becomes():
    """``becomes(client, job_id, *states)`` → the job, once it is in one of these states."""

    def becomes(client, job_id, *states, seconds=180):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job = client.fine_tuning.jobs.retrieve(job_id)
            if job.status in states:
                return job
            assert job.status not in ("failed", "succeeded", "cancelled"), job
            time.sleep(0.1)
        raise AssertionError(f"{job.status} after {seconds} s: {job}")

    return becomes


@pytest.fixture(scope="session")
def workers():
    """``workers(endpoint)`` → its training processes."""

    def workers(endpoint):
        found = []
        for child in psutil.Process(endpoint.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if "course_utils.finetune.train" in child.cmdline():
                    found.append(child)
        return found

    return workers
