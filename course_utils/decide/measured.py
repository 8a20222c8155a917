"""What a bake-off's report says about a choice: which differences are real, and the facts."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from course_utils.decide.questions import guide
from course_utils.errors import CourseError

# Beyond this a p-value says that chance alone may have made the difference.
CHANCE = 0.05
# A gain, as a share of the answers, for which the costlier approach would be worth its work.
WORTH = 0.1


@dataclass(frozen=True)
class Difference:
    """A paired difference of shares (0..1) with its 95 % interval.

    Attributes:
        p: Of the paired test; 0 where the report has none.
        n: How many questions were compared; ``None``: not known.
    """

    mean: float
    low: float
    high: float
    p: float = 0.0
    n: int | None = None

    @property
    def most(self) -> float:
        """The greatest gain that the questions do not exclude.

        Where all pairs are alike the bootstrap has nothing to vary and its interval no width; a
        few such pairs still allow a gain (the exact bound of ``mean_interval``).
        """
        slack = 1 - 0.025 ** (1 / self.n) if self.n and self.low == self.high else 0
        return min(self.high + slack, 1.0)

    def __str__(self) -> str:
        mean, low, high = (f"{round(100 * x):+d}" for x in (self.mean, self.low, self.high))
        return f"{mean} points [{low}, {high}]"


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
            ends = pair["difference"], pair["low"], pair["high"]
        elif pair := self._paired.get((b, a, measure)):
            ends = -pair["difference"], -pair["high"], -pair["low"]
        else:
            return None
        return Difference(*ends, pair.get("p", 0.0), pair.get("n"))

    def worse(self, a: str, b: str, measure: str) -> bool:
        """Whether ``a`` is measurably worse: the interval excludes 0, and p is below ``CHANCE``.

        The interval alone has no width where two questions agree. Where the report lacks the pair,
        the two intervals must not overlap.
        """
        if difference := self.difference(a, b, measure):
            return difference.high < 0 and difference.p < CHANCE
        (_, high), (low, _) = self._ends(a, measure), self._ends(b, measure)
        return high is not None and low is not None and high < low

    def may_gain(self, a: str, b: str, measures: Sequence[str]) -> bool:
        """Whether ``a`` may be better than ``b`` by ``WORTH``, for all that was measured."""
        for measure in measures:
            if difference := self.difference(a, b, measure):
                gain = difference.most
            else:
                (_, high), (low, _) = self._ends(a, measure), self._ends(b, measure)
                gain = 0.0 if high is None or low is None else high - low
            if gain >= WORTH:
                return True
        return False

    def asked(self, a: str, b: str) -> str:
        """``10 questions``: on how many the two were compared."""
        difference = self.difference(a, b, "correct")
        n = difference.n if difference else None
        return f"{n} question{'s' if n > 1 else ''}" if n else "so few questions"

    def choose(self, measures: Sequence[str], ruled_out: Collection[str]) -> list[str]:
        """The simplest of what is not measurably worse than any other that can be chosen.

        Args:
            measures: What counts, first things first: a later one only decides among those that
                the earlier ones leave.
            ruled_out: Approaches that cannot be chosen; nothing is compared with them.

        Returns:
            Names of ``rows``, simplest first. One: it is chosen. More: the questions are too few
            to decide between them. None: all are ruled out.
        """
        kept = [name for name in self.rows if self.approach(name) not in ruled_out]
        for measure in measures:
            # "or kept": differences that contradict each other in a circle decide nothing.
            kept = [a for a in kept if not any(self.worse(a, b, measure) for b in kept)] or kept
        return self._open(kept, measures) if kept else []

    def _open(self, names: list[str], measures: Sequence[str]) -> list[str]:
        """The simplest, and what may be better than it by more than its work."""
        simplest = names[0]
        found = [
            name
            for name in names
            if name == simplest
            or (
                self.approach(name) != self.approach(simplest)
                and self.may_gain(name, simplest, measures)
            )
        ]
        # Rules weigh documents and training apart: where one of these is out, they cannot choose
        # between none and both.
        if simplest == "prompt" and len({self.approach(name) for name in found}) < 4:
            found = [name for name in found if self.approach(name) != "rag_fine_tuned"]
        return found

    def clear(self, name: str, measures: Sequence[str]) -> bool:
        """Whether something that counts tells ``name`` apart from every other approach."""
        return all(
            any(self.worse(a, b, m) for m in measures for a, b in ((name, o), (o, name)))
            for o in self.rows
            if o != name
        )

    def compared(self, name: str, candidates: Collection[str] = ()) -> Iterator[str]:
        """Sentences: how often it was right, and each other approach beside it.

        Args:
            name: What is recommended.
            candidates: What ``choose`` left.
        """
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
                simple, costly = sorted((name, other), key=names.index)
                wide = self.may_gain(costly, simple, ("correct",))
                said += (
                    f"{self.asked(name, other)} cannot decide between them"
                    if wide
                    else "no measurable difference"
                )
                if wide and {name, other} <= set(candidates):
                    said += ", so the rules decide"
                elif simple == name:
                    said += ", so the simpler one wins"
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
