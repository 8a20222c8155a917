"""Figures on costs, for notebooks."""

from collections.abc import Mapping, Sequence
from itertools import cycle, permutations

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from course_utils.decide.costs import Costs, break_even, cumulative
from course_utils.plots import COLOURS


def cost_over_time(
    costs: Mapping[str, Costs],
    months: float,
    *,
    calls: float,
    updates: float,
    title: str,
    colours: Sequence[str] | None = None,
) -> tuple[Figure, str]:
    """What each approach has cost by each month, with the months in which two lines meet.

    Args:
        costs: Label → costs.
        months: Length of the time axis.
        calls: Answers per month.
        updates: Changes of the knowledge per month.
        title: Says what is compared.
        colours: One per line; the default takes ``COLOURS`` in their order.

    Returns:
        The figure and its alt text: ``show(*cost_over_time(...))``.
    """
    volume = {"calls": calls, "updates": updates}
    figure, axes = plt.subplots(figsize=(6.8, 3.8), layout="constrained")
    looks = zip(cycle(colours or COLOURS.values()), cycle(("-", "--", "-.", ":")), strict=False)
    told = []
    for (name, cost), (colour, style) in zip(costs.items(), looks, strict=False):
        ends = [cumulative(cost, month, **volume) for month in (0, months)]
        axes.plot((0, months), ends, style, color=colour, label=name, linewidth=2)
        told.append(f"{name} ${ends[0]:,.2f} at the start and ${ends[1]:,.2f} at the end")
    for (name, cost), (other_name, other) in permutations(costs.items(), 2):
        month = break_even(cost, other, **volume)
        if month and month < months:
            point = (month, cumulative(cost, month, **volume))
            axes.plot(*point, "o", color="#222222", markersize=7)
            # Both lines rise, so what lies above left of the point is free.
            aside, side = ((-6, 20), "left") if month < months / 6 else ((-8, 8), "right")
            axes.annotate(
                f"month {month:.1f}", point, xytext=aside, textcoords="offset points", ha=side
            )
            told.append(f"{name} is the cheaper one against {other_name} from month {month:.1f} on")
    axes.set(xlabel=f"months, at {calls:,.0f} answers each", ylabel="US dollars so far")
    axes.set(title=title, xlim=(0, months), ylim=(0, None))
    axes.yaxis.set_major_formatter("${x:,.0f}" if axes.get_ylim()[1] > 20 else "${x:,.2f}")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, f"Cost over {months:g} months: {'; '.join(told)}."
