"""Costs against sums done by hand, and properties that hold for any figures."""

from dataclasses import astuple, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils import registry
from course_utils.decide.costs import (
    Costs,
    answering,
    break_even,
    break_even_calls,
    cumulative,
    from_report,
    indexing,
    labelling,
    monthly,
    training,
)
from course_utils.decide.figures import cost_over_time
from course_utils.errors import CourseError

PRICES = replace(
    registry.hosted_chat(),
    usd_input=0.15,
    usd_output=0.60,
    usd_training=3.00,
)
TUNED = replace(PRICES, usd_input=0.30, usd_output=1.20)
ENCODER = replace(registry.hosted_encoder(), usd_input=0.02, usd_output=0.0)

# Whole cents, so that no difference between two rates is mere rounding.
cents = st.integers(0, 10**8).map(lambda amount: amount / 100)
costs = st.builds(Costs, cents, cents, cents, st.integers(0, 10**6).map(lambda n: n / 10**6))
calls = st.integers(0, 10**6)
updates = st.sampled_from((0, 1 / 12, 1 / 3, 1, 4, 30))
months = st.integers(1, 120)
shares = st.floats(0, 1)


# ---------------------------------------------------------------------------------- money units


def test_a_price_is_per_million_tokens():
    million = answering(PRICES, tokens_in=1_000_000, tokens_out=1_000_000)
    assert astuple(million) == pytest.approx((0, 0, 0, 0.75))
    assert indexing(ENCODER, tokens=1_000_000, redone=0).upfront == pytest.approx(0.02)


def test_the_guides_example_costs_what_its_own_three_epochs_cost():
    run = training(PRICES, tokens=1_000 * 500, epochs=3, redone=1)
    assert astuple(run) == pytest.approx((4.50, 0, 4.50, 0))


def test_labelling_is_hours_times_wage_and_an_update_asks_for_its_share_again():
    assert labelling(hours=40, usd_per_hour=50, redone=0.25) == Costs(upfront=2000, per_update=500)


def test_costs_add_up_coefficient_by_coefficient():
    total = Costs(1, 2, 3, 4) + Costs(10, 20, 30, 40)
    assert total == Costs(11, 22, 33, 44)
    assert sum((Costs(1), Costs(per_call=2)), Costs()) == Costs(upfront=1, per_call=2)


def test_a_month_and_a_year_by_hand():
    approach = Costs(upfront=100, per_month=20, per_update=30, per_call=0.002)
    assert monthly(approach, calls=10_000, updates=1 / 3) == pytest.approx(20 + 10 + 20)
    assert cumulative(approach, 12, calls=10_000, updates=1 / 3) == pytest.approx(700)


def test_costs_read_as_dollars_with_their_units():
    written = str(Costs(upfront=1234.5, per_month=25, per_update=0.0001, per_call=0.000084))
    assert written == (
        "$1,234.50 upfront, $25.00 a month, $0.0001 an update, $0.084 per 1,000 calls"
    )


def test_a_report_gives_tuned_approaches_the_tuned_price():
    rows = [
        {"name": name, "tokens_in": 300.5, "tokens_out": 50.5}
        for name in ("prompt", "rag", "fine_tuned", "rag_fine_tuned", "rag_fine_tuned_bare")
    ]
    found = from_report({"approaches": rows}, PRICES, TUNED)
    base = (300.5 * 0.15 + 50.5 * 0.60) / 1e6
    assert astuple(found["prompt"]) == astuple(found["rag"]) == pytest.approx((0, 0, 0, base))
    for name in ("fine_tuned", "rag_fine_tuned", "rag_fine_tuned_bare"):
        assert astuple(found[name]) == pytest.approx((0, 0, 0, 2 * base))


# ---------------------------------------------------------------------------------- break-even


def test_a_training_fee_is_paid_back_by_a_cheaper_call():
    few_shot, tuned = Costs(per_call=0.003), Costs(upfront=60, per_call=0.001)
    assert break_even(tuned, few_shot, calls=10_000, updates=0) == pytest.approx(3)
    assert break_even_calls(tuned, few_shot, months=3, updates=0) == pytest.approx(10_000)


def test_never_at_once_and_equal():
    cheap, dear = Costs(upfront=10, per_call=0.001), Costs(upfront=20, per_call=0.002)
    volume = {"calls": 1000, "updates": 0}
    assert break_even(dear, cheap, **volume) is None
    assert break_even(cheap, dear, **volume) == 0
    assert break_even(cheap, cheap, **volume) == 0
    # The same slope: a start that differs is never caught up.
    late = replace(cheap, upfront=11)
    assert break_even(late, cheap, **volume) is None
    assert break_even_calls(late, cheap, months=12, updates=0) is None
    assert break_even_calls(cheap, cheap, months=12, updates=0) == 0


def test_cheaper_only_at_first_is_not_a_break_even():
    at_first, later = Costs(per_month=10), Costs(upfront=100)
    assert break_even(at_first, later, calls=0, updates=0) is None
    assert break_even(later, at_first, calls=0, updates=0) == pytest.approx(10)


def test_rounding_is_no_difference():
    later, sooner = Costs(upfront=1, per_month=0.3), Costs(per_month=0.1 + 0.2)
    assert later.per_month < sooner.per_month
    assert break_even(later, sooner, calls=0, updates=0) is None
    assert break_even(sooner, later, calls=0, updates=0) == 0


def test_without_calls_only_fixed_costs_count():
    assert cumulative(Costs(per_call=5), 12, calls=0, updates=0) == 0
    assert break_even(Costs(upfront=5), Costs(per_call=5), calls=0, updates=0) is None


@given(costs, costs, calls, updates)
def test_the_lines_meet_where_it_says(a, b, calls, updates):
    volume = {"calls": calls, "updates": updates}
    month = break_even(a, b, **volume)
    if month is None:
        rate, other = monthly(a, **volume), monthly(b, **volume)
        assert rate > other or (rate == pytest.approx(other) and a.upfront > b.upfront)
    elif month > 0:
        assert cumulative(a, month, **volume) == pytest.approx(cumulative(b, month, **volume))
        assert cumulative(a, month / 2, **volume) > cumulative(b, month / 2, **volume)
        assert cumulative(a, 2 * month, **volume) < cumulative(b, 2 * month, **volume)
    else:
        for later in (0, 1, 1000):
            total = cumulative(b, later, **volume)
            assert cumulative(a, later, **volume) <= total * (1 + 1e-9)


@given(costs, costs, months, updates)
def test_the_volume_it_says_makes_them_equal(a, b, months, updates):
    calls = break_even_calls(a, b, months=months, updates=updates)
    if calls:
        totals = [cumulative(c, months, calls=calls, updates=updates) for c in (a, b)]
        assert totals[0] == pytest.approx(totals[1])


# ------------------------------------------------------------------------------- what must rise


@given(costs, calls, updates, months)
def test_more_of_anything_never_costs_less(one, calls, updates, months):
    total = cumulative(one, months, calls=calls, updates=updates)
    assert cumulative(one, months + 1, calls=calls, updates=updates) >= total
    assert cumulative(one, months, calls=calls + 1, updates=updates) >= total
    assert cumulative(one, months, calls=calls, updates=updates + 1) >= total


@given(
    st.integers(0, 1000), st.integers(0, 200), st.integers(0, 10**7), shares, shares,
    st.integers(0, 10**7), calls, updates,
)  # fmt: skip
def test_more_updates_never_bring_fine_tuning_forward(
    hours, wage, tokens, relabelled, touched, indexed, calls, updates
):
    tuned = labelling(hours, wage, redone=relabelled) + training(PRICES, tokens, 3, redone=1)
    # An index that is not dearer to renew than the model: 150 times cheaper per token and epoch.
    rag = indexing(ENCODER, min(indexed, tokens), redone=touched) + Costs(per_call=0.01)
    seldom = break_even(tuned, rag, calls=calls, updates=updates)
    often = break_even(tuned, rag, calls=calls, updates=updates + 1)
    if seldom is None:
        assert often is None
    elif often is not None:
        assert often >= seldom * (1 - 1e-9)


# --------------------------------------------------------------------------------- what it refuses


def test_a_missing_price_says_which_one():
    with pytest.raises(CourseError, match="no price") as caught:
        answering(replace(PRICES, usd_input=None), 1, 1)
    assert "usd_input" in caught.value.cure
    with pytest.raises(CourseError, match="training"):
        training(replace(PRICES, usd_training=None), 1, 1, redone=0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Costs(upfront=-1),
        lambda: Costs(per_call=float("nan")),
        lambda: labelling(hours=-2, usd_per_hour=-40, redone=0),
        lambda: labelling(hours=2, usd_per_hour=40, redone=30),
        lambda: monthly(Costs(), calls=-1, updates=0),
        lambda: cumulative(Costs(), -1, calls=0, updates=0),
        lambda: break_even_calls(Costs(), Costs(), months=0, updates=0),
    ],
)
def test_an_impossible_amount_is_named(make):
    with pytest.raises(CourseError, match=r" is (-|nan|30|0)"):
        make()


# ---------------------------------------------------------------------------------------- plotted


def test_the_plot_marks_where_two_lines_meet_and_says_so():
    lines = {"few-shot": Costs(per_call=0.003), "tuned": Costs(upfront=60, per_call=0.001)}
    figure, alt = cost_over_time(lines, 12, calls=10_000, updates=0, title="Costs")
    axes = figure.axes[0]
    few_shot, tuned, mark = axes.lines
    assert list(few_shot.get_ydata()) == pytest.approx([0, 360])
    assert list(tuned.get_ydata()) == pytest.approx([60, 180])
    assert [*mark.get_xdata(), *mark.get_ydata()] == pytest.approx([3, 90])
    assert [text.get_text() for text in axes.texts] == ["month 3.0"]
    assert "dollars" in axes.get_ylabel() and "months" in axes.get_xlabel()
    assert "tuned is the cheaper one against few-shot from month 3.0 on" in alt
    assert "$360.00" in alt


def test_the_plot_marks_nothing_outside_its_months():
    lines = {"few-shot": Costs(per_call=0.003), "tuned": Costs(upfront=60, per_call=0.001)}
    figure, _ = cost_over_time(lines, 2, calls=10_000, updates=0, title="Costs")
    assert len(figure.axes[0].lines) == 2 and not figure.axes[0].texts
