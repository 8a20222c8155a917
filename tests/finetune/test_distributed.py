"""Training shared by several processes gives what one process gives.

Two CPU processes (gloo) train with plain data parallelism: accelerate 1.15 knows FSDP for GPUs and
other accelerators only. On CPUs it sets ``DistributedType.MULTI_CPU`` and passes over an FSDP
configuration without a word; and its launcher starts several CPU processes only through MPI, hence
torch's. The configuration for GPUs is read here, not run.
"""

import csv
import json
import os
import subprocess
import sys

import pytest

from course_utils.finetune.config import TrainingConfig
from course_utils.finetune.dataset import as_example, write_jsonl
from course_utils.settings import REPO

pytest.importorskip("torch")
FSDP = REPO / "course_utils" / "finetune" / "fsdp.yaml"
EXAMPLES, BATCH, EPOCHS = 40, 4, 1
STEPS = EXAMPLES // BATCH * EPOCHS
TWO = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")


@pytest.fixture
def job(tiny_base, tmp_path):
    """``job(name, batch_size)`` → folder with a configuration; short answers beside long ones."""
    rows = [
        as_example(f"Question {i}?", f"Answer {i}. " * (1 + i * 7 % 11)) for i in range(EXAMPLES)
    ]
    data = write_jsonl(tmp_path / "data.jsonl", rows)

    def make(name, batch_size=BATCH):
        folder = tmp_path / name
        folder.mkdir()
        config = TrainingConfig(
            base=tiny_base.id,
            training_file=data,
            validation_file=data,
            n_epochs=EPOCHS,
            batch_size=batch_size,
            learning_rate=0.002,
            top_layers=1,
        )
        (folder / "config.json").write_text(config.model_dump_json(), encoding="utf-8")
        return folder

    return make


def train(folder, *launcher):
    command = [sys.executable, *launcher, "-m", "course_utils.finetune.train", str(folder)]
    return subprocess.run(
        command,
        cwd=REPO,
        env=os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )


def trained(folder, *launcher):
    done = train(folder, *launcher)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def columns(folder):
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows if row[name]] for name in rows[0]}


def gradient_norms(folder):
    [state] = folder.glob(f"trainer/checkpoint-{STEPS}/trainer_state.json")
    history = json.loads(state.read_text(encoding="utf-8"))["log_history"]
    return [entry["grad_norm"] for entry in history if "grad_norm" in entry]


def test_two_processes_train_as_one(job):
    one = trained(job("one"))
    two = trained(job("two"), *TWO)
    expected, measured = columns(one), columns(two)
    assert measured["step"] == expected["step"] == [*range(1, STEPS + 1)]
    assert measured["train_loss"] == pytest.approx(expected["train_loss"], rel=0.005)
    # Trainer's validation loss is a mean over batches, and two processes cut smaller ones.
    assert measured["valid_loss"] == pytest.approx(expected["valid_loss"], rel=0.02)
    # Later ones drift apart with the rounding of 16-bit numbers.
    assert gradient_norms(two)[:3] == pytest.approx(gradient_norms(one)[:3], rel=0.02)
    assert sum(expected["train_loss"][5:]) < sum(expected["train_loss"][:5]), "nothing was learnt"
    # Only the first process writes: no event, checkpoint or message stands there twice.
    for file in ("events.jsonl", "checkpoints.jsonl"):
        counts = [len((f / file).read_text(encoding="utf-8").splitlines()) for f in (one, two)]
        assert counts[0] == counts[1] > 0, file
    assert json.loads((two / "done.json").read_text())["steps"] == STEPS


def test_a_batch_that_processes_cannot_share_is_refused(job):
    folder = job("odd", batch_size=3)
    assert train(folder, *TWO).returncode != 0
    failed = json.loads((folder / "failed.json").read_text(encoding="utf-8"))
    assert "2 processes cannot share a batch of 3" in failed["message"]


def test_the_fsdp_configuration_is_one_that_accelerate_takes():
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import launch_command_parser

    config = load_config_from_file(str(FSDP))
    assert config.distributed_type == "FSDP"
    assert config.fsdp_config["fsdp_version"] == 2
    known = vars(launch_command_parser().parse_args(["script.py"]))
    assert set(config.fsdp_config) <= set(known)


def test_the_command_in_the_configuration_names_its_own_path():
    text = FSDP.read_text(encoding="utf-8")
    assert f"--config_file {FSDP.relative_to(REPO).as_posix()}" in text
