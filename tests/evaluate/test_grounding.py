import pytest

from course_utils.evaluate.grounding import is_supported, sentences

PASSAGE = (
    "Warranty\nThe Pro plan includes a 2-year hardware warranty. Replacements ship within 24 "
    "business hours. A box of ten units costs $1,490."
)


@pytest.mark.parametrize(
    "sentence",
    [
        "The Pro plan includes a 2-year hardware warranty.",
        "Replacements ship within 24 business hours on the Pro plan.",
        "A box of ten units costs $1490.",
    ],
)
def test_what_the_passage_says_is_supported(sentence):
    assert is_supported(sentence, ["Something else.", PASSAGE])


@pytest.mark.parametrize(
    "sentence",
    [
        "The Pro plan includes a 3-year hardware warranty.",  # invented figure
        "Replacements ship within 24 business hours by drone to Mars.",  # invented words
        "A box of ten units costs $149.",  # part of a figure is another figure
        "It is.",  # says nothing
        "",
    ],
)
def test_what_it_does_not_say_is_not(sentence):
    assert not is_supported(sentence, [PASSAGE])


def test_the_support_must_stand_in_one_passage():
    sentence = "The Pro plan costs $49 a month."
    assert not is_supported(sentence, ["The Pro plan is popular.", "Starter costs $49 a month."])


def test_sentences_are_split_and_list_marks_left_out():
    text = "# Refunds\n- Within 30 days. After that, no.\n2) Ask us. It costs $4.50 a unit."
    assert sentences(text) == [
        "Refunds",
        "Within 30 days.",
        "After that, no.",
        "Ask us.",
        "It costs $4.50 a unit.",
    ]
