import json

import pytest

from course_utils.errors import CourseError
from course_utils.evaluate.agreement import VERDICTS, Labelled, agreement, load_labels, verdict
from course_utils.evaluate.questions import Question

FEE = Question(
    id="fee",
    question="What is the fee?",
    answer="The fee is $5.",
    accepted=(("$5",),),
    sources=("fees",),
    kind="single",
    difficulty="easy",
    split="test",
)
OTHER = FEE.model_copy(update={"id": "other", "kind": "unanswerable", "accepted": ()})


def labelled(text, label, weight=None, question="fee"):
    origin = "written" if weight is None else "rag"
    return Labelled(
        question=question, text=text, label=label, origin=origin, split="tune", weight=weight
    )


# Scorer: right, right, wrong, refused; labels: right, wrong, wrong, refused.
FOUR = [
    labelled("The fee is $5.", "right", 1),
    labelled("The fee is $5 and a kiss.", "nearly_right", 3),
    labelled("The fee is $7.", "wrong"),
    labelled("We do not know.", "evasive"),
]


def test_share_and_kappa_by_hand():
    found = agreement(FOUR, [FEE])
    assert (found.n, found.share) == (4, 0.75)
    # By chance: right 1/4 · 2/4, wrong 2/4 · 1/4, refused 1/4 · 1/4, together 5/16.
    assert found.kappa == pytest.approx((3 / 4 - 5 / 16) / (1 - 5 / 16))
    assert [(one.label, said) for one, said in found.disagreements] == [("nearly_right", "right")]


def test_models_answers_are_weighted_and_the_written_stand_apart():
    found = agreement(FOUR, [FEE])
    assert (found.real_n, found.real_share) == (2, 0.25)  # 1 of 1 + 3
    # By chance: right 1/4 · 4/4, wrong 3/4 · 0; no better than that.
    assert found.real_kappa == pytest.approx(0)
    assert found.by_label["nearly_right"] == (0, 1)
    assert found.written_by_label["nearly_right"] == (0, 0)
    assert found.by_label["wrong"] == found.written_by_label["wrong"] == (1, 1)


def test_without_models_answers_there_is_nothing_to_weight():
    found = agreement(FOUR[2:], [FEE])
    assert (found.share, found.kappa) == (1, 1)
    assert (found.real_n, found.real_share, found.real_kappa) == (0, None, None)
    assert "weighted" not in str(found)


def test_printing():
    text = str(agreement(FOUR, [FEE]))
    assert text.splitlines()[0] == "4 labelled answers: 75.0% agreement, kappa 0.64"
    assert "  evasive          1 of   1  (written by hand: 1 of 1)" in text.splitlines()
    assert text.splitlines()[-1].endswith("25.0% agreement, kappa 0.00")


def test_verdicts():
    styled = "Hello from Acme.\nThe fee is $5.\nNext step: Pay $7 to the porter.\nAcme Support"
    assert verdict(FEE, styled) == "right"
    assert verdict(FEE, "We do not know.") == "refused"
    assert verdict(OTHER, "The fee is $5.") == "wrong"
    assert verdict(OTHER, "We do not know.") == "refused"


def test_a_bad_line_is_named(tmp_path):
    path = tmp_path / "labels.jsonl"
    path.write_text(json.dumps(FOUR[0].model_dump()) + '\n{"label": "right"}\n')
    with pytest.raises(CourseError, match=r"labels\.jsonl, line 2"):
        load_labels(path=path)


def test_every_label_has_a_verdict():
    assert {one.label for one in load_labels()} == set(VERDICTS)


def test_the_scorer_agrees_with_the_hand_labels():
    """Floors just below what was measured once, when the rules were done.

    No rule was chosen by these answers. Do not look at them to raise the figures: label new ones.
    """
    found = agreement(load_labels("report"))
    assert found.share >= 0.77
    assert found.kappa >= 0.56
    assert found.real_share >= 0.96
    assert found.real_kappa >= 0.77
