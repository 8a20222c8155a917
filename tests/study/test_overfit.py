"""The stored result file that lesson 03's exercises read, and what they say about it."""

import csv
import io

import pytest

from course_utils.study.overfit import EPOCHS, EXAMPLES, VALIDATION
from course_utils.study.results import load_result

COLUMNS = "step,train_loss,train_mean_token_accuracy,valid_loss,valid_mean_token_accuracy"


@pytest.fixture(scope="module")
def study():
    return load_result("overfit")


def test_the_study_is_stored_as_it_is_run_today(study):
    assert (study["examples"], study["validation"]) == (EXAMPLES, VALIDATION)
    assert study["n_epochs"] == EPOCHS
    assert study["result_file"].startswith(f"{COLUMNS}\n")


def test_the_training_loss_falls_and_the_validation_loss_turns(study):
    rows = list(csv.DictReader(io.StringIO(study["result_file"])))
    train = [float(row["train_loss"]) for row in rows]
    assert sum(train[-3:]) < 0.5 * sum(train[:3])
    valid = {int(row["step"]): float(row["valid_loss"]) for row in rows if row["valid_loss"]}
    last, best = max(valid), min(valid, key=valid.get)
    assert len(valid) >= EPOCHS and valid[best] < valid[last] - 0.05
    # The exercise asks for whole epochs, and its usual wrong answers must be wrong here.
    epochs = best * EPOCHS / last
    assert epochs == int(epochs) and 1 < epochs < EPOCHS - 3
