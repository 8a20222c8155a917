"""What was measured counts before the rules of thumb."""

import pytest
from made_reports import make_report, usual_report

from course_utils.decide import recommend
from course_utils.errors import CourseError

RIGHT = {"prompt": 0.02, "rag": 0.43, "fine_tuned": 0.03, "rag_fine_tuned": 0.44}


def texts(reasons):
    return " | ".join(reason.text for reason in reasons)


def test_the_measured_facts_come_first_with_their_intervals():
    result = recommend({}, usual_report())
    first, second, third, fourth = [r.text for r in result.reasons if r.support == "measured"]
    assert first == "In the bake-off, RAG got 43% [39%, 47%] of the answers right."
    assert second == "Prompt got 2% [0%, 6%], -41 points [-49, -33]: measurably worse."
    assert "measurably worse" in third
    assert "RAG + fine-tuned got 44%" in fourth
    assert fourth.endswith("no measurable difference, so the simpler one wins.")
    assert result.reasons[0].support == "measured"
    assert "RAG got 57% of the questions wrong." in texts(result.against)
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


def test_what_is_ruled_out_takes_no_part_in_the_comparison():
    # Weekly changes rule Fine-tuning out. Prompt is measurably worse than that, not than RAG, and
    # keeps the style better than RAG does.
    right = {"prompt": 0.0, "rag": 0.05, "fine_tuned": 0.15}
    style = {"prompt": 0.15, "rag": 0.0, "fine_tuned": 0.0}
    report = make_report(right, style, width=0.12, paired=False)
    assert recommend({"change": "weekly", "style": True}, report).approach == "prompt"


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


ACME = {"private": True, "fits_prompt": False, "change": "weekly", "hallucination": "annoying"}


def ten_questions(more=0.3, few=0.1):
    """Ten questions decide little: the interval of the difference is 80 points wide."""
    report = make_report({"prompt": few, "rag": more}, width=0.4)
    report["paired"][0]["n"] = 10
    return report


def test_where_few_questions_cannot_decide_the_rules_do_and_it_is_said():
    result = recommend(ACME, ten_questions())
    assert result.approach == "rag"
    reasons = [reason.text for reason in result.reasons]
    assert reasons[1] == (
        "Prompt got 10% [0%, 30%], -20 points [-60, +20]: 10 questions cannot decide between them, "
        "so the rules decide."
    )
    assert any(reason.rule == "private" for reason in result.reasons)
    assert "10 questions cannot decide between Prompt and RAG" in result.confidence_because
    assert result.next_step.startswith("Write more questions: 10 questions cannot decide")
    assert result.would_change[0] == "More questions: 10 show only very large differences"
    # The rules may also be for the simpler one, although the other was right more often.
    assert recommend({"private": False}, ten_questions()).approach == "prompt"
    assert "so the rules decide" in texts(recommend({}, ten_questions()).reasons)


def test_many_questions_without_a_difference_are_a_result_and_the_simpler_one_wins():
    many = make_report({"prompt": 0.3, "rag": 0.32}, width=0.05)
    result = recommend(ACME, many)
    assert result.approach == "prompt"
    assert "no measurable difference, so the simpler one wins" in texts(result.reasons)
    assert not any("More questions" in line for line in result.would_change)


def test_an_interval_without_width_is_no_proof():
    """Two questions, both right by RAG and wrong by the prompt: p is 0.5."""
    two = make_report({"prompt": 0.0, "rag": 1.0}, width=0)
    two["paired"][0] |= {"n": 2, "p": 0.4911}
    result = recommend({}, two)
    assert "measurably" not in texts(result.reasons) and "clear;" not in result.confidence_because
    assert "2 questions cannot decide between Prompt and RAG" in result.confidence_because
    assert "-100 points [-100, -100]" in texts(recommend({"private": True}, two).reasons)
    # Nor is it a proof of equality, where both were wrong each time.
    alike = make_report({"prompt": 0.0, "rag": 0.0}, width=0)
    for n, approach in ((10, "rag"), (200, "prompt")):
        alike["paired"][0] |= {"n": n, "p": 1.0}
        result = recommend(ACME, alike)
        assert result.approach == approach
        assert "+0 points [+0, +0]" in texts(result.reasons)


def test_a_contradicted_rule_is_no_reason():
    result = recommend({"examples": 200, "citations": True})
    assert result.approach == "rag"
    assert "contradicted" not in {reason.support for reason in result.reasons}


@pytest.mark.parametrize(
    "report",
    [{}, {"approaches": []}, {"approaches": [{"name": "prompt"}]}, {"approaches": 3},
     {"approaches": ["prompt"]}, {"approaches": [{"name": "psychic", "correct": 1.0}]}],
)  # fmt: skip
def test_what_is_no_report_is_refused(report):
    with pytest.raises(CourseError, match="no scored approach") as caught:
        recommend({}, report)
    assert "course bakeoff" in caught.value.cure
