import pytest

from course_utils.answer import Answer, Usage
from course_utils.bakeoff.summary import MOST_EXAMPLES, _examples, compare, row
from course_utils.evaluate.questions import load_questions
from course_utils.evaluate.scorer import Score
from course_utils.registry import tunable

RIGHT = Score(True, 1.0, 0.9, False, 1.0, True, True, "right")
WRONG = Score(False, 0.1, 0.4, False, 0.0, False, None, "not read")
REFUSED = Score(None, None, None, True, None, None, None, "right")
INVENTED = Score(None, None, None, False, 0.0, None, None, "invented")


@pytest.fixture
def questions():
    """Eight with an answer, two without."""
    answerable = [q for q in load_questions() if q.answerable][:8]
    return answerable + load_questions(kinds=["unanswerable"])[:2]


def answers(n):
    return [
        Answer("x", usage=Usage(100, 10 * i), seconds=i, retrieval_seconds=0.1) for i in range(n)
    ]


def test_a_row(questions):
    scores = [RIGHT] * 6 + [WRONG] * 2 + [REFUSED, INVENTED]
    made = row(questions, answers(10), scores, tunable())
    assert made["n"] == 10
    assert made["correct"] == 0.75 and made["ci_low"] < 0.75 < made["ci_high"]
    assert made["abstains"] == 0.5 and made["abstains_precision"] == 1
    assert made["cites"] == 0.75 and made["style"] == 1
    assert made["grounded"] == pytest.approx(6 / 9), "a refusal claims nothing"
    assert made["seconds_p50"] == 4.5 and made["retrieval_p50"] == pytest.approx(0.1)
    assert (made["tokens_in"], made["tokens_out"]) == (100, 45)
    price = tunable()
    usd = (100 * price.usd_input + 45 * price.usd_output) / 1e6
    assert made["usd_per_1000"] == pytest.approx(1000 * usd)
    assert made["failures"] == {"right": 7, "not read": 2, "invented": 1}
    assert made["kinds"]["unanswerable"] | {"low": 0, "high": 0} == {
        "n": 2, "mean": 0.5, "low": 0, "high": 0,
    }  # fmt: skip


def test_what_nobody_could_judge_is_none(questions):
    made = row(questions[8:], answers(2), [INVENTED, INVENTED], None)
    empty = ("correct", "ci_low", "f1", "cites", "style", "abstains_precision", "usd_per_1000")
    assert [made[key] for key in empty] == [None] * len(empty)
    assert made["abstains"] == 0


def test_differences_are_paired(questions):
    scores = {"rag": [RIGHT] * 8 + [REFUSED] * 2, "prompt": [WRONG] * 8 + [INVENTED] * 2}
    (gap,) = [g for g in compare(scores) if g["measure"] == "correct"]
    sign = 1 if gap["a"] == "rag" else -1
    assert sign * gap["difference"] == 1 and gap["n"] == 8 and gap["p"] < 0.05
    assert not [g for g in compare(scores) if g["measure"] == "style"], "judged on one side only"


def test_examples_are_those_that_tell_and_then_all_other_failures(questions):
    scores = {
        "prompt": [WRONG] * 7 + [RIGHT, INVENTED, REFUSED],
        "rag": [WRONG, *[RIGHT] * 7, INVENTED, REFUSED],
    }
    shown = _examples(questions, dict.fromkeys(scores, answers(10)), scores)
    told = [
        questions.index(next(q for q in questions if q.question == e["question"])) for e in shown
    ]
    assert sorted(told) == [0, 1, 2, 3, 4, 5, 6, 8], "all right is no failure"
    differing = [{a["right"] for a in e["answers"].values()} == {True, False} for e in shown]
    assert differing[0] and not differing[told.index(0)] and told.index(0) > 0
    many = _examples(questions * 9, {"rag": answers(90)}, {"rag": [WRONG] * 90})
    assert len(many) == MOST_EXAMPLES
