"""``data/decide.toml``: every rule can matter, and a malformed file is refused."""

import tomllib

import pytest

from course_utils.decide.claims import load_claims
from course_utils.decide.questions import RULES, guide, load_guide
from course_utils.errors import CourseError


def test_asks_about_the_five_dimensions_and_what_the_guide_rests_on():
    assert set(guide().questions) == {
        "change", "private", "fits_prompt", "citations", "hallucination", "style", "examples",
        "prompt_tried", "rag_tried", "latency_ms", "requests",
    }  # fmt: skip
    about = {rule.dimension[0] for rule in guide().rule if rule.dimension[0].isdigit()}
    assert about == set("12345")


def test_every_answer_that_a_rule_waits_for_can_be_given_and_every_question_counts():
    used = {condition.question for rule in guide().rule for condition in rule.when}
    assert used == set(guide().questions)


def test_every_rule_names_a_row_of_the_claims_table():
    claims = {claim.id for claim in load_claims()}
    assert {rule.claim for rule in guide().rule} <= claims


def test_every_rule_has_points_and_its_texts_are_sentences():
    for rule in guide().rule:
        assert rule.points.retrieval or rule.points.tuning, rule.id
        for text in (rule.reason, rule.against, rule.evidence):
            assert text[0].isupper() and text.endswith("."), rule.id


def test_approaches_stand_from_the_simplest_to_the_most_complex():
    found = [(a.name, a.retrieval, a.tuning) for a in guide().approach]
    assert found == [
        ("prompt", False, False),
        ("rag", True, False),
        ("fine_tuned", False, True),
        ("rag_fine_tuned", True, True),
    ]


def test_whatever_is_answered_retrieval_is_never_ruled_out():
    out = {name for rule in guide().rule for name in rule.rules_out}
    assert out == {"prompt", "fine_tuned"}


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('question = "change", is = ["monthly"]', 'question = "weather", is = ["wet"]', "weather"),
        ('is = ["monthly"]', 'is = ["hourly"]', "'hourly' is no answer to change"),
        ('question = "citations", is = [true]', 'question = "citations", is = ["yes"]', "'yes'"),
        ('question = "examples", below = 10', 'question = "examples", is = [true]', "does not fit"),
        ('id = "citations"\nlabel', 'id = "change"\nlabel', "occurs twice"),
        ('support = "contradicted"', 'support = "perhaps"', "support"),
        ("[confidence]", "[confidence", "line"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path, old, new, what):
    text = RULES.read_text(encoding="utf-8")
    assert old in text
    (path := tmp_path / "decide.toml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(CourseError, match=r"decide\.toml") as caught:
        load_guide(path)
    assert what in caught.value.what


def test_thresholds_are_data(tmp_path):
    text = RULES.read_text(encoding="utf-8").replace("below = 500 }", "below = 300 }", 1)
    (path := tmp_path / "decide.toml").write_text(text, encoding="utf-8")
    assert tomllib.loads(text)
    holds = [rule.holds({"examples": 400}) for rule in load_guide(path).rule]
    assert sum(holds) == sum(rule.holds({"examples": 400}) for rule in guide().rule) - 1


@pytest.mark.parametrize(
    ("id", "typed", "value"),
    [
        ("change", "weekly", "weekly"),
        ("change", " 5 ", "weekly"),
        ("change", "", None),
        ("citations", "Y", True),
        ("citations", "no", False),
        ("examples", "1,200", 1200),
        ("latency_ms", "0", 0),
    ],
)
def test_understands_what_people_type(id, typed, value):
    assert guide().questions[id].parse(typed) == value


@pytest.mark.parametrize(
    ("id", "typed"),
    [("change", "hourly"), ("change", "7"), ("change", "0"), ("citations", "maybe"),
     ("examples", "some"), ("examples", "-1"), ("examples", "nan"), ("examples", "inf")],
)  # fmt: skip
def test_refuses_what_is_no_answer_and_says_what_is(id, typed):
    question = guide().questions[id]
    with pytest.raises(CourseError) as caught:
        question.parse(typed)
    assert question.allowed in caught.value.cure
