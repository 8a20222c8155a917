"""General facts: each can be told apart from a wrong completion, and none is Acme's."""

import pytest

from course_utils.evaluate.general import FACTS, knows
from course_utils.finetune.dataset import load_replies


@pytest.mark.parametrize(("beginning", "end"), FACTS)
def test_each_fact_is_recognised(beginning, end):
    assert knows(f" {end}, as everyone knows.", end)
    assert knows(f" {end.lower()}.", end)
    assert not knows(" something else entirely.", end)
    assert not knows(beginning, end)


def test_a_part_of_a_word_is_no_answer():
    assert not knows(" romehow", "Rome")


def test_no_fact_is_in_the_training_data():
    text = " ".join(r.question + r.reply for r in load_replies("train"))
    assert not [beginning for beginning, end in FACTS if f"{beginning} {end}" in text]
