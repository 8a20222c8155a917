"""What was measured counts before the rules of thumb."""

import pytest
from made_reports import make_report, usual_report

from course_utils.decide import recommend
from course_utils.errors import CourseError

RIGHT = {"prompt": 0.02, "rag": 0.43, "fine_tuned": 0.03, "rag_fine_tuned": 0.45}


def texts(reasons):
    return " | ".join(reason.text for reason in reasons)


def test_the_measured_facts_come_first_with_their_intervals():
    result = recommend({}, usual_report())
    first, second, third, fourth = [r.text for r in result.reasons if r.support == "measured"]
    assert first == "In the bake-off, RAG got 43% [39%, 47%] of the answers right."
    assert second == "Prompt got 2% [0%, 6%], -41 points [-49, -33]: measurably worse."
    assert "measurably worse" in third
    assert "RAG + fine-tuned got 45%" in fourth
    assert fourth.endswith("no measurable difference, so the simpler one wins.")
    assert result.reasons[0].support == "measured"
    assert "RAG did not get 57% of the questions right." in texts(result.against)
    assert "$0.10 per 1,000 answers at the price of some hosted model" in result.cost
    assert "400 tokens in and 50 out" in result.cost


def test_of_what_does_not_differ_the_simplest_wins():
    assert recommend({}, make_report(dict.fromkeys(RIGHT, 0.5))).approach == "prompt"
    assert recommend({}, make_report(RIGHT)).approach == "rag"
    assert recommend({}, make_report(RIGHT | {"rag_fine_tuned": 0.6})).approach == "rag_fine_tuned"
    # The same shares, so few questions that nothing is sure:
    assert recommend({}, make_report(RIGHT, width=0.9)).approach == "prompt"


def test_style_decides_only_where_it_is_required_and_never_before_right_answers():
    assert recommend({"style": False}, usual_report()).approach == "rag"
    required = recommend({"style": True}, usual_report())
    assert required.approach == "rag_fine_tuned"
    assert "All rules kept: Prompt 83% [79%, 87%]; RAG 0%" in texts(required.reasons)
    assert "Style must be consistent: no → RAG" in required.would_change
    wrong_in_style = make_report(
        {"rag": 0.5, "rag_fine_tuned": 0.2}, {"rag": 0.0, "rag_fine_tuned": 1.0}
    )
    correct = recommend({"style": True}, wrong_in_style)
    assert correct.approach == "rag"
    said = "RAG + fine-tuned: measurably better in style, but right answers come first."
    assert said in texts(correct.against)


def test_few_shot_rag_that_holds_the_style_makes_training_unnecessary():
    right = RIGHT | {"rag_few_shot": 0.42}
    style = {"prompt": 0.8, "rag": 0, "rag_few_shot": 0.97, "fine_tuned": 1, "rag_fine_tuned": 1}
    result = recommend({"style": True}, make_report(right, style))
    assert (result.approach, result.title) == ("rag", "RAG + few-shot")


def test_what_the_answers_rule_out_is_not_taken_however_good_it_was():
    best = make_report(RIGHT | {"fine_tuned": 0.9}, cites=0.5)
    assert recommend({}, best).approach == "fine_tuned"
    for answers in ({"citations": True}, {"change": "weekly"}):
        result = recommend(answers, best)
        assert result.approach == "rag"
        said = "Fine-tuned: measurably better in right answers, but ruled out by your answers."
        assert said in texts(result.against)
    cited = recommend({"citations": True}, best)
    assert "50% of its answers cited a source that holds the answer." in texts(cited.reasons)


def test_where_nothing_allowed_was_measured_the_rules_decide_and_say_so():
    result = recommend({"citations": True}, make_report({"prompt": 0.5, "fine_tuned": 0.6}))
    assert result.approach == "rag"
    assert "measured nothing that your answers allow" in texts(result.against)
    assert "Not measured: RAG, RAG with a fine-tuned model." in texts(result.against)
    assert result.reasons[0].rule == "citations"
    assert "Measured" not in result.cost


def test_says_when_the_rules_of_thumb_would_have_said_otherwise():
    prices = {"change": "weekly", "private": True}
    against = texts(recommend(prices, make_report(RIGHT | {"prompt": 0.5})).against)
    assert "The rules of thumb alone would say RAG." in against
    assert "would say" not in texts(recommend(prices, usual_report()).against)


def test_what_speaks_against_it_is_measured_too():
    answers = {"latency_ms": 800, "hallucination": "dangerous"}
    against = texts(recommend(answers, usual_report()).against)
    assert "took longer than 2.5 s" in against and "your limit is 800 ms" in against
    assert "declined only 40% of the questions that no document answers" in against
    assert "took longer" not in texts(recommend({"latency_ms": 3000}, usual_report()).against)


def test_without_pairs_the_intervals_must_lie_apart():
    apart = make_report({"prompt": 0.2, "rag": 0.5}, width=0.2, paired=False)
    overlapping = make_report({"prompt": 0.4, "rag": 0.5}, width=0.2, paired=False)
    assert recommend({}, apart).approach == "rag"
    assert recommend({}, overlapping).approach == "prompt"


def test_confidence_is_high_only_if_measured_clear_answered_and_agreed():
    clear = make_report(RIGHT | {"rag_fine_tuned": 0.2})
    team = {
        "change": "weekly", "private": True, "fits_prompt": False, "citations": True,
        "hallucination": "annoying", "style": False, "examples": 100,
    }  # fmt: skip
    assert recommend(team, clear).confidence == "high"
    assert recommend(team, make_report(RIGHT)).confidence == "medium"
    assert (
        recommend(team | {"citations": False}, make_report(RIGHT | {"prompt": 0.6})).confidence
        == "medium"
    )
    assert recommend({"change": "weekly"}, make_report(RIGHT)).confidence == "low"


def test_measured_results_that_would_flip_it_are_tried_out():
    flips = [
        t for t in recommend({"citations": True}, usual_report()).would_change if "bake-off" in t
    ]
    assert flips == [
        "A bake-off in which RAG with a fine-tuned model is measurably more often right than the "
        "others → RAG with a fine-tuned model"
    ]
    assert any("nothing differs" in text for text in recommend({}, usual_report()).would_change)


def test_an_approach_that_was_not_scored_takes_no_part():
    report = usual_report()
    report["approaches"][1]["correct"] = None
    assert recommend({}, report).approach == "rag_fine_tuned"


@pytest.mark.parametrize(
    "report",
    [{}, {"approaches": []}, {"approaches": [{"name": "prompt"}]}, {"approaches": 3},
     {"approaches": ["prompt"]}, {"approaches": [{"name": "psychic", "correct": 1.0}]}],
)  # fmt: skip
def test_what_is_no_report_is_refused(report):
    with pytest.raises(CourseError, match="no scored approach") as caught:
        recommend({}, report)
    assert "course bakeoff" in caught.value.cure
