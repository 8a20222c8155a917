import pytest

from course_utils.errors import CourseError
from course_utils.evaluate.style import body, load_guide, rule_descriptions, score_style
from course_utils.knowledge.documents import load_documents

GOOD = """Hello from Acme.
The cable of the Probe P2 is 2 metres long.
Next step: Measure the way from the shelf to the outside of the door.
Acme Support"""


def test_a_reply_in_house_style_keeps_every_rule():
    assert score_style(GOOD).perfect
    assert score_style(GOOD).share == 1


@pytest.mark.parametrize(
    ("old", "new", "broken"),
    [
        ("Hello from Acme.", "Hi there.", {"greeting"}),
        ("The cable of the Probe P2 is 2 metres long.\n", "", {"answer-length"}),
        ("long.", "long. It bends. It coils. It lasts.", {"answer-length"}),
        ("Next step:", "You could:", {"next-step"}),
        ("\nAcme Support", "\nYours", {"sign-off"}),
        ("long.", "long, I think.", {"first-person"}),
        ("long.", "long!", {"forbidden"}),
        ("The cable", "Unfortunately the cable", {"forbidden"}),
        ("long.", "long " + "and longer " * 40 + ".", {"max-words"}),
        ("\nAcme Support", "\nNext step: Wait.\nAcme Support", {"next-step"}),
    ],
)
def test_each_rule_notices_its_own_breach(old, new, broken):
    reply = GOOD.replace(old, new)
    assert reply != GOOD
    assert {rule for rule, kept in score_style(reply).rules.items() if not kept} == broken


def test_an_empty_reply_is_not_good_style():
    assert not score_style("").perfect
    assert not score_style("").rules["greeting"]


def test_the_examples_in_the_style_guide_obey_it():
    guide = next(d for d in load_documents("v1") if d.metadata["source"] == "house-style")
    examples = guide.page_content.split("```")[1::2]
    assert len(examples) >= 2
    for example in examples:
        assert score_style(example.removeprefix("text")).perfect, example


def test_every_rule_of_the_guide_is_scored():
    assert list(score_style(GOOD).rules) == list(rule_descriptions())


def test_the_body_is_what_answers():
    assert body(GOOD) == "The cable of the Probe P2 is 2 metres long."
    assert body("Just a line.\nAnd another.") == "Just a line. And another."
    assert body("Two metres.\nNext step: Measure.") == "Two metres."
    assert body("") == ""


def test_a_guide_of_your_own(tmp_path):
    path = tmp_path / "style.toml"
    path.write_text('max_words = 5\n[[rule]]\nid = "max-words"\ndescription = "short"\n')
    guide = load_guide(path)
    assert score_style("five words and no more", guide).perfect
    assert not score_style("five words and no more than", guide).perfect
    assert list(score_style("x", guide).rules) == ["max-words"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("not toml", "no style guide"),
        ("greeting = 'Hi'", "no style guide"),
        ('[[rule]]\nid = "rhyme"\ndescription = ""', "no rule rhyme"),
        ('[[rule]]\nid = "greeting"\ndescription = ""', "no greeting"),
    ],
)
def test_a_bad_guide_is_refused(tmp_path, content, told):
    path = tmp_path / "style.toml"
    path.write_text(content)
    with pytest.raises(CourseError, match=told):
        load_guide(path)
