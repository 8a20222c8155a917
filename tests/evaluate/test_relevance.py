import re
from pathlib import Path

import pytest

from course_utils.evaluate.correctness import contains, is_correct
from course_utils.evaluate.grounding import sentences
from course_utils.evaluate.questions import load_questions
from course_utils.evaluate.relevance import rival_values, says_it_of_what_was_asked
from course_utils.settings import DATA

# None of these sentences, nor the case they speak of, is in the labelled answers.
ASKED = (
    "How long may a member of the Silver tier keep a rowing boat?",
    "Silver members may keep a rowing boat for 4 hours.",
    (("4 hours", "four hours"),),
)
PRICE = (
    "What does a kayak cost per day?",
    "Hiring a kayak costs $30 a day.",
    (("$30",),),
)
CASES = [
    # Said of what was asked, and nothing else of the same kind of the same thing.
    (ASKED, "4 hours.", True),
    (ASKED, "You can have it for four hours.", True),
    (ASKED, "Four hours, provided nobody else is waiting.", True),
    (ASKED, "Silver members keep a boat for 4 hours.", True),
    (ASKED, "A boat is yours for 4 hours. The café opens 2 hours earlier.", True),
    (ASKED, "With Silver you have the boat for 4 hours; with Gold it is 9 hours.", True),
    (ASKED, "Keep the boat for 4 hours, i.e. 240 minutes.", True),
    (ASKED, "Expect 4 hours.", True),
    (ASKED, "A boat is yours for 4 hours. On Gold you keep a rowing boat for 9 hours.", True),
    (ASKED, "Rent it for 4 hours. A member brings guests for 2 hours.", True),
    (ASKED, "Hiring is for 4 hours. A member of Silver keeps a boat for 2 hours.", False),
    (PRICE, "A kayak is $30. A canoe with two seats is $45.", True),
    (PRICE, "Kayaks cost 30 dollars a day or 150 dollars a week.", True),
    (PRICE, "Expect to pay $30.", True),
    # The right words, said of something else.
    (ASKED, "No limit at all. The swimming course takes 4 hours.", False),
    (ASKED, "As long as you like; only the parking ticket ends after 4 hours.", False),
    (ASKED, "It depends on the weather. With Gold you have 4 hours.", False),
    (PRICE, "That is free. The deposit for lockers is $30.", False),
    # Another value for the same thing.
    (ASKED, "Silver members keep a rowing boat for 2 hours. It used to be 4 hours.", False),
    (ASKED, "A rowing boat may be kept for 4 hours, or 6 hours.", False),
    (
        ASKED,
        "Keep the boat for a maximum of 90 minutes. Bring the boat back within 4 hours.",
        False,
    ),
    (PRICE, "A kayak costs $30 a day. A kayak costs $35 a day.", False),
    (PRICE, "Hiring a kayak costs $25 a day, and a paddle costs $30.", False),
]


@pytest.mark.parametrize(("asked", "text", "right"), CASES)
def test_the_right_words_about_what_was_asked(asked, text, right):
    question, gold, accepted = asked
    assert is_correct(text, accepted), "the case shows nothing: the words are not there"
    about = f"{question}\n{gold}"
    said = all(says_it_of_what_was_asked(text, group, about) for group in accepted)
    assert (said and not rival_values(text, accepted, question, gold)) is right


def test_which_value_is_the_rival():
    question, gold, accepted = PRICE
    rivals = rival_values("A kayak costs $25 a day, a paddle costs $30.", accepted, question, gold)
    assert [(rival.value, rival.rate) for rival in rivals] == [(25, "day")]


def test_figures_of_the_question_are_no_rivals():
    question, gold, accepted = (
        "I have 3 boats. How many boats may I moor?",
        "Each member may moor 5 boats.",
        (("5 boats",),),
    )
    assert not rival_values("With 3 boats you may moor, up to 5 boats.", accepted, question, gold)
    assert rival_values("With 4 boats you may moor, up to 5 boats.", accepted, question, gold)


def test_sentences_of_the_documents_are_judged_by_their_source():
    """Far more sentences than were labelled, and nobody tuned a label for them."""
    documents = {
        path.stem: path.read_text(encoding="utf-8").split("---", 2)[2]
        for path in Path(DATA / "acme" / "documents" / "v1").glob("*.md")
    }
    kept: dict[bool, list[bool]] = {True: [], False: []}
    for question in load_questions():
        about = f"{question.question}\n{question.answer}"
        for group in question.accepted:
            for name, text in documents.items():
                for sentence in sentences(text):
                    if re.match(r"\|", sentence) or not any(contains(sentence, a) for a in group):
                        continue
                    kept[name in question.relevant].append(
                        says_it_of_what_was_asked(sentence, group, about)
                        and not rival_values(sentence, (group,), question.question, question.answer)
                    )
    ours, others = kept[True], kept[False]
    assert len(ours) > 200
    assert sum(ours) / len(ours) > 0.97  # of the gold documents: the answer
    assert sum(others) / len(others) < 0.35  # elsewhere: mostly something else


def test_the_gold_answers_are_right():
    for question in load_questions():
        assert not rival_values(
            question.answer, question.accepted, question.question, question.answer
        ), question.id
