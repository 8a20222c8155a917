import pytest

from course_utils.finetune.config import LEARNING_RATE, hyperparameters, n_epochs_auto


@pytest.mark.parametrize(
    ("examples", "epochs"),
    [(1, 25), (10, 10), (25, 4), (33, 3), (34, 3), (100, 3), (8333, 3), (8334, 2), (30_000, 1)],
)
def test_auto_epochs_follow_openais_rule(examples, epochs):
    assert n_epochs_auto(examples) == epochs


def test_numbers_stand_and_auto_is_replaced():
    assert hyperparameters(100) == {
        "n_epochs": 3,
        "batch_size": 4,
        "learning_rate": LEARNING_RATE["supervised"],
        "beta": 0.1,
    }
    given = hyperparameters(
        100, "dpo", n_epochs=7, batch_size=1, learning_rate_multiplier=2.0, beta=0.5
    )
    assert given == {
        "n_epochs": 7,
        "batch_size": 1,
        "learning_rate": 2 * LEARNING_RATE["dpo"],
        "beta": 0.5,
    }


def test_a_batch_is_no_larger_than_the_file():
    assert hyperparameters(3, batch_size=64)["batch_size"] == 3
