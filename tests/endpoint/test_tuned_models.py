"""Models that jobs made: served under their names, apart from each other, and deleted."""

import dataclasses

import openai
import pytest

from course_utils import registry
from course_utils.endpoint.catalog import load_engine

PROMPT = [
    {"role": "system", "content": "You are a customer support agent."},
    {"role": "user", "content": "What is the warranty of product 3?"},
]
# A greedy answer may differ in its later tokens when a part of its prompt came from the cache; its
# first token's log-probabilities move in the second digit only. Of another model they move far.
NEAR, FAR = 0.2, 0.5


@pytest.fixture(scope="module")
def job(tuning, create_job, becomes):
    """A finished job with a checkpoint after each of two epochs."""
    created = create_job(tuning.client, hyperparameters={"n_epochs": 2, "batch_size": 2}, seed=1)
    return becomes(tuning.client, created.id, "succeeded")


@pytest.fixture(scope="module")
def checkpoints(tuning, job):
    found = tuning.client.fine_tuning.jobs.checkpoints.list(job.id)
    return [checkpoint.fine_tuned_model_checkpoint for checkpoint in found][::-1]


def test_it_answers_under_its_name(tuning, job, chat_id):
    client = tuning.client
    base = ask(client, chat_id).choices[0].message.content
    answer = ask(client, job.fine_tuned_model)
    assert answer.model == job.fine_tuned_model
    assert answer.choices[0].message.content.startswith("Hello! It is")
    assert not base.startswith("Hello! It is")
    stream = client.chat.completions.create(
        model=job.fine_tuned_model, messages=PROMPT, max_tokens=8, temperature=0, stream=True
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream).startswith("Hello!")


def test_it_is_listed(tuning, job, checkpoints, chat_id):
    listed = {model.id: model for model in tuning.client.models.list()}
    assert {job.fine_tuned_model, *checkpoints, chat_id} <= set(listed)
    assert listed[job.fine_tuned_model].owned_by == "acme"
    assert abs(listed[job.fine_tuned_model].created - job.finished_at) < 30
    assert tuning.client.models.retrieve(checkpoints[0]).id == checkpoints[0]


def test_no_model_reads_the_cache_of_another(tuning, job, checkpoints, chat_id):
    """The same prompt to all of them in turn; at most two are loaded, so they come and go."""
    base, first, last = chat_id, checkpoints[0], job.fine_tuned_model
    alone = {name: fresh(tuning, name) for name in (base, first, last)}
    for one, other in ((base, first), (base, last), (first, last)):
        assert distance(alone[one][1], alone[other][1]) > FAR  # else this test could not fail
    for name in (base, last, base, first, last, first, base, base, last):
        assert distance(ask_first(tuning.client, name), alone[name][1]) < NEAR, name
        exact = ask(tuning.client, name, seed=1).choices[0].message.content
        assert exact == alone[name][0], name


def test_deleting(tuning, job, checkpoints, chat_id):
    client = tuning.client
    name = checkpoints[0]
    [adapter] = (tuning.home / "endpoint" / "jobs" / job.id / "checkpoints").glob("step-5.gguf")
    ask(client, name)
    deleted = client.models.delete(name)
    assert (deleted.id, deleted.deleted) == (name, True)
    assert not adapter.exists()
    assert name not in {model.id for model in client.models.list()}
    for use in (lambda: ask(client, name), lambda: client.models.delete(name)):
        with pytest.raises(openai.NotFoundError, match="is not served here"):
            use()
    ask(client, job.fine_tuned_model)
    alias = next(model.id for model in client.models.list() if hasattr(model, "alias_of"))
    for other in (chat_id, alias):
        with pytest.raises(openai.BadRequestError, match="Only models made by fine-tuning"):
            client.models.delete(other)


def ask(client, name, **parameters):
    parameters = {"temperature": 0, "max_tokens": 16, **parameters}
    return client.chat.completions.create(model=name, messages=PROMPT, **parameters)


def ask_first(client, name):
    """The log-probabilities of the likeliest first tokens."""
    answer = ask(client, name, max_tokens=1, logprobs=True, top_logprobs=5)
    return first_token(answer.choices[0].logprobs.content[0].to_dict())


def fresh(tuning, name):
    """Text and first log-probabilities of an engine that has never answered anything else."""
    model = registry.local_chat()
    if name != model.id:
        adapter = tuning.home / "endpoint" / "jobs" / adapter_of(tuning, name)
        model = dataclasses.replace(model, id=name, base=model.id, adapter=adapter)
    body = {
        "messages": PROMPT,
        "max_tokens": 16,
        "temperature": 0,
        "seed": 1,
        "logprobs": True,
        "top_logprobs": 5,
        "samplers": ["penalties", "temperature", "top_p"],
    }
    choice = load_engine(model).complete(body)["choices"][0]
    return choice["message"]["content"], first_token(choice["logprobs"]["content"][0])


def adapter_of(tuning, name):
    job_id = next(
        job.id
        for job in tuning.client.fine_tuning.jobs.list()
        if job.fine_tuned_model and name.startswith(job.fine_tuned_model)
    )
    step = name.rpartition(":ckpt-step-")[2] if ":ckpt-step-" in name else None
    return f"{job_id}/checkpoints/step-{step}.gguf" if step else f"{job_id}/adapter.gguf"


def first_token(token):
    return {other["token"]: other["logprob"] for other in token["top_logprobs"]}


def distance(one, other):
    """The largest difference between two first tokens; infinite where no token is in both."""
    both = one.keys() & other.keys()
    return max((abs(one[token] - other[token]) for token in both), default=float("inf"))
