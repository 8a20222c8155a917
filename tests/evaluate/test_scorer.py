import math

import pytest
from langchain_core.embeddings import Embeddings

from course_utils.answer import Answer
from course_utils.evaluate.questions import Question
from course_utils.evaluate.scorer import is_right, refuses, score_answers, token_f1
from course_utils.evaluate.style import load_guide

PASSAGES = [
    "Plans\nThe Pro plan costs $49 a month and includes 20 sensors.",
    "Refunds\nA refund is possible within 30 days of delivery.",
]
PRICE = Question(
    id="price",
    question="What is Pro?",
    answer="The Pro plan costs $49 a month.",
    accepted=(("$49",),),
    sources=("plans",),
    kind="single",
    difficulty="easy",
    split="test",
)
COLOUR = PRICE.model_copy(
    update={"id": "colour", "kind": "unanswerable", "accepted": (), "answer": "Not documented."}
)
STYLED = "Hello from Acme.\nThe Pro plan costs $49 a month.\nNext step: Open Billing.\nAcme Support"


class Letters(Embeddings):
    """Counts letters: enough to see that equal texts are most similar. Unit length."""

    def embed_query(self, text):
        counts = [text.lower().count(letter) + 0.01 for letter in "abcdefghijklmnopqrstuvwxyz"]
        length = math.sqrt(sum(c * c for c in counts))
        return [c / length for c in counts]

    def embed_documents(self, texts):
        return [self.embed_query(text) for text in texts]


def score(question, text, shown=(), style=None):
    answer = Answer(text, passages=tuple(shown))
    return score_answers([question], [answer], PASSAGES, Letters(), style)[0]


def test_a_right_and_grounded_answer_with_its_source():
    found = score(PRICE, "The Pro plan costs $49 a month.", shown=PASSAGES[:1])
    assert (found.correct, found.grounded, found.cites) == (True, 1.0, True)
    assert found.f1 == pytest.approx(1)
    assert found.similarity == pytest.approx(1)
    assert found.failure == "right"


def test_the_greeting_and_the_next_step_are_no_claims():
    found = score(PRICE, STYLED, shown=PASSAGES[:1], style=load_guide())
    assert (found.style, found.correct, found.grounded) == (True, True, 1.0)
    assert found.f1 == pytest.approx(1)


def test_style_is_unjudged_without_a_guide():
    assert score(PRICE, STYLED).style is None
    assert score(PRICE, "$49.", style=load_guide()).style is False


@pytest.mark.parametrize(
    ("text", "shown", "failure"),
    [
        ("It costs $39.", PASSAGES[:1], "not read"),
        ("It costs $39.", PASSAGES[1:], "not found"),
        ("It costs $39.", (), "wrong"),
        ("We do not know what it costs.", PASSAGES[:1], "refused"),
    ],
)
def test_why_an_answer_failed(text, shown, failure):
    assert score(PRICE, text, shown).failure == failure


def test_an_invented_figure_is_not_grounded():
    found = score(PRICE, "The Pro plan costs $49 a month. It comes with 7 gateways.")
    assert found.grounded == 0.5


def test_unanswerable_questions_want_a_refusal():
    refused = score(COLOUR, "The documents do not say.")
    assert (refused.correct, refused.abstained, refused.failure) == (None, True, "right")
    assert (refused.grounded, refused.cites) == (None, None)
    assert score(COLOUR, "It is blue.").failure == "invented"


def test_the_citation_is_the_passage_most_like_the_answer():
    assert score(PRICE, "The Pro plan costs $49.", shown=PASSAGES[::-1]).cites is True
    assert score(PRICE, "A refund is possible within 30 days.", shown=PASSAGES).cites is False
    assert score(PRICE, "The Pro plan costs $49.").cites is False


def test_a_phrase_inside_a_refusal_is_not_an_answer():
    assert not is_right(PRICE, "We do not know whether it costs $49.")


def test_an_answer_beside_a_refusal_is_an_answer():
    text = "The yearly price is not documented. The Pro plan costs $49 a month."
    assert is_right(PRICE, text)
    assert not refuses(PRICE, text)
    assert refuses(PRICE, "The yearly price is not documented. Support is free.")
    assert score(PRICE, text).abstained is False
    assert score(COLOUR, text).abstained is True


def test_accepted_words_about_something_else_are_no_answer():
    assert not is_right(PRICE, "It is free of charge. The cancellation fee for orders is $49.")
    assert not is_right(PRICE, "The Pro plan costs $59 a month. It was $49.")
    assert is_right(PRICE, "The Pro plan costs $49 a month. An express parcel costs $26.")


def test_a_passage_may_say_much_besides():
    """A table of prices holds the answer, though as a reply it would be none."""
    table = "The Pro plan costs $39 a month in Peru. The Pro plan costs $49 a month."
    assert not is_right(PRICE, table)
    assert score(PRICE, "The Pro plan costs $39.", shown=[table]).failure == "not read"
    assert score(PRICE, "The Pro plan costs $39.", shown=[table]).cites is True


def test_without_accepted_answers_the_gold_answer_decides():
    bare = PRICE.model_copy(update={"accepted": ()})
    assert is_right(bare, "For the Pro plan, the costs are $49 a month.")
    assert not is_right(bare, "The Pro plan costs $39 a month.")
    assert not is_right(bare, "It is $49.00 somewhere")


def test_token_f1():
    assert token_f1("the fee is $5", "the fee is $5") == 1
    assert token_f1("the fee", "the fee is $5") == pytest.approx(2 / 3)
    assert token_f1("nothing alike", "the fee is $5") == 0
    assert token_f1("", "the fee") == 0
