"""The decision itself: answers and measurements → one approach, and how sure that is."""

from collections.abc import Mapping
from functools import cached_property

from course_utils.decide.measured import Bakeoff
from course_utils.decide.questions import Answer, Approach, guide


class Case:
    """One set of answers with its bake-off, and what follows from them.

    Args:
        answers: Checked answers.
        bakeoff: What was measured, if anything was.

    Attributes:
        rules: The rules that hold.
        retrieval, tuning: Their points for showing the model documents, and for training it.
        ruled_out: Names of the approaches that cannot be recommended.
    """

    def __init__(self, answers: Mapping[str, Answer], bakeoff: Bakeoff | None = None) -> None:
        self.answers = answers
        self.bakeoff = bakeoff
        self.rules = [rule for rule in guide().rule if rule.holds(answers)]
        self.retrieval = sum(rule.points.retrieval for rule in self.rules)
        self.tuning = sum(rule.points.tuning for rule in self.rules)
        self.ruled_out = {name for rule in self.rules for name in rule.rules_out}

    @property
    def approach(self) -> Approach:
        """What is recommended."""
        name = self.measured
        return guide().approaches[self.bakeoff.approach(name)] if name else self.by_rules

    @property
    def title(self) -> str:
        """Its name for readers."""
        name = self.measured
        return self.bakeoff.title(name) if name else self.approach.title

    @cached_property
    def by_rules(self) -> Approach:
        """What the rules of thumb alone would say: the most points, the simplest of equals."""
        allowed = [a for a in guide().approach if a.name not in self.ruled_out]
        return max(allowed, key=self._points)

    @cached_property
    def candidates(self) -> list[str]:
        """What the bake-off leaves, by its names in the report, simplest first."""
        return self.bakeoff.choose(self.measures, self.ruled_out) if self.bakeoff else []

    @cached_property
    def measured(self) -> str | None:
        """What is recommended of the candidates; ``None`` if there are none.

        Among several the rules decide: the questions were too few to.
        """
        known = guide().approaches

        def points(name: str) -> int:
            return self._points(known[self.bakeoff.approach(name)])

        return max(self.candidates, key=points, default=None)

    @property
    def undecided(self) -> str | None:
        """In words, what the bake-off could not decide; ``None`` if it decided or chose nothing."""
        if len(self.candidates) < 2:
            return None
        titles = [self.bakeoff.title(name) for name in self.candidates]
        between = f"{', '.join(titles[:-1])} and {titles[-1]}"
        return f"{self.bakeoff.asked(*self.candidates[:2])} cannot decide between {between}"

    @property
    def measures(self) -> tuple[str, ...]:
        """What has to be good, first things first: style counts only where it is required."""
        return ("correct", "style") if self.answers["style"] else ("correct",)

    @property
    def answered(self) -> int:
        """How many questions were answered."""
        return sum(answer is not None for answer in self.answers.values())

    def confidence(self) -> tuple[str, str]:
        """The level, and why."""
        marks = guide().confidence
        enough = self.answered >= marks.answered * len(self.answers)
        because = [f"{self.answered} of {len(self.answers)} questions answered"]
        if self.measured and not self.undecided:
            clear = self.bakeoff.clear(self.measured, self.measures)
            agrees = self.answered > 0 and self.by_rules == self.approach
            because.append(
                "the measured differences are clear"
                if clear
                else "not every measured difference is clear"
            )
            if self.answered:
                because.append(f"the rules of thumb {'agree' if agrees else 'say otherwise'}")
        else:
            clear, agrees = self._margin() >= marks.margin, False
            because.append(f"the rules of thumb are {'clear' if clear else 'close'}")
            because.append(self.undecided or "nothing measured on your own questions")
        return ("low", "low", "medium", "high")[enough + clear + agrees], "; ".join(because)

    def _points(self, approach: Approach) -> int:
        return approach.retrieval * self.retrieval + approach.tuning * self.tuning

    def _margin(self) -> int:
        """Points that would turn the closer of the two decisions (above 0 is a yes)."""
        open_points = [self.tuning]
        if not self.ruled_out >= {"prompt", "fine_tuned"}:
            open_points.append(self.retrieval)
        return min(points if points > 0 else 1 - points for points in open_points)
