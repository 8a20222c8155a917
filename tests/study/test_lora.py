"""The stored comparison of LoRA and full fine-tuning, and the way in which it was made."""

import pytest

from course_utils import registry
from course_utils.evaluate.general import FACTS
from course_utils.study.lora import QUESTIONS, VARIANTS
from course_utils.study.results import load_result


@pytest.fixture(scope="module")
def rows():
    return {row["name"]: row for row in load_result("lora")["variants"]}


def test_every_variant_is_stored_with_all_its_scores(rows):
    assert list(rows) == list(VARIANTS)
    for row in rows.values():
        assert len(row["perfect"]) == QUESTIONS
        assert 0 <= row["general_right"] <= len(FACTS)
        assert row["valid_loss"] > 0 and row["general_loss"] > 0


def test_the_stored_counts_are_those_of_the_model(rows):
    whole = registry.local_chat().parameters
    assert rows["base"]["trainable"] == 0
    assert rows["full, 16-bit weights"]["trainable"] == whole
    assert rows["full, 32-bit weights"]["trainable"] == whole
    assert rows["LoRA, q and v"]["trainable"] < rows["LoRA, all linear layers"]["trainable"]
    assert rows["LoRA, all linear layers"]["trainable"] < 0.05 * whole


def test_the_result_says_what_the_lesson_says(rows):
    lora, full = rows["LoRA, all linear layers"], rows["full, 32-bit weights"]
    assert full["peak_mb"] > 1.5 * lora["peak_mb"]
    assert sum(rows["base"]["perfect"]) < sum(lora["perfect"])
    assert lora["valid_loss"] < rows["LoRA, q and v"]["valid_loss"] < rows["base"]["valid_loss"]
