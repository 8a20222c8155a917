"""The figures of a text with their units: which of them could answer the same question?"""

import re
from dataclasses import dataclass

from course_utils.evaluate.spelling import plain

# Unit → (what it measures, its worth in the smallest unit of that kind).
_UNITS = {
    "%": ("share", 1),
    "°c": ("temperature", 1),
    "degree": ("temperature", 1),
    "second": ("time", 1),
    "minute": ("time", 60),
    "hour": ("time", 3600),
    "day": ("time", 86_400),
    "week": ("time", 7 * 86_400),
    "month": ("time", 365 / 12 * 86_400),
    "year": ("time", 365 * 86_400),
    "kb": ("bytes", 1),
    "mb": ("bytes", 1000),
    "gb": ("bytes", 1_000_000),
    "cm": ("length", 0.01),
    "m": ("length", 1),
    "metre": ("length", 1),
    "km": ("length", 1000),
}
_NUMBER = r"(?<![\w$.,:/])[±-]?\d+(?:\.\d+)?(?![.:/]?\d)"
_RATE = r"(?: ?(?:a|an|per|each|every|/) ?(?P<rate>minute|hour|day|week|month|year)\b)?"
_MONEY = re.compile(rf"\$(?P<number>\d+(?:\.\d+)?){_RATE}")
_MEASURE = re.compile(
    rf"(?P<number>{_NUMBER})(?:%? (?:(?:to|and|or|-) )?(?P<second>{_NUMBER}))?"
    r" ?(?:business )?(?P<unit>%|°c|[a-zµ]{1,20})(?![.]\w)"
)
# After a number, no noun that is counted: "2 to 4", "5 of them", "8 a.m.".
_NO_NOUN = frozenset(
    re.findall(
        r"\w+",
        """a am an and are as at but by for from if in is it of on or per pm than that the then to
        was were when while with""",
    )
)
_TOLERANCE = 0.03  # 12 months and 365 days, 60 days and two months


@dataclass(frozen=True)
class Quantity:
    """A figure with its unit.

    Attributes:
        value: In the smallest unit of its kind: seconds, for example.
        kind: What it measures or counts: ``time``, ``money``, ``share``, ``sensor``.
        rate: Of money, what it is paid for: ``month``; ``None`` if that is not said.
    """

    value: float
    kind: str
    rate: str | None = None

    def comparable(self, other: "Quantity") -> bool:
        """True when both could answer the same question: $5 and $7, but not $5 a month and $7 a
        year."""
        return self.kind == other.kind and (
            self.rate == other.rate or self.rate is None or other.rate is None
        )

    def equals(self, other: "Quantity") -> bool:
        """True for the same amount, whatever the units: three days and 72 hours."""
        margin = _TOLERANCE * abs(self.value) if self.kind == "time" else 1e-9
        return self.comparable(other) and abs(self.value - other.value) <= margin


def quantities(text: str) -> list[Quantity]:
    """Find the amounts of money, the measurements and the counted things, in the text's order.

    Of a range ("5 to 8 days"), both ends count. Numbers without a unit and times of day are left
    out.
    """
    said = plain(text)
    found = [
        (match.start(), Quantity(float(match["number"]), "money", match["rate"]))
        for match in _MONEY.finditer(said)
    ]
    for match in _MEASURE.finditer(said):
        if match["unit"] not in _NO_NOUN:
            kind, worth = _UNITS.get(match["unit"], (match["unit"], 1))
            ends = [match["number"], match["second"]] if match["second"] else [match["number"]]
            if match["number"].startswith("±"):
                kind = f"±{kind}"  # a tolerance is no value: "20 °C ±0.5 °C"
            values = [float(end.removeprefix("±")) * worth for end in ends]
            found += [(match.start(), Quantity(value, kind)) for value in values]
    return [quantity for _, quantity in sorted(found, key=lambda pair: pair[0])]
