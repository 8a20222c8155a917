"""Fine-tuning jobs, asked for through OpenAI's client. The trainings are real, and small."""

import csv
import io
import os
import re
import subprocess
import sys
import time

import openai
import pytest
from starlette.testclient import TestClient

from course_utils import CourseError, registry
from course_utils.endpoint.app import create_app
from course_utils.finetune.examples import read_examples
from course_utils.finetune.follow import follow, metrics
from course_utils.finetune.tokens import TokenCounter

# The guide's block, its lines unchanged but for two: the examples come from a file with ten of
# them, and the model's name from the finished job. The names of the models stand in the registry.
GUIDE = """
# Fine-tuning approach — requires labeled training data
import json
from openai import OpenAI

# Step 1: Prepare training data as JSONL
training_examples = [json.loads(line) for line in open("examples.jsonl")]

with open("training_data.jsonl", "w") as f:
    for ex in training_examples:
        f.write(json.dumps(ex) + "\\n")

client = OpenAI()

# Step 2: Upload and submit
with open("training_data.jsonl", "rb") as f:
    file_response = client.files.create(file=f, purpose="fine-tune")

job = client.fine_tuning.jobs.create(
    training_file=file_response.id,
    model="{model}",
    hyperparameters={{"n_epochs": 3}},
    suffix="support-v1"
)
print(f"Job created: {{job.id}} | Status: {{job.status}}")

# Step 3: Use the fine-tuned model
import time
while (job := client.fine_tuning.jobs.retrieve(job.id)).status != "succeeded": time.sleep(0.5)
fine_tuned_model = job.fine_tuned_model

response = client.chat.completions.create(
    model=fine_tuned_model,
    messages=[
        {{"role": "system", "content": "You are a customer support agent for Acme Corp."}},
        {{"role": "user",   "content": "What is the warranty period for the Pro plan?"}},
    ]
)
print(response.choices[0].message.content)
# Answers from learned behavior — no retrieval
"""


@pytest.fixture(scope="module")
def api(tuning):
    return tuning.client.fine_tuning.jobs


@pytest.fixture(scope="module")
def guide_job(tuning, api, examples, guide_id, tmp_path_factory):
    """The job that the guide's block made."""
    folder = tmp_path_factory.mktemp("guide")
    (folder / "examples.jsonl").write_bytes(examples())
    done = subprocess.run(
        [sys.executable, "-c", GUIDE.format(model=guide_id)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"OPENAI_BASE_URL": tuning.base_url, "OPENAI_API_KEY": "unused"},
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    created, answer = done.stdout.split("\n", 1)
    job_id = re.fullmatch(r"Job created: (ftjob-\w+) \| Status: validating_files", created)[1]
    assert answer.strip()
    return api.retrieve(job_id)


def test_the_guides_block_trains_a_model(guide_job, chat_id):
    job = guide_job
    assert job.model == chat_id  # what was trained, not what was asked for
    assert re.fullmatch(rf"ft:{re.escape(chat_id)}:acme:support-v1:\w+", job.fine_tuned_model)
    assert job.object == "fine_tuning.job" and job.status == "succeeded" and job.error is None
    assert job.created_at < job.finished_at <= time.time() + 1
    assert job.hyperparameters.n_epochs == 3 and job.hyperparameters.batch_size >= 1
    assert job.method.type == "supervised"
    assert job.method.supervised.hyperparameters.to_dict() == job.hyperparameters.to_dict()


def test_trained_tokens_are_tokens_times_epochs(guide_job, tuning, chat_id, tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes(tuning.client.files.content(guide_job.training_file).read())
    count = TokenCounter(tuning.home / "bases" / chat_id).count
    assert guide_job.trained_tokens == 3 * sum(count(e["messages"]) for e in read_examples(path))


def test_events_tell_the_whole_story(guide_job, api):
    events = list(api.list_events(guide_job.id, limit=3))  # asks for part after part
    assert len({event.id for event in events}) == len(events) > 9
    assert events == list(api.list_events(guide_job.id, limit=100))
    assert "successfully completed" in events[0].message and "Created" in events[-1].message
    assert [e.created_at for e in events] == sorted((e.created_at for e in events), reverse=True)
    metrics = [event for event in events if event.type == "metrics"]
    assert {event.object for event in events} == {"fine_tuning.job.event"}
    assert metrics[0].data["step"] == metrics[0].data["total_steps"]
    assert metrics[0].data["train_loss"] < metrics[-1].data["train_loss"]
    assert api.list_events(guide_job.id, limit=1).has_more


def test_the_result_file(guide_job, tuning):
    [file_id] = guide_job.result_files
    file = tuning.client.files.retrieve(file_id)
    content = tuning.client.files.content(file_id).text
    assert file.purpose == "fine-tune-results" and file.bytes == len(content.encode())
    rows = list(csv.DictReader(io.StringIO(content)))
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"])
    assert file_id in {f.id for f in tuning.client.files.list(purpose="fine-tune-results")}


def test_checkpoints(guide_job, api):
    checkpoints = list(api.checkpoints.list(guide_job.id, limit=2))
    steps = [checkpoint.step_number for checkpoint in checkpoints]
    assert len(steps) == 3 and steps == sorted(steps, reverse=True)
    newest = checkpoints[0]
    assert newest.fine_tuned_model_checkpoint == (
        f"{guide_job.fine_tuned_model}:ckpt-step-{newest.step_number}"
    )
    assert newest.fine_tuning_job_id == guide_job.id
    assert newest.metrics.step == newest.step_number
    assert newest.metrics.train_loss < checkpoints[-1].metrics.train_loss


def test_a_finished_job_stays_as_it_is(guide_job, api):
    for change in (api.cancel, api.pause, api.resume):
        with pytest.raises(openai.BadRequestError, match="is succeeded"):
            change(guide_job.id)
    assert api.retrieve(guide_job.id) == guide_job


def test_an_unknown_job(api):
    unknown = (api.retrieve, api.cancel, api.pause, api.resume, api.list_events)
    for ask in (*unknown, api.checkpoints.list):
        with pytest.raises(openai.NotFoundError, match="Could not find fine tune"):
            ask("ftjob-none")


REFUSED = {
    "no such file": ({"training_file": "file-none"}, "training_file", "There is no such file"),
    "no such validation file": ({"validation_file": "file-none"}, "validation_file", "no such"),
    "reinforcement": ({"method": {"type": "reinforcement", "reinforcement": {}}}, "method.type",
                      "'supervised', or 'dpo'"),
    "an unknown method": ({"method": {"type": "magic"}}, "method.type", "supervised"),
    "two methods": ({"method": {"type": "supervised", "dpo": {}}}, "method", "method.dpo"),
    "both spellings": ({"method": {"type": "supervised"}, "hyperparameters": {"n_epochs": 1}},
                       None, "deprecated"),
    "no epochs": ({"hyperparameters": {"n_epochs": 0}}, "hyperparameters.n_epochs", "than or"),
    "a word": ({"hyperparameters": {"n_epochs": "many"}}, "hyperparameters.n_epochs", "auto"),
    "an unknown one": ({"hyperparameters": {"epochs": 1}}, "hyperparameters.epochs", "Unknown"),
    "beta without dpo": ({"hyperparameters": {"beta": 1}}, "hyperparameters.beta", "Unknown"),
    "a long suffix": ({"suffix": "x" * 65}, "suffix", "65 characters"),
    "a suffix with a colon": ({"suffix": "a:b"}, "suffix", "pattern"),
    "integrations": ({"integrations": [{"type": "wandb", "wandb": {"project": "p"}}]},
                     "integrations", "Leave integrations out"),
    "long metadata": ({"metadata": {"k": "v" * 513}}, "metadata", "512"),
    "much metadata": ({"metadata": {str(n): "" for n in range(17)}}, "metadata", "16"),
    "an unknown model": ({"model": "none"}, "model", "cannot be fine-tuned here"),
    "the encoder": ({"model": registry.local_encoder().id}, "model", "cannot be fine-tuned here"),
    "a hosted model": ({"model": registry.hosted_encoder().id}, "model", "cannot be fine-tuned"),
    "a negative seed": ({"seed": -1}, "seed", "greater"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, tuning, api, create_job):
    parameters, param, message = REFUSED[case]
    before = len(list(api.list()))
    with pytest.raises(openai.BadRequestError, match=re.escape(message)) as refused:
        create_job(tuning.client, **parameters)
    assert refused.value.param == param
    assert len(list(api.list())) == before


def test_results_are_no_training_data_and_a_tuned_model_is_no_base(
    guide_job, tuning, create_job, chat_id
):
    with pytest.raises(openai.BadRequestError, match="fine-tune-results"):
        create_job(tuning.client, training_file=guide_job.result_files[0])
    with pytest.raises(openai.BadRequestError, match=f"fine-tuned already.*{chat_id}"):
        create_job(tuning.client, model=guide_job.fine_tuned_model)


def test_a_bad_file_fails_with_line_and_cure(tuning, api, becomes, create_job, examples):
    rows = examples().splitlines()
    rows[6] = b'{"messages": [{"role": "user", "content": "no answer"}]}'
    bad = tuning.client.files.create(file=("bad.jsonl", b"\n".join(rows)), purpose="fine-tune")
    job = becomes(tuning.client, create_job(tuning.client, training_file=bad.id).id, "failed")
    assert job.error.param == "training_file" and "line 7" in job.error.message
    assert job.error.code and job.finished_at and job.fine_tuned_model is None
    assert [e.level for e in api.list_events(job.id, limit=1).data] == ["error"]
    job = create_job(tuning.client, validation_file=bad.id)
    assert becomes(tuning.client, job.id, "failed").error.param == "validation_file"


def test_following_a_job_to_its_end(tuning, create_job):
    job = follow(tuning.client, create_job(tuning.client), quiet=True)
    assert job.status == "succeeded" and job.fine_tuned_model
    curve = metrics(tuning.client, job)
    steps = [point["step"] for point in curve]
    assert steps == sorted(set(steps)) and steps[-1] == curve[-1]["total_steps"]
    assert curve[-1]["train_loss"] < curve[0]["train_loss"]


def test_following_a_job_that_fails_says_why(tuning, create_job):
    bad = tuning.client.files.create(file=("bad.jsonl", b"no json\n" * 12), purpose="fine-tune")
    job = create_job(tuning.client, training_file=bad.id)
    with pytest.raises(CourseError, match=r"is failed: .*line 1"):
        follow(tuning.client, job, quiet=True)


def test_pause_resume_cancel_and_the_queue(tuning, api, becomes, create_job, workers):
    """One training, long enough to be stopped; the jobs behind it wait."""
    client = tuning.client
    labels = {"class": "b"}
    hyperparameters = {"n_epochs": 50, "batch_size": 1, "learning_rate_multiplier": 0.5}
    long = create_job(client, hyperparameters=hyperparameters, seed=7, metadata={"class": "a"})
    method = {"type": "dpo", "dpo": {"hyperparameters": {"n_epochs": 1, "beta": 0.2}}}
    waiting = create_job(client, metadata=labels)
    wrong_form = create_job(client, method=method, metadata=labels)
    # The file was made for the other method: found out while the first job trains.
    assert becomes(client, wrong_form.id, "failed").method.dpo.hyperparameters.beta == 0.2
    becomes(client, waiting.id, "queued")
    assert any(text.startswith("Position 2 in the queue") for text in messages(api, waiting))
    with pytest.raises(openai.BadRequestError, match="needs file-"):
        client.files.delete(waiting.training_file)
    assert [job.id for job in api.list(metadata=labels, limit=1)] == [wrong_form.id, waiting.id]
    assert api.cancel(waiting.id).status == "cancelled"

    becomes(client, long.id, "running")
    wait_until(lambda: any("Step 3" in text for text in messages(api, long)))
    running = api.retrieve(long.id)
    assert running.estimated_finish > time.time() and running.seed == 7
    [worker] = workers(tuning)
    if os.name != "nt":
        assert worker.nice() == 10
        # Its priority counts within a session; the terminal's Ctrl-C goes to a group of processes.
        assert os.getsid(worker.pid) == os.getsid(tuning.process.pid)
        assert os.getpgid(worker.pid) != os.getpgid(tuning.process.pid)
    assert api.pause(long.id).status == "paused"
    wait_until(lambda: not workers(tuning))
    assert api.retrieve(long.id).status == "paused"
    assert api.resume(long.id).status == "queued"
    becomes(client, long.id, "running")
    wait_until(lambda: any("Going on from step" in text for text in messages(api, long)))
    assert api.cancel(long.id).status == "cancelled"
    wait_until(lambda: not workers(tuning))
    cancelled = api.retrieve(long.id)
    assert cancelled.status == "cancelled" and cancelled.finished_at
    assert cancelled.fine_tuned_model is None and cancelled.estimated_finish is None


def test_a_job_rests_while_its_files_are_checked(tuning, api, create_job, becomes):
    job = create_job(tuning.client)
    assert api.pause(job.id).status == "paused"
    time.sleep(1)
    assert api.retrieve(job.id).status == "paused"
    assert api.resume(job.id).status in ("validating_files", "queued")
    assert api.cancel(job.id).status == "cancelled"


def test_without_the_training_packages_the_cure_is_named(home, monkeypatch, chat_id):
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    client = TestClient(create_app(), base_url="http://127.0.0.1")
    answer = client.post("/v1/fine_tuning/jobs", json={"model": chat_id, "training_file": "f"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "training_not_installed")
    assert "torch" in error["message"] and "make setup" in error["message"]


def messages(api, job):
    return [event.message for event in api.list_events(job.id, limit=1000)]


def wait_until(true, seconds=90):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)
