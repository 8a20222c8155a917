"""The training worker on a tiny random network: it learns, goes on after an end, and tells."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from course_utils.finetune.config import TrainingConfig
from course_utils.finetune.dataset import as_example, write_jsonl
from course_utils.finetune.train import STOPPED, last_checkpoint
from course_utils.settings import REPO

pytest.importorskip("torch")
EXAMPLES = 16


@pytest.fixture
def job(tiny_base, tmp_path):
    """``job(**config)`` → folder with a configuration."""

    def make(rows=None, **config):
        rows = rows or [as_example(f"Question {i}?", f"Answer {i}. " * 5) for i in range(EXAMPLES)]
        folder = tmp_path / "job"
        folder.mkdir()
        chosen = {"n_epochs": 2, "batch_size": 4, "learning_rate": 2e-3, **config}
        data = write_jsonl(tmp_path / "data.jsonl", rows)
        content = TrainingConfig(base=tiny_base.id, training_file=data, **chosen)
        (folder / "config.json").write_text(content.model_dump_json(), encoding="utf-8")
        return folder

    return make


def start(folder, *options):
    command = [sys.executable, "-m", "course_utils.finetune.train", str(folder), *options]
    return subprocess.Popen(command, cwd=REPO, stderr=subprocess.PIPE, text=True)


def finish(folder):
    worker = start(folder)
    _, errors = worker.communicate(timeout=240)
    return worker.returncode, errors


def events(folder):
    path = folder / "events.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def wait_for_step(folder, step):
    deadline = time.monotonic() + 120
    while not any((e["data"] or {}).get("step", 0) >= step for e in events(folder)):
        assert time.monotonic() < deadline, "no step in two minutes"
        time.sleep(0.05)


def test_it_leaves_what_it_promises(job):
    folder = job()
    code, errors = finish(folder)
    assert code == 0, errors
    done = json.loads((folder / "done.json").read_text())
    assert done["steps"] == EXAMPLES // 4 * 2
    losses = [e["data"]["train_loss"] for e in events(folder) if e["type"] == "metrics"]
    assert losses[-1] < losses[0]
    header, *rows = (folder / "metrics.csv").read_text().splitlines()
    assert header == (
        "step,train_loss,train_mean_token_accuracy,valid_loss,valid_mean_token_accuracy"
    )
    assert len(rows) == done["steps"]
    checkpoints = [
        json.loads(line) for line in (folder / "checkpoints.jsonl").read_text().splitlines()
    ]
    assert [c["step"] for c in checkpoints] == [4, 8]
    assert all((folder / c["gguf"]).stat().st_size > 1000 for c in checkpoints)
    assert (folder / "adapter.gguf").stat().st_size > 1000
    config = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    assert not config["base_model_name_or_path"].startswith("/"), "a folder of this machine"
    assert not list((folder / "trainer").rglob("*.ckpt"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to catch")
def test_asked_to_stop_it_saves_and_goes_on_later(job):
    folder = job(n_epochs=300)
    worker = start(folder)
    wait_for_step(folder, 5)
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=60)
    assert worker.returncode == STOPPED
    stopped_at = int(last_checkpoint(folder / "trainer").name.removeprefix("checkpoint-"))
    assert stopped_at >= 5 and not (folder / "done.json").exists()
    config = json.loads((folder / "config.json").read_text())
    config["n_epochs"] = stopped_at // 4 + 2
    (folder / "config.json").write_text(json.dumps(config))
    code, errors = finish(folder)
    assert code == 0, errors
    assert any(e["message"] == f"Going on from step {stopped_at}" for e in events(folder))


def test_it_ends_with_its_parent(job):
    folder = job(n_epochs=500)
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    # Not its real parent, so it has to notice at once.
    worker = start(folder, "--parent", str(parent.pid))
    worker.communicate(timeout=60)
    parent.kill()
    parent.wait()
    assert worker.returncode == STOPPED


@pytest.fixture
def checkpoints(tmp_path):
    """``checkpoints(steps)`` → a folder with checkpoints, in the files that Trainer writes."""
    import numpy as np
    import torch
    from safetensors.torch import save_file

    def make(*steps):
        for step in steps:
            folder = tmp_path / "trainer" / f"checkpoint-{step}"
            folder.mkdir(parents=True)
            save_file({"lora_A": torch.ones(4, 2)}, folder / "adapter_model.safetensors")
            torch.save({"state": {0: {"step": torch.tensor(1.0)}}}, folder / "optimizer.pt")
            torch.save({"last_epoch": step}, folder / "scheduler.pt")
            states = {"python": random.getstate(), "numpy": np.random.get_state()}
            torch.save({**states, "cpu": torch.get_rng_state()}, folder / "rng_state.pth")
            torch.save(TrainingConfig, folder / "training_args.bin")  # never read
            (folder / "trainer_state.json").write_text('{"global_step": 4}')
        return tmp_path / "trainer"

    return make


PARTS = ("trainer_state.json", "adapter_model.safetensors", "optimizer.pt")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("left", [0, 0.5])
def test_half_a_checkpoint_is_passed_over(part, left, checkpoints):
    folder = checkpoints(4, 8)
    path = folder / "checkpoint-8" / part
    os.truncate(path, int(path.stat().st_size * left))
    assert last_checkpoint(folder).name == "checkpoint-4"
    assert not (folder / "checkpoint-8").exists()
    assert last_checkpoint(folder / "none") is None


class Malicious:
    """Runs a command in whoever unpickles it."""

    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return os.mkdir, (self.trace,)


@pytest.mark.parametrize("part", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_a_checkpoint_with_code_in_it_is_refused(part, checkpoints, tmp_path, capfd):
    import torch

    folder, trace = checkpoints(4, 8), tmp_path / "it-ran"
    torch.save(Malicious(trace), folder / "checkpoint-8" / part)
    assert last_checkpoint(folder).name == "checkpoint-4"
    assert not trace.exists()
    assert "checkpoint-8 cannot be used" in capfd.readouterr().err
    # It is no dud: without the care taken it does run.
    torch.save(Malicious(trace), folder / "checkpoint-4" / part)
    torch.load(folder / "checkpoint-4" / part, weights_only=False)
    assert trace.exists()


def test_an_adapter_is_no_pickle(checkpoints, tmp_path):
    import torch

    folder, trace = checkpoints(4), tmp_path / "it-ran"
    (folder / "checkpoint-4" / "adapter_model.safetensors").unlink()
    torch.save(Malicious(trace), folder / "checkpoint-4" / "adapter_model.bin")
    assert last_checkpoint(folder) is None
    assert not trace.exists()


def test_dpo_prefers_what_it_was_told_to(job):
    rows = [
        {
            "input": {"messages": [{"role": "user", "content": f"Question {i}?"}]},
            "preferred_output": [{"role": "assistant", "content": "Hello from Acme."}],
            "non_preferred_output": [{"role": "assistant", "content": "What do you want now?"}],
        }
        for i in range(EXAMPLES)
    ]
    folder = job(rows, method="dpo", n_epochs=4)
    code, errors = finish(folder)
    assert code == 0, errors
    accuracy = [e["data"].get("train_mean_token_accuracy") for e in events(folder) if e["data"]]
    assert accuracy[-1] == 1.0
    assert json.loads((folder / "done.json").read_text())["trained_tokens"] > 0


def test_a_failure_is_written_down(job):
    folder = job([as_example("Question?", "Answer.")] * EXAMPLES, targets=("no_such_layer",))
    code, _ = finish(folder)
    failed = json.loads((folder / "failed.json").read_text())
    assert code == 1
    assert failed["code"] == "training_failed" and "no_such_layer" in failed["message"]
