"""Fine-tuning through the relay: nothing that costs money is sent before its price is known."""

import json
import socket
import threading
import time

import httpx
import openai
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from course_utils import registry
from course_utils.endpoint.budget import Budget
from course_utils.endpoint.relay import start_relay

KEY = "a-key-that-only-the-relay-knows"
BASE = next(m for m in registry.models().values() if m.usd_training)
UNPRICED = registry.hosted_encoder()


class Host:
    """A host of files and jobs; ``seen`` has each request's method, path and content."""

    def __init__(self):
        self.seen = []
        self.status = 200
        names = {
            ("POST", "/v1/files"): self.take_file,
            ("POST", "/v1/fine_tuning/jobs"): self.take_job,
            ("POST", "/v1/fine_tuning/jobs/{id}/{action}"): self.job,
            ("GET", "/v1/fine_tuning/jobs/{id}"): self.job,
            ("GET", "/v1/fine_tuning/jobs/{id}/events"): self.events,
            ("DELETE", "/v1/files/{id}"): self.delete,
            ("DELETE", "/v1/models/{id}"): self.delete,
            ("POST", "/v1/chat/completions"): self.chat,
        }
        routes = [Route(path, do, methods=[method]) for (method, path), do in names.items()]
        config = uvicorn.Config(Starlette(routes=routes), log_level="error", lifespan="off")
        self.server = uvicorn.Server(config)
        listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        self.thread = threading.Thread(target=self.server.run, args=([listener],), daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.005)

    def answer(self, request: Request, content: object, reply: dict) -> JSONResponse:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        self.seen.append((request.method, request.url.path, content))
        if self.status != 200:
            return JSONResponse({"error": {"message": "no", "code": "no"}}, self.status)
        return JSONResponse(reply)

    async def take_file(self, request):
        async with request.form() as form:
            fields = {name: value for name, value in form.items() if name != "file"}
            name, content = form["file"].filename, await form["file"].read()
        number = sum(path == "/v1/files" for _, path, _ in self.seen)
        reply = {
            "id": f"file-{number}",
            "object": "file",
            "bytes": 1,  # a host's word is not what the price rests on
            "created_at": 1,
            "filename": name,
            "purpose": fields["purpose"],
            "status": "processed",
        }
        return self.answer(request, (name, content, fields), reply)

    async def take_job(self, request):
        body = await request.json()
        return self.answer(request, body, self.a_job("ftjob-1", body["model"]))

    async def job(self, request):
        return self.answer(request, None, self.a_job(request.path_params["id"], BASE.id))

    async def events(self, request):
        return self.answer(request, None, {"object": "list", "data": [], "has_more": False})

    async def delete(self, request):
        id = request.path_params["id"]
        return self.answer(request, None, {"id": id, "object": "x", "deleted": True})

    async def chat(self, request):
        message = {"role": "assistant", "content": "Hello."}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        usage = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
        head = {"id": "c", "object": "chat.completion", "created": 1, "model": "x"}
        return self.answer(request, None, {**head, "choices": choices, "usage": usage})

    @staticmethod
    def a_job(id, model):
        return {
            "id": id,
            "object": "fine_tuning.job",
            "created_at": 1,
            "model": model,
            "status": "queued",
            "training_file": "file-0",
            "hyperparameters": {"n_epochs": 3},
            "organization_id": "o",
            "result_files": [],
            "seed": 1,
            "usage": {"seconds": 1},  # some hosts do; no count of tokens
        }


@pytest.fixture(scope="module")
def server():
    host = Host()
    yield host
    host.server.should_exit = True
    host.thread.join(5)


@pytest.fixture
def host(server):
    server.seen.clear()
    server.status = 200
    return server


@pytest.fixture
def relay(host, home):
    """A relay that takes the server for one that costs money."""
    return start_relay(host.base_url, KEY, free=False)


@pytest.fixture
def client(relay):
    with openai.OpenAI(base_url=relay.base_url, api_key=relay.token, max_retries=0) as client:
        yield client


def training_data(examples, more=""):
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": f"Hé. {more}"}]
    line = json.dumps({"messages": turns}, ensure_ascii=False)
    return f"{line}\n\n".encode() * examples


@pytest.fixture
def upload(client):
    """``upload(bytes)`` → the host's id of the file."""

    def upload(content):
        return client.files.create(file=("train.jsonl", content), purpose="fine-tune").id

    return upload


def spent():
    return Budget().spent_usd()


def jobs_sent(host):
    return [content for method, path, content in host.seen if path == "/v1/fine_tuning/jobs"]


def refused(call, **arguments):
    with pytest.raises(openai.APIStatusError) as failure:
        call(**arguments)
    return failure.value.status_code, failure.value.body["code"], failure.value.body["message"]


# ------------------------------------------------------------------------------------------- files


def test_a_file_arrives_as_it_was_sent_and_costs_nothing(client, host, home, monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET_USD", "0")
    content = training_data(2) + bytes(range(256))
    file = client.files.create(
        file=("trainé.jsonl", content),
        purpose="fine-tune",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert (file.id, file.filename) == ("file-0", "trainé.jsonl")
    fields = {
        "purpose": "fine-tune",
        "expires_after[anchor]": "created_at",
        "expires_after[seconds]": "3600",
    }
    assert host.seen == [("POST", "/v1/files", ("trainé.jsonl", content, fields))]
    assert spent() == 0
    assert list((home / "uploads").iterdir()) == []


def test_a_file_that_the_host_refuses_is_not_known(client, host, upload):
    host.status = 400
    assert refused(upload, content=training_data(10))[0] == 400
    host.status = 200
    status, code, _ = refused(client.fine_tuning.jobs.create, model=BASE.id, training_file="file-0")
    assert (status, code) == (403, "not_priced")


def test_only_who_has_the_token_may_upload(relay, host):
    form = {"files": {"file": b"x"}, "data": {"purpose": "fine-tune"}}
    answer = httpx.post(f"{relay.base_url}/files", headers={"Authorization": "Bearer x"}, **form)
    assert answer.status_code == 401
    assert host.seen == []


@pytest.mark.parametrize("content", [b"", b"no form"])
def test_what_is_no_form_is_not_sent(relay, host, content):
    headers = {"Authorization": f"Bearer {relay.token}"}
    answer = httpx.post(f"{relay.base_url}/files", content=content, headers=headers)
    assert answer.status_code == 400
    assert "multipart" in answer.json()["error"]["message"]
    assert host.seen == []


def test_a_file_over_the_limit_is_not_sent(host, upload, home, monkeypatch):
    monkeypatch.setenv("COURSE_MAX_FILE_MB", "1")
    assert refused(upload, content=b"x" * 2**21)[0] == 413
    assert host.seen == []
    assert list((home / "uploads").iterdir()) == []


# -------------------------------------------------------------------------------------------- jobs


def test_a_job_is_booked_by_bytes_and_epochs(client, host, upload):
    content = training_data(10)
    file = upload(content)
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}}
    job = client.fine_tuning.jobs.create(model=BASE.id, training_file=file, method=method)
    assert job.id == "ftjob-1"
    assert jobs_sent(host) == [{"model": BASE.id, "training_file": file, "method": method}]
    assert spent() == pytest.approx(BASE.training_cost(len(content), 2))


@pytest.mark.parametrize(
    ("request_", "epochs"),
    [
        ({}, 10),  # OpenAI's rule for 10 examples; blank lines do not count
        ({"hyperparameters": {}}, 10),
        ({"hyperparameters": {"n_epochs": "auto"}}, 10),
        ({"hyperparameters": {"n_epochs": 3}}, 3),
        ({"method": {"type": "supervised"}}, 10),
        (
            {
                "hyperparameters": {"n_epochs": 3},
                "method": {
                    "type": "supervised",
                    "supervised": {"hyperparameters": {"n_epochs": 7}},
                },
            },
            7,
        ),
    ],
)
def test_the_epochs_that_a_request_can_mean(client, upload, request_, epochs):
    content = training_data(10)
    client.fine_tuning.jobs.create(model=BASE.id, training_file=upload(content), **request_)
    assert spent() == pytest.approx(BASE.training_cost(len(content), epochs))


def test_a_job_over_the_budget_is_not_sent(client, host, upload, monkeypatch):
    content = training_data(10)
    file = upload(content)
    epochs = {"hyperparameters": {"n_epochs": 3}}
    most = BASE.training_cost(len(content), 3)
    monkeypatch.setenv("COURSE_BUDGET_USD", f"{most * 0.99:.9f}")
    ask = {"model": BASE.id, "training_file": file, **epochs}
    status, code, message = refused(client.fine_tuning.jobs.create, **ask)
    assert (status, code) == (402, "course_budget_exceeded")
    assert "COURSE_BUDGET_USD" in message
    assert jobs_sent(host) == []
    assert spent() == 0
    monkeypatch.setenv("COURSE_BUDGET_USD", f"{most * 1.01:.9f}")
    client.fine_tuning.jobs.create(**ask)
    assert refused(client.fine_tuning.jobs.create, **ask)[0] == 402


def test_a_file_from_elsewhere_is_refused(client, host):
    for file in ("file-of-the-web-page", "../spend", "", "x" * 500):
        status, code, message = refused(
            client.fine_tuning.jobs.create, model=BASE.id, training_file=file
        )
        assert (status, code) == (403, "not_priced")
        assert "client.files.create" in message
    assert host.seen == []


@pytest.mark.parametrize("model", [UNPRICED.id, "nonesuch", f"ft:{BASE.id}:acme::x"])
def test_a_model_without_a_training_price_is_refused(client, host, upload, model):
    file = upload(training_data(10))
    status, code, message = refused(client.fine_tuning.jobs.create, model=model, training_file=file)
    assert (status, code) == (403, "not_priced")
    assert f"train one of: {BASE.id}" in message
    assert jobs_sent(host) == []


@pytest.mark.parametrize("method", ["dpo", "reinforcement", "new"])
def test_a_method_without_a_price_is_refused(client, host, upload, method):
    file = upload(training_data(10))
    status, code, message = refused(
        client.fine_tuning.jobs.create,
        model=BASE.id,
        training_file=file,
        method={"type": method},
    )
    assert (status, code) == (403, "not_priced")
    assert method in message
    assert 'use the method "supervised"' in message
    assert jobs_sent(host) == []


@pytest.mark.parametrize("n_epochs", [0, -1, 1.5, True, "many", [3]])
def test_epochs_that_make_no_sense_are_refused(client, host, upload, n_epochs):
    file = upload(training_data(10))
    status, _, message = refused(
        client.fine_tuning.jobs.create,
        model=BASE.id,
        training_file=file,
        hyperparameters={"n_epochs": n_epochs},
    )
    assert status == 400
    assert f"n_epochs is {n_epochs!r}" in message
    assert jobs_sent(host) == []


IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/large.png"}}
WITH_IMAGE = json.dumps({"messages": [{"role": "user", "content": [IMAGE]}]})


@pytest.mark.parametrize("line", [WITH_IMAGE, WITH_IMAGE.replace("_", "\\u005f"), "no json"])
def test_a_file_whose_tokens_have_no_bound_is_refused(client, host, upload, line):
    file = upload(training_data(10) + f"{line}\n".encode())
    status, code, message = refused(
        client.fine_tuning.jobs.create, model=BASE.id, training_file=file
    )
    assert (status, code) == (403, "not_priced")
    assert "course check-data" in message
    assert jobs_sent(host) == []


def test_a_job_that_the_host_refuses_costs_nothing(client, host, upload):
    file = upload(training_data(10))
    host.status = 403
    assert refused(client.fine_tuning.jobs.create, model=BASE.id, training_file=file)[1] == "no"
    assert spent() == 0


def test_a_new_kernel_knows_the_file(host, relay, upload):
    file = upload(training_data(10))
    start_relay.cache_clear()
    other = start_relay(host.base_url, KEY, free=False)
    assert other.token != relay.token
    with openai.OpenAI(base_url=other.base_url, api_key=other.token) as client:
        assert client.fine_tuning.jobs.create(model=BASE.id, training_file=file).id == "ftjob-1"


def test_a_host_on_this_machine_is_free_and_asked_for_anything(host, home):
    free = start_relay(host.base_url, KEY)
    with openai.OpenAI(base_url=free.base_url, api_key=free.token) as client:
        client.files.create(file=("train.jsonl", training_data(10)), purpose="fine-tune")
        client.fine_tuning.jobs.create(
            model="whatever-it-trains", training_file="any", method={"type": "dpo"}
        )
    assert spent() == 0


# ------------------------------------------------------------------------------- what follows a job


def test_what_follows_a_job_is_free(client, host, monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET_USD", "0")
    jobs, tuned = client.fine_tuning.jobs, f"ft:{BASE.id}:acme::abc:ckpt-step-10"
    assert jobs.retrieve("ftjob-1").id == "ftjob-1"
    assert list(jobs.list_events("ftjob-1")) == []
    jobs.pause("ftjob-1")
    jobs.resume("ftjob-1")
    jobs.cancel("ftjob-1")
    client.files.delete("file-0")
    client.models.delete(tuned)
    assert [(method, path) for method, path, _ in host.seen] == [
        ("GET", "/v1/fine_tuning/jobs/ftjob-1"),
        ("GET", "/v1/fine_tuning/jobs/ftjob-1/events"),
        ("POST", "/v1/fine_tuning/jobs/ftjob-1/pause"),
        ("POST", "/v1/fine_tuning/jobs/ftjob-1/resume"),
        ("POST", "/v1/fine_tuning/jobs/ftjob-1/cancel"),
        ("DELETE", "/v1/files/file-0"),
        ("DELETE", f"/v1/models/{tuned}"),
    ]
    assert spent() == 0


def test_a_tuned_model_answers_at_the_tuned_price(client, relay):
    tuned = f"ft:{BASE.id}:acme:style:abc"
    ask = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 10}
    client.chat.completions.create(model=tuned, **ask)
    price = (12 * BASE.usd_tuned_input + 3 * BASE.usd_tuned_output) / 1_000_000
    assert spent() == pytest.approx(price)
    assert relay.price_of(tuned).startswith(f"${BASE.usd_tuned_input:.2f} in / ")


@pytest.mark.parametrize("base", [registry.hosted_chat().id, "nonesuch", ""])
def test_a_tuned_model_without_a_price_is_not_asked(client, host, base):
    status, _, message = refused(
        client.chat.completions.create,
        model=f"ft:{base}:acme::abc",
        messages=[{"role": "user", "content": "Hi"}],
    )
    assert status == 400
    assert "data/models.toml" in message
    assert "\n  -> " in message
    assert host.seen == []
