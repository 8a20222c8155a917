import pytest

from course_utils.errors import CourseError
from course_utils.evaluate.correctness import (
    abstains,
    contains,
    is_correct,
    without_refusals,
)
from course_utils.evaluate.questions import load_questions

CONTAINS = [
    # text, phrase, is it there?
    ("It costs $49 a month.", "$49", True),
    ("It costs $490 a year.", "$49", False),
    ("It costs $49.00.", "$49", True),
    ("It costs $49.", "$49.00", True),
    ("It costs $49.50.", "$49", False),
    ("It costs $1,490.", "$490", False),
    ("It costs US$49.", "$49", True),
    ("It costs **$49** a month", "$49", True),
    ("The limit is 49.", "$49", False),
    ("It costs $49.", "49", False),
    ("You have 30 days.", "30 days", True),
    ("You have 130 days.", "30 days", False),
    ("You have 2.30 days.", "30 days", False),
    ("Within 30 days, in full.", "30 days", True),
    ("Up to 1,000 calls", "1000 calls", True),
    ("Up to 1000 calls", "1,000 calls", True),
    ("Up to 1,000,000 calls", "1000000", True),
    ("Up to 1,000,000 calls", "1,000", False),
    ("Up to 10,000 calls", "1000", False),
    ("A 2-year warranty", "2 year", True),
    ("A 2 year warranty", "2-year", True),
    ("A 12-year warranty", "2-year", False),
    ("Support is 24/7.", "24/7", True),
    ("Support is 24/7.", "24", False),
    ("Press “Pair now”.", '"Pair now"', True),
    ("It’s the gateway's light", "it's the gateway’s light", True),
    ("It is non-refundable.", "refundable", False),
    ("It is nonrefundable.", "non-refundable", True),
    ("Down to -20 °C", "20 °C", False),
    ("Down to \u221220 °C", "-20°C", True),
    ("From 10\u201320 minutes", "10-20 minutes", True),
    ("Keep 15cm away", "15 cm", True),
    ("Keep 15 cm away", "15cm", True),
    ("Keep 115cm away", "15 cm", False),
    ("±2.5 % RH", "±2.5% RH", True),
    ("+/- 2.5 percent RH", "±2.5 % RH", True),
    ("12.5 %", "2.5 %", False),
    ("Firmware 4.0.1", "4.1", False),
    ("Firmware 4.1", "4.1", True),
    ("Firmware 4.1.2", "4.1", False),
    ("Write an e-mail", "email", True),
    ("Rated IP54", "IP54", True),
    ("Rated IP541", "IP54", False),
    ("Yes, it can.", "yes", True),
    ("Yesterday", "yes", False),
    ("See [the billing page](https://acme.example/bill).", "the billing page", True),
    ("Settings → Devices", "settings > devices", True),
    ("15\u00a0minutes", "15 minutes", True),
    ("", "anything", False),
    # Figures in words
    ("Twelve per cent of it", "12 %", True),
    ("Thirty-five working days", "35 business days", True),
    ("two and a half percent", "2.5 %", True),
    ("two hundred and fifty users", "250 users", True),
    ("a thousand lines, four million cells", "1,000 lines", True),
    ("forty minutes", "4 minutes", False),
    ("twenty-four months", "4 months", False),
    ("six hundred texts", "6", False),
    ("It is one of them.", "1", False),
    ("One year", "1 year", True),
    ("Someone phones at tense weights", "10", False),
    ("plus or minus three degrees", "±3 degrees", True),
    ("minus forty degrees", "-40 degrees", True),
    ("Down to minus 20 °C", "20 °C", False),
    # Short units, currencies, plurals
    ("for 15 secs", "15 seconds", True),
    ("10 mins", "10 minutes", True),
    ("6 hrs", "6 hours", True),
    ("3 yrs", "3 years", True),
    ("6 hrs", "6 minutes", False),
    ("USD 60", "$60", True),
    ("60 bucks", "$60", True),
    ("60 bucks", "60", False),
    ("Replace the battery", "batteries", True),
    ("It flashes green", "flash green", True),
    ("Ask for the invoices", "invoice", True),
    ("It has no status", "stat", False),
    # The two figures of a pair, each with words of its own
    ("10 °C in the morning and 18 °C at noon", "10 °C and 18 °C", True),
    ("5 % on hardware, 9 % on plans", "5 % and 9 %", True),
    ("9 % on hardware and 5 % on plans", "5 % and 9 %", False),
    ("5 % on hardware. 9 % on plans.", "5 % and 9 %", False),
]


@pytest.mark.parametrize(("text", "phrase", "there"), CONTAINS)
def test_contains(text, phrase, there):
    assert contains(text, phrase) is there


@pytest.mark.parametrize("response", [{"choices": []}, None])
def test_a_response_that_is_no_text_is_refused_with_the_cure(response):
    with pytest.raises(CourseError, match="text is wanted") as error:
        is_correct(response, [["$49"]])
    assert "message.content" in error.value.cure


def test_every_group_needs_one_alternative():
    accepted = [["$49", "49 dollars"], ["2-year", "two-year"]]
    assert is_correct("49 dollars, with a two-year warranty", accepted)
    assert not is_correct("49 dollars", accepted)
    assert not is_correct("I do not know", [])


DOES_NOT_KNOW = [
    "I don't have that information.",
    "I do not have that information in the provided context.",
    "I don't have access to live prices.",
    "I don\u2019t know.",
    "Sorry, I do not know that.",
    "I'm sorry, but I don't know whether it is waterproof.",
    "I am not sure.",
    "I'm unable to answer this question from the context.",
    "We could not find that in our documents.",
    "Could not find that.",
    "I can't say if the sensor works in salt water.",
    "The documents do not say.",
    "The documents provided do not mention a phone number.",
    "The context doesn't explicitly specify the weight.",
    "The provided context does not contain information about salt water.",
    "The provided text does not include the price.",
    "Our documents do not cover salt water. We are asking the hardware team.",
    "Hello from Acme.\nOur documents do not say whether it works in salt water.\nAcme Support",
    "The price is not specified.",
    "The weight is not mentioned in the context.",
    "The weight is not provided in the context.",
    "That is not covered in our documentation.",
    "The answer is not in the documents.",
    "This information is not available.",
    "The exact number isn't stated.",
    "There is no information about salt water.",
    "The context gives no information on that.",
    "There is no mention of a phone number.",
    "There is nothing about salt water in the documents.",
    "None of the documents mention salt water.",
    "There is not enough information to answer.",
    "Insufficient context.",
    "It cannot be determined from the documents.",
    "It is not possible to say.",
    "The launch date is unknown.",
    "It is unclear from the context.",
    "Not sure.",
    "N/A",
    "I'm afraid the fee for Norway is not something we publish.",
    "No certificate of that kind has been mentioned to us.",
    "No figure for that has been published.",
    "We have no record of such a plan.",
    "I have no idea, honestly.",
    "I wouldn't know.",
    "We haven't been told.",
    "It is beyond what I can tell you.",
    "We can only guess, so we had better ask the engineers.",
    "Nothing on our product pages says how heavy it is.",
    "As a virtual assistant, I'm not able to see your orders.",
    "We are not in a position to confirm that.",
    "Thank you for writing. I'm sorry, but I cannot help with that.",
    "That would be a question for our legal department.",
    "You will need to check with your account manager about that.",
    "I'd have to look that up.",
    "Hello. Good question! Sorry about the wait. The noise level is not documented.",
    "The sensor measures humidity. Its weight is not specified.",
    "",
    "  \n",
]

KNOWS = [
    "Refunds are not available after 30 days.",
    "The price is not included in the Starter plan.",
    "The Starter plan does not include API access.",
    "There is no API access on the Starter plan.",
    "The warranty does not cover water damage.",
    "Phone support is not provided on the Starter plan.",
    "No, the T1 cannot be used in a freezer.",
    "No. It is not waterproof.",
    "We do not answer calls on Sundays.",
    "We do not provide your details to third parties.",
    "We don't have a shop in Berlin; order online.",
    "If you do not know your password, reset it.",
    "If you are not sure, press the button for ten seconds.",
    "If we cannot find the fault, we replace the device.",
    "When the gateway cannot find the sensor, move it closer.",
    "Do not tell anyone your password.",
    "You don't have to pay for the return.",
    "You do not need any information from us; press Start.",
    "The export does not contain deleted readings.",
    "The power source does not contain lithium.",
    "The device shows \u201cunknown sensor\u201d; pair it again.",
    "An unknown sensor is shown in grey.",
    "No data is lost when the gateway is offline.",
    "Without a gateway the app has no data plan to offer.",
    "Your payment details are not included in the export.",
    "Downgrades are not possible in the middle of a term.",
    "The Pro plan costs $49.",
    "Once a term has started, it cannot be cancelled.",
    "Batteries are not included.",
    "Are there discounts? There are none for small orders.",
    "Phone support is not something we offer on Starter.",
    "No cable is provided with the sensor.",
    "No such limit applies on Enterprise.",
    "Nothing covers accidental damage.",
    "The gateway keeps no record of deleted readings.",
    "As an owner you can invite an assistant; viewers cannot.",
    "Ask the customer about the colour of the light.",
    "For a new contract you need to contact the sales team.",
    "Look it up in the Console.",
    "We cannot help with parcels that were lost more than a year ago.",
    "We are not allowed to share your data with others.",
    "The plan costs $12. It includes alerts. The date of the next change is not known.",
]


@pytest.mark.parametrize("text", DOES_NOT_KNOW)
def test_abstaining(text):
    assert abstains(text)


@pytest.mark.parametrize("text", KNOWS)
def test_denying_something_is_an_answer(text):
    assert not abstains(text)


def test_what_is_claimed_beside_a_refusal():
    text = "The colour is not documented. It weighs 80 grams. We do not know its height."
    assert without_refusals(text) == "It weighs 80 grams."
    assert without_refusals("Opens at 8 a.m. on Sundays.") == "Opens at 8 a.m. on Sundays."
    assert without_refusals("We do not know.") == ""


def test_the_gold_answers_are_judged_as_what_they_are():
    wrong = [
        question.id
        for question in load_questions()
        if abstains(question.answer) == question.answerable
        or (question.answerable and not is_correct(question.answer, question.accepted))
    ]
    assert not wrong
