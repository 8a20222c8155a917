"""The corpus of nasty training files: through the check itself, and through upload and job."""

import time

import httpx
import pytest

from bad_input.nasty_files import HARMLESS, LINE, wrong
from course_utils import registry
from course_utils.finetune.base import base_folder, prepare_base
from course_utils.finetune.config import TrainingConfig
from course_utils.finetune.examples import check_examples, overlap, read_examples
from course_utils.finetune.tokens import TokenCounter

SLOWEST_S = 10
ENDED = ("succeeded", "failed", "cancelled")


@pytest.fixture(scope="module")
def check():
    """``check(path)``: as a job does it."""
    model = registry.local_chat()
    prepare_base(model)
    count = TokenCounter(base_folder(model)).count
    most = TrainingConfig.model_fields["max_tokens"].default
    return lambda path, **more: check_examples(path, count=count, max_tokens=most, **more)


@pytest.fixture
def written(tmp_path):
    def written(content):
        path = tmp_path / "train.jsonl"
        path.write_bytes(content)
        return path

    return written


@pytest.mark.parametrize("name", wrong())
def test_the_check_names_line_and_cure(name, check, written):
    content, line_at_fault = wrong()[name]
    started = time.monotonic()
    report = check(written(content))
    assert time.monotonic() - started < SLOWEST_S
    assert report.errors
    assert all(problem.message and problem.cure for problem in report.problems)
    assert all(len(str(problem)) < 500 for problem in report.problems)
    if line_at_fault:
        assert {problem.line for problem in report.errors} == {LINE}
    said = report.error()["message"]
    assert len(said) < 1500 and said.isprintable()
    said.encode()


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_files_pass(name, check, written):
    path = written(HARMLESS[name])
    report = check(path)
    assert report.ok, report
    assert len(read_examples(path)) == report.examples >= 10
    assert overlap(path, path).warnings


@pytest.mark.parametrize("name", [*wrong(), *HARMLESS])
def test_as_preferences_all_are_refused(name, check, written):
    content = HARMLESS.get(name) or wrong()[name][0]
    report = check(written(content), method="dpo")
    assert report.errors and all(problem.cure for problem in report.problems)


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_jobs_fail_with_line_and_cure(target, every):
    """All jobs at once: none is stuck, none is trained, none stops the next."""
    api, jobs = target.client, {}
    for name, (content, line_at_fault) in list(wrong().items())[::every]:
        file = api.files.create(file=(f"{name}.jsonl", content), purpose="fine-tune")
        job = api.fine_tuning.jobs.create(model=target.chat_id, training_file=file.id)
        jobs[job.id] = (name, line_at_fault)
    deadline = time.monotonic() + 240
    while True:
        found = {job.id: job for job in api.fine_tuning.jobs.list(limit=100)}
        waiting = [name for id, (name, _) in jobs.items() if found[id].status not in ENDED]
        if not waiting:
            break
        assert time.monotonic() < deadline, waiting
        time.sleep(0.5)
    for id, (name, line_at_fault) in jobs.items():
        job = found[id]
        assert job.status == "failed", (name, job)
        assert job.error.code in ("invalid_training_file", "invalid_n_examples"), (name, job.error)
        assert "->" in job.error.message, (name, job.error)
        if line_at_fault:
            assert f"line {LINE}:" in job.error.message, (name, job.error)
    health = httpx.get(f"{target.root}/health", trust_env=False).json()
    assert set(health["jobs"].values()) == {0}
