"""Made-up product facts of any number, with questions whose answer is planted in one of them.

The same on every machine. Text number i does not depend on how many there are, so that a question
about one of the first has its answer in a corpus of any size, among more and more like it.
"""

import random
from dataclasses import dataclass

PRODUCTS = ("sensor", "gateway", "thermostat", "camera", "door lock", "smoke alarm", "water valve")
# What is said, what is asked, and the lowest value, the highest and the unit.
FACTS = (
    ("the battery lasts", "How long does the battery of {} last?", 6, 96, "months"),
    ("the warranty runs for", "How long is the warranty of {}?", 1, 12, "years"),
    ("the monthly fee is", "What does {} cost each month?", 3, 250, "euros"),
    ("the radio reaches", "How far does the radio of {} reach?", 20, 900, "metres"),
    ("a new firmware comes every", "How often is there new firmware for {}?", 2, 40, "weeks"),
    ("readings are kept for", "How long does {} keep its readings?", 7, 730, "days"),
    ("a return is possible within", "Until when can {} be sent back?", 8, 99, "days"),
    ("the housing weighs", "How heavy is {}?", 80, 2400, "grams"),
    ("it works down to minus", "What cold does {} stand?", 5, 60, "degrees"),
    ("one account takes", "How many of {} fit into one account?", 2, 500, "devices"),
    ("a repair takes", "How long does it take to repair {}?", 2, 30, "working days"),
    ("the siren is as loud as", "How loud is the siren of {}?", 60, 120, "decibels"),
    ("it should be calibrated every", "When is calibration of {} due?", 3, 60, "months"),
    ("a spare bracket costs", "What is the price of a bracket for {}?", 2, 80, "euros"),
    ("the cable is", "How long is the cable of {}?", 1, 25, "metres long"),
    ("support replies within", "How soon does support reply about {}?", 1, 72, "hours"),
    ("an alarm is sent after", "When does {} raise an alarm?", 5, 600, "seconds"),
    ("the screen measures", "How large is the screen of {}?", 2, 14, "inches"),
    ("the reset button is held for", "How is {} reset?", 3, 30, "seconds"),
    ("the export file holds", "How much does an export of {} hold?", 100, 90000, "rows"),
)
SENTENCES = (
    "{name}: {said} {value} {unit}, {also}.",
    "For {name} {said} {value} {unit}; {also}.",
    "{also}. Note that with {name} {said} {value} {unit}.",
    "Customers of {name} should know that {said} {value} {unit}, and {also}.",
)
ALSO = (
    "the manual explains the set-up on page {}",
    "version {} of the app is needed",
    "this was changed in bulletin {}",
    "orders of more than {} pieces ship separately",
    "ask for part number {} in any shop",
    "see also section {} of the terms",
)
ONSETS, VOWELS, ENDS = "bdfgklmnprstvz", "aeiou", ("n", "r", "x", "l", "s", "th", "")


@dataclass(frozen=True)
class Planted:
    """A question, and the number of the text that answers it."""

    question: str
    answer: int


def text(number: int) -> str:
    """Text ``number`` of the corpus: one fact about one product in 15 to 30 words."""
    chance = random.Random(f"text {number}")
    said, _, least, most, unit = FACTS[number % len(FACTS)]
    parts = {"name": name(number // len(FACTS)), "said": said, "unit": unit}
    parts["value"] = chance.randint(least, most)
    parts["also"] = chance.choice(ALSO).format(chance.randint(2, 9999))
    made = chance.choice(SENTENCES).format(**parts)
    return made[0].upper() + made[1:]


def name(product: int) -> str:
    """A product's name, such as "the Vakor 310 gateway"."""
    chance = random.Random(f"product {product}")
    syllables = [chance.choice(ONSETS) + chance.choice(VOWELS) for _ in range(chance.randint(2, 3))]
    made = "".join(syllables).capitalize() + chance.choice(ENDS)
    return f"the {made} {10 * chance.randint(10, 99)} {chance.choice(PRODUCTS)}"


def questions(among: int, count: int) -> list[Planted]:
    """So many questions, spread over the first ``among`` texts."""
    chosen = random.Random("questions").sample(range(among), min(count, among))
    return [
        Planted(FACTS[number % len(FACTS)][1].format(name(number // len(FACTS))), number)
        for number in sorted(chosen)
    ]
