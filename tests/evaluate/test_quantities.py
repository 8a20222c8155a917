import pytest

from course_utils.evaluate.quantities import Quantity, quantities

DAY = 86_400
FOUND = [
    ("It costs $5 a month or $55 per year.", [(5, "money", "month"), (55, "money", "year")]),
    ("Nine dollars.", [(9, "money", None)]),
    ("Two to four days", [(2 * DAY, "time", None), (4 * DAY, "time", None)]),
    ("5–8 business days", [(5 * DAY, "time", None), (8 * DAY, "time", None)]),
    ("90 mins", [(5400, "time", None)]),
    ("12 % of it", [(12, "share", None)]),
    ("-5 °C", [(-5, "temperature", None)]),
    ("20 °C ±0.5 °C", [(20, "temperature", None), (0.5, "±temperature", None)]),
    ("31 countries", [(31, "country", None)]),
    ("1.5 GB", [(1_500_000, "bytes", None)]),
    ("from 8 a.m. to 6 p.m., 14:00", []),
    ("firmware 4.0.1 on a G2 with an ER14505", []),
    ("no figure", []),
]


@pytest.mark.parametrize(("text", "expected"), FOUND)
def test_finding(text, expected):
    assert [(q.value, q.kind, q.rate) for q in quantities(text)] == expected


SAME = [
    ("3 days", "72 hours", True),
    ("a fee of $5", "$5 a month", True),
    ("$5 a year", "$5 a month", False),
    ("one year", "12 months", True),
    ("365 days", "12 months", True),
    ("3 months", "60 days", False),
    ("30 %", "30 °C", False),
    ("0.3 °C", "0.4 °C", False),
]


@pytest.mark.parametrize(("one", "other", "same"), SAME)
def test_the_same_amount(one, other, same):
    assert quantities(one)[0].equals(quantities(other)[0]) is same


def test_other_things_are_not_compared():
    assert not Quantity(5, "sensor").comparable(Quantity(5, "user"))
    assert Quantity(5, "sensor").comparable(Quantity(7, "sensor"))
