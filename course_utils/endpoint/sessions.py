"""Who has shown their key on the endpoint's page: browsers keep a token of no other use."""

import secrets
import time

from course_utils.endpoint.access import STRANGER, Person

LASTS_S = 12 * 3600
MOST = 1000


class Sessions:
    """Token → person, in memory only: whoever restarts the endpoint ends them all."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[float, Person]] = {}

    def begin(self, person: Person) -> str:
        """A new token for somebody; of too many the oldest ends."""
        while len(self._open) >= MOST:
            del self._open[next(iter(self._open))]
        token = secrets.token_urlsafe(32)
        self._open[token] = (time.monotonic() + LASTS_S, person)
        return token

    def person(self, token: str) -> Person:
        """Whose token this is; a stranger's where it is nobody's, or too old."""
        ends, person = self._open.get(token, (0.0, STRANGER))
        return person if time.monotonic() < ends else STRANGER

    def end(self, token: str) -> None:
        """The token opens nothing any more."""
        self._open.pop(token, None)
