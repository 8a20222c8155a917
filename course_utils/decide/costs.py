"""What an approach costs over time, in US dollars: four coefficients, so every line is straight.

Nothing is assumed here. Hours, wages, volumes and tokens are arguments, prices come from the
registry. Costs add up with ``+``::

    tuned = (
        answering(tuned_prices, tokens_in=60, tokens_out=50)
        + labelling(hours=20, usd_per_hour=40, redone=0.5)
        + training(prices, tokens=30_000, epochs=3, redone=1)
    )
    cumulative(tuned, months=12, calls=10_000, updates=1)
"""

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass

from course_utils.errors import CourseError
from course_utils.registry import Model

# Rates that differ by less than this share are the same: what is left is rounding.
SAME = 1e-12


@dataclass(frozen=True)
class Costs:
    """What an approach costs, in US dollars; what is not named costs nothing.

    Attributes:
        upfront: Once, before the first answer.
        per_month: Each month, whatever is asked.
        per_update: Each time that the knowledge changes.
        per_call: Each answer.

    Raises:
        CourseError: An amount is negative or not a number.
    """

    upfront: float = 0.0
    per_month: float = 0.0
    per_update: float = 0.0
    per_call: float = 0.0

    def __post_init__(self) -> None:
        _check(**self.__dict__)

    def __str__(self) -> str:
        return (
            f"${self.upfront:,.2f} upfront, ${self.per_month:,.2f} a month, "
            f"${self.per_update:,.4f} an update, ${1000 * self.per_call:,.3f} per 1,000 calls"
        )

    def __add__(self, other: "Costs") -> "Costs":
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Costs(*(ours + theirs for ours, theirs in pairs))


# ------------------------------------------------------------------------------ what costs money


def answering(prices: Model, tokens_in: float, tokens_out: float) -> Costs:
    """Of each answer, the tokens; few-shot examples and passages count among those read.

    Args:
        prices: The model that answers; a fine-tuned one has its own (``priced("ft:ID")``).
        tokens_in, tokens_out: Mean tokens read and written per answer.

    Raises:
        CourseError: The registry has no price.
    """
    return Costs(per_call=prices.cost(tokens_in, tokens_out))


def labelling(hours: float, usd_per_hour: float, redone: float) -> Costs:
    """People's time for training examples.

    Args:
        hours: For all examples.
        usd_per_hour: What an hour costs the employer.
        redone: Share of the examples that a change of the knowledge makes wrong: 0 when they show
            only the form, up to 1.
    """
    _check(hours=hours, usd_per_hour=usd_per_hour)
    return _again(hours * usd_per_hour, redone)


def training(prices: Model, tokens: int, epochs: int, redone: float) -> Costs:
    """Training runs at the model's host.

    Args:
        prices: A model of the registry.
        tokens: Tokens of the training file.
        epochs: Times that each of them is seen, and paid.
        redone: Runs per change of the knowledge: 1 when the weights hold it, 0 when they do not.

    Raises:
        CourseError: The registry has no price for training.
    """
    return _again(prices.training_cost(tokens, epochs), redone)


def indexing(encoder: Model, tokens: int, redone: float) -> Costs:
    """Embedding the documents.

    Args:
        encoder: An embedding model of the registry.
        tokens: Tokens of all documents.
        redone: Share of them that a change of the knowledge touches, 0 to 1.

    Raises:
        CourseError: The registry has no price.
    """
    return _again(encoder.cost(tokens), redone)


def from_report(report: Mapping, prices: Model, tuned: Model) -> dict[str, Costs]:
    """Each approach of a bake-off, by name, with what its measured tokens cost per answer.

    Whatever else it costs (hours, training, index, servers) is yours to add.

    Args:
        report: A bake-off's report.
        prices: The model whose prices count.
        tuned: The same, fine-tuned: its prices count for the tuned approaches.

    Raises:
        CourseError: The registry has no price.
    """
    return {
        row["name"]: answering(
            tuned if "fine_tuned" in row["name"] else prices, row["tokens_in"], row["tokens_out"]
        )
        for row in report["approaches"]
    }


# ------------------------------------------------------------------------------------- over time


def monthly(costs: Costs, *, calls: float, updates: float) -> float:
    """US dollars per month, once it runs.

    Args:
        costs: Of an approach.
        calls: Answers per month.
        updates: Changes of the knowledge per month (quarterly: 1/3).
    """
    _check(calls=calls, updates=updates)
    return costs.per_month + costs.per_update * updates + costs.per_call * calls


def cumulative(costs: Costs, months: float, *, calls: float, updates: float) -> float:
    """US dollars from the start to the end of a month; updates are spread evenly.

    Args:
        costs: Of an approach.
        months: Since the start.
        calls, updates: Per month.
    """
    _check(months=months)
    return costs.upfront + monthly(costs, calls=calls, updates=updates) * months


def break_even(a: Costs, b: Costs, *, calls: float, updates: float) -> float | None:
    """Months after which ``a`` has cost no more than ``b``, and never will again.

    Args:
        a, b: Two approaches.
        calls, updates: Per month.

    Returns:
        0 when that holds from the start (also when both cost the same); ``None`` when it never
        comes to hold. Where ``a`` is the cheaper one only at first, ask for ``break_even(b, a)``.
    """
    rates = (monthly(costs, calls=calls, updates=updates) for costs in (a, b))
    return _meet((a.upfront, b.upfront), tuple(rates))


def break_even_calls(a: Costs, b: Costs, *, months: float, updates: float) -> float | None:
    """Answers per month from which on ``a`` costs no more than ``b`` by the end of ``months``.

    Args:
        a, b: Two approaches.
        months: The time in which it must pay; more than 0.
        updates: Per month.

    Returns:
        As ``break_even``, in answers per month.

    Raises:
        CourseError: ``months`` is not more than 0.
    """
    if not months > 0:
        raise CourseError(f"months is {months!r}", "make months a number above 0")
    fixed = (cumulative(costs, months, calls=0, updates=updates) / months for costs in (a, b))
    return _meet(tuple(fixed), (a.per_call, b.per_call))


def _meet(starts: tuple[float, float], slopes: tuple[float, float]) -> float | None:
    """Where the first line comes to lie on or below the second for good; None if it does not."""
    (start_a, start_b), (slope_a, slope_b) = starts, slopes
    if math.isclose(slope_a, slope_b, rel_tol=SAME):
        same_start = math.isclose(start_a, start_b, rel_tol=SAME)
        return 0.0 if start_a < start_b or same_start else None
    if slope_a > slope_b:
        return None
    return max(0.0, (start_a - start_b) / (slope_b - slope_a))


def _again(usd: float, redone: float) -> Costs:
    if not 0 <= redone <= 1:
        raise CourseError(f"redone is {redone!r}", "make redone a share from 0 to 1")
    return Costs(upfront=usd, per_update=usd * redone)


def _check(**amounts: float) -> None:
    for name, amount in amounts.items():
        if not (math.isfinite(amount) and amount >= 0):
            raise CourseError(f"{name} is {amount!r}", f"make {name} a number, 0 or more")
