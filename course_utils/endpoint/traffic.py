"""What is asked of this endpoint and what it makes, by person, since it started."""

import time
from collections import Counter, deque

WINDOW_S = 30.0


class Traffic:
    """Counters; those of one event loop, which needs no lock.

    Attributes:
        requests: Requests to ``/v1``.
        in_flight: Requests that count against a learner's limit just now.
        tokens: Tokens of finished chat answers.
    """

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.in_flight: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()
        self._lately: deque[tuple[float, int]] = deque()

    def made(self, who: str, tokens: int) -> None:
        """An answer is finished."""
        self.tokens[who] += tokens
        self._forget()
        self._lately.append((time.monotonic(), tokens))

    def tokens_per_s(self) -> float:
        """Tokens of the answers that were finished in the last ``WINDOW_S`` seconds, per second."""
        self._forget()
        return round(sum(tokens for _, tokens in self._lately) / WINDOW_S, 1)

    def _forget(self) -> None:
        while self._lately and self._lately[0][0] < time.monotonic() - WINDOW_S:
            self._lately.popleft()
