"""What a bake-off's report says about a choice: which differences are real, and the facts."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from course_utils.decide.questions import guide
from course_utils.errors import CourseError


@dataclass(frozen=True)
class Difference:
    """A paired difference of shares (0..1) with its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        ends = ", ".join(f"{100 * end:+.0f}" for end in (self.low, self.high))
        return f"{100 * self.mean:+.0f} points [{ends}]"


class Bakeoff:
    """A bake-off's report (``report.json``), read for the decision.

    Attributes:
        rows: Name → its entry in the report, simplest first; without a score it is left out.

    Raises:
        CourseError: The report has no scored approach.
    """

    def __init__(self, report: Mapping[str, Any]) -> None:
        try:
            found = {row["name"]: row for row in report["approaches"]}
            self.rows = {n: found[n] for n in _order() if n in found and _scored(found[n])}
            self._paired = {(p["a"], p["b"], p["measure"]): p for p in report.get("paired", ())}
        except (KeyError, TypeError, AttributeError):
            self.rows = {}
        if not self.rows:
            raise CourseError(
                "the bake-off's report has no scored approach",
                "give the report.json that `course bakeoff` wrote",
            )
        self.priced_as = report.get("priced_as")

    def approach(self, name: str) -> str:
        """Which of the four approaches a name of the report belongs to."""
        return guide().variants.get(name, name)

    def title(self, name: str) -> str:
        """What the report calls it."""
        return self.rows[name].get("title") or guide().approaches[self.approach(name)].title

    def difference(self, a: str, b: str, measure: str) -> Difference | None:
        """``a`` minus ``b``, where the report has the pair."""
        if pair := self._paired.get((a, b, measure)):
            return Difference(pair["difference"], pair["low"], pair["high"])
        if pair := self._paired.get((b, a, measure)):
            return Difference(-pair["difference"], -pair["high"], -pair["low"])
        return None

    def worse(self, a: str, b: str, measure: str) -> bool:
        """Whether ``a`` is measurably worse: the interval of the difference excludes 0.

        Where the report lacks the pair, the two intervals must not overlap.
        """
        if difference := self.difference(a, b, measure):
            return difference.high < 0
        (_, high), (low, _) = self._ends(a, measure), self._ends(b, measure)
        return high is not None and low is not None and high < low

    def choose(self, measures: Sequence[str], ruled_out: Collection[str]) -> str | None:
        """The simplest of what is not measurably worse than any other.

        Args:
            measures: What counts, first things first: a later one only decides among those that
                the earlier ones leave.
            ruled_out: Approaches that cannot be chosen.

        Returns:
            A name of ``rows``; ``None`` if all are ruled out.
        """
        left = list(self.rows)
        while left:
            kept = left
            for measure in measures:
                # "or kept": differences that contradict each other in a circle decide nothing.
                kept = [a for a in kept if not any(self.worse(a, b, measure) for b in kept)] or kept
            if self.approach(kept[0]) not in ruled_out:
                return kept[0]
            left.remove(kept[0])
        return None

    def clear(self, name: str, measures: Sequence[str]) -> bool:
        """Whether something that counts tells ``name`` apart from every other approach."""
        return all(
            any(self.worse(a, b, m) for m in measures for a, b in ((name, o), (o, name)))
            for o in self.rows
            if o != name
        )

    def compared(self, name: str) -> Iterator[str]:
        """Sentences: how often it was right, and each other approach beside it."""
        names = list(self.rows)
        mine = _right(self.rows[name])
        yield f"In the bake-off, {self.title(name)} got {mine} of the answers right."
        for other in names:
            if other == name:
                continue
            difference = self.difference(other, name, "correct")
            said = f"{self.title(other)} got {_right(self.rows[other])}"
            said += f", {difference}: " if difference else ": "
            if self.worse(name, other, "correct"):
                said += "measurably better"
            elif self.worse(other, name, "correct"):
                said += "measurably worse"
            else:
                simpler = names.index(name) < names.index(other)
                said += "no measurable difference" + (
                    ", so the simpler one wins" if simpler else ""
                )
            yield f"{said}."

    def style(self) -> str | None:
        """A sentence: whose replies keep every rule of style, if that was scored."""
        shares = [
            f"{self.title(name)} "
            + _share(row["style"], row.get("style_low"), row.get("style_high"))
            for name, row in self.rows.items()
            if row.get("style") is not None
        ]
        if not shares:
            return None
        listed = "; ".join(shares)
        return f"Where right answers do not differ, style decides. All rules kept: {listed}."

    def bill(self, name: str) -> str:
        """A sentence: tokens, dollars and seconds of an answer, as far as they were measured."""
        row, said = self.rows[name], []
        if row.get("tokens_in") is not None and row.get("tokens_out") is not None:
            said.append(f"{row['tokens_in']:,.0f} tokens in and {row['tokens_out']:,.0f} out")
        if row.get("usd_per_1000") is not None:
            priced = f" at the price of {self.priced_as}" if self.priced_as else ""
            said.append(f"${row['usd_per_1000']:.2f} per 1,000 answers{priced}")
        if row.get("seconds_p50") is not None:
            said.append(f"half of the answers within {row['seconds_p50']:.1f} s")
        return f" Measured, per answer: {'; '.join(said)}." if said else ""

    def _ends(self, name: str, measure: str) -> tuple[float | None, float | None]:
        prefix = "ci" if measure == "correct" else measure
        row = self.rows[name]
        return row.get(f"{prefix}_low"), row.get(f"{prefix}_high")


def _order() -> list[str]:
    """Names of a report, simplest first; a variant stands behind what it is a variant of."""
    names = []
    for approach in guide().approaches:
        names += [approach, *(v for v, of in guide().variants.items() if of == approach)]
    return names


def _scored(row: Mapping[str, Any]) -> bool:
    return row.get("correct") is not None


def _right(row: Mapping[str, Any]) -> str:
    return _share(row["correct"], row.get("ci_low"), row.get("ci_high"))


def _share(mean: float, low: float | None, high: float | None) -> str:
    """As in the lessons: ``47% [30%, 63%]``."""
    return f"{mean:.0%}" + ("" if low is None or high is None else f" [{low:.0%}, {high:.0%}]")
