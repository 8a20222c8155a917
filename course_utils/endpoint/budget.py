"""The running cost of hosted use, and its hard stop."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from course_utils.endpoint.pricing import priced
from course_utils.errors import CourseError
from course_utils.settings import settings, write_atomic

LOCK_TIMEOUT_S = 10


class BudgetExceededError(CourseError):
    """A request might cost more than what is left."""


def _default_file() -> Path:
    return settings().home / "spend.json"


@dataclass(frozen=True)
class Budget:
    """Money spent on hosted models, kept in one file that all notebooks share.

    A request first reserves the most that it can cost and afterwards books what it did cost, so
    that requests in flight at the same time cannot overrun the limit together.

    Attributes:
        limit_usd: The hard stop, in US dollars.
        file: Where the sum is kept.
    """

    limit_usd: float = field(default_factory=lambda: settings().budget_usd)
    file: Path = field(default_factory=_default_file)

    def spent_usd(self) -> float:
        """US dollars booked or reserved so far.

        Raises:
            CourseError: The file is damaged: it does not say how much.
        """
        if not self.file.exists():
            return 0.0
        try:
            return float(json.loads(self.file.read_text(encoding="utf-8"))["spent_usd"])
        except (ValueError, KeyError, TypeError):
            raise CourseError(
                f"{self.file} does not say how much was spent",
                "look it up at your provider, then delete the file: counting starts at $0 again",
            ) from None

    def reserve(self, most_usd: float) -> None:
        """Set aside the most that a request can cost.

        Raises:
            BudgetExceededError: It could exceed the limit; nothing is set aside then.
        """
        with self._lock():
            spent = self.spent_usd()
            if spent + most_usd > self.limit_usd:
                raise BudgetExceededError(
                    f"this request could cost ${most_usd:.4f}, and ${spent:.4f} of the budget of "
                    f"${self.limit_usd:.2f} is spent",
                    "ask for less (max_tokens; examples or epochs of a training job), or raise "
                    "COURSE_BUDGET_USD if you mean to pay more",
                )
            self._write(spent + most_usd)

    def book(self, reserved_usd: float, actual_usd: float) -> None:
        """Replace a reservation by what the request really cost."""
        with self._lock():
            self._write(max(0.0, self.spent_usd() - reserved_usd + actual_usd))

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(self.file) + ".lock", timeout=LOCK_TIMEOUT_S)
        try:
            lock.acquire()
        except Timeout:
            raise CourseError(
                f"{self.file} is held by another process", "restart the kernels that use a key"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _write(self, spent: float) -> None:
        write_atomic(self.file, json.dumps({"spent_usd": round(spent, 9)}) + "\n")


class Booking:
    """Turns the reservation of one request into its real cost, exactly once."""

    def __init__(self, model_id: str, most_usd: float) -> None:
        """Set aside the most that a request can cost; 0 for one that is free.

        Raises:
            BudgetExceededError: It could exceed the limit.
        """
        self._budget = Budget()  # read now: the learner may have raised the stop
        self._model_id, self._reserved = model_id, most_usd
        self._usage: dict = {}
        self._closed = most_usd == 0
        if most_usd:
            self._budget.reserve(most_usd)

    def see(self, line: bytes) -> dict:
        """Note the token counts of an answer or of one line of a stream, and return it parsed."""
        if b'"usage"' not in line:
            return {}
        try:
            content = json.loads(line.removeprefix(b"data:"))
        except ValueError:
            return {}
        if not isinstance(content, dict):
            return {}
        usage = content.get("usage")
        if isinstance(usage, dict):
            self._usage = usage
        return content

    def close(self, charged: bool) -> None:
        """Book the cost; an answer that was charged for but came without counts costs the most."""
        if self._closed:
            return
        self._closed = True
        actual = self._reserved if charged else 0.0
        if charged and "prompt_tokens" in self._usage:
            counts = [self._usage.get(name) or 0 for name in ("prompt_tokens", "completion_tokens")]
            if all(isinstance(count, int) for count in counts):
                actual = priced(self._model_id).cost(*counts)
        self._budget.book(self._reserved, actual)
