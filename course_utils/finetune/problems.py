"""What can be wrong with a training file, and the report on it."""

from dataclasses import dataclass, replace
from typing import Literal

MOST_LISTED = 20
# A failed job's message is read in one line of a notebook's output.
MOST_IN_MESSAGE = 3
# What a script writes into every line need not be said of every line.
TOLD_ONCE = {"unused_key"}


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a file.

    Attributes:
        line: Line number, from 1; ``None`` where the whole file is meant.
        code: Short name of the kind of problem, for scripts.
        message: What is wrong.
        cure: What to do about it.
        severity: ``error`` (nothing trains) or ``warning``.
    """

    line: int | None
    code: str
    message: str
    cure: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        where = "" if self.line is None else f"line {self.line}: "
        return f"{where}{self.message} -> {self.cure}"

    def at(self, line: int) -> "Problem":
        """The same problem with its line number."""
        return replace(self, line=line)


@dataclass(frozen=True)
class Report:
    """What the check of a file found.

    Attributes:
        problems: The listed problems in the file's order, at most ``MOST_LISTED``; errors come
            before warnings when there are too many.
        examples: Lines that hold something, right or wrong.
        tokens: Tokens of all right examples together, for one epoch; ``None``: not counted.
        longest: Tokens of the longest example; ``None``: not counted.
        more_errors, more_warnings: How many problems are not listed.
        param: What the job calls the file: ``training_file`` or ``validation_file``.
    """

    problems: tuple[Problem, ...]
    examples: int
    tokens: int | None
    longest: int | None
    more_errors: int = 0
    more_warnings: int = 0
    param: str = "training_file"

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The listed problems that keep the file from training."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The listed problems that one may accept."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")

    @property
    def ok(self) -> bool:
        """True where the file may train."""
        return not self.errors

    def error(self) -> dict[str, str]:
        """A failed job's ``error`` as OpenAI gives it: code, message, param.

        Raises:
            ValueError: There is no error to report.
        """
        if self.ok:
            raise ValueError("the file has no errors")
        code = f"invalid_{self.param}"
        if [problem.code for problem in self.errors] == ["too_few_examples"]:
            code = "invalid_n_examples"
        shown = [str(problem) for problem in self.errors[:MOST_IN_MESSAGE]]
        rest = len(self.errors) - len(shown) + self.more_errors
        found = "; ".join(shown + [f"and {rest} more"] * bool(rest))
        name = self.param.replace("_", " ")
        message = f"The job failed due to an invalid {name}. {found}"
        return {"code": code, "message": message, "param": self.param}

    def summary(self) -> str:
        """The counts in one line."""
        errors = len(self.errors) + self.more_errors
        warnings = len(self.warnings) + self.more_warnings
        counts = [_counted(self.examples, "example")]
        if self.tokens:
            counts.append(f"{self.tokens:,} tokens, the longest {self.longest:,}")
        elif self.tokens is None and self.examples:
            counts.append("lengths not checked (`course prepare` once, for that)")
        found = f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}"
        return f"{', '.join(counts)}; {found}"

    def __str__(self) -> str:
        lines = [f"{problem.severity}: {problem}" for problem in self.problems]
        rest = self.more_errors + self.more_warnings
        return "\n".join(lines + [f"and {rest} more"] * bool(rest))


class Findings:
    """Collects problems in bounded memory: a file may have a million."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Problem]] = {"error": [], "warning": []}
        self._count = {"error": 0, "warning": 0}

    def add(self, problem: Problem) -> None:
        """Note a problem; beyond ``MOST_LISTED`` of its severity it is only counted."""
        kept = self._kept[problem.severity]
        if problem.code in TOLD_ONCE and any(problem.message == p.message for p in kept):
            return
        self._count[problem.severity] += 1
        if len(kept) < MOST_LISTED:
            kept.append(problem)

    @property
    def errors(self) -> int:
        """How many errors there are so far."""
        return self._count["error"]

    def report(self, examples: int, tokens: int | None, longest: int | None, param: str) -> Report:
        """The report on what was found; see ``Report`` for the arguments."""
        errors = self._kept["error"]
        warnings = self._kept["warning"][: MOST_LISTED - len(errors)]
        return Report(
            problems=tuple(sorted(errors + warnings, key=lambda problem: problem.line or 0)),
            examples=examples,
            tokens=tokens,
            longest=longest,
            more_errors=self._count["error"] - len(errors),
            more_warnings=self._count["warning"] - len(warnings),
            param=param,
        )


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
