"""Who may use the engine next."""

import asyncio
from dataclasses import dataclass

from course_utils.endpoint.errors import EndpointError

# Callers who wait. Behind so many an answer would come later than a client waits for it.
MOST_WAITING = 200


@dataclass(eq=False)
class _Entry:
    who: str
    alone: bool
    slot: asyncio.Future


class Turns:
    """Hands out an engine's slots: to everybody in turn, to each in the order of asking.

    Some callers need a copy of the engine for themselves.

    Args:
        slots: Callers that may run at the same time on one copy.
        copies: Callers that may run at the same time when each has a copy alone.
        most_waiting: Callers that may wait; one more is sent away.
    """

    def __init__(self, slots: int, copies: int = 1, most_waiting: int = MOST_WAITING) -> None:
        self.slots, self.copies = slots, copies
        self.running = 0
        self._alone = False  # whether those that run have a copy each
        self._most_waiting = most_waiting
        self._queue: list[_Entry] = []
        # Who was served when; the lowest number, or none, is next.
        self._served: dict[str, int] = {}
        self._turn = 0

    @property
    def waiting(self) -> int:
        """Callers that wait."""
        return len(self._queue)

    async def take(self, alone: bool, who: str = "") -> None:
        """Wait for a slot; each ``take`` needs a ``give_back``.

        Args:
            alone: Share a copy with nobody.
            who: Whose turn it uses.

        Raises:
            EndpointError: Too many wait already.
        """
        if self.waiting >= self._most_waiting:
            raise EndpointError(
                f"{self.waiting} requests wait for this model already. Ask again in a few seconds.",
                status=429,
                type="requests",
                code="rate_limit_exceeded",
                retry_after=5,
            )
        entry = _Entry(who, alone, asyncio.get_running_loop().create_future())
        self._queue.append(entry)
        self._admit()
        try:
            await entry.slot
        except asyncio.CancelledError:
            if entry in self._queue:
                self._queue.remove(entry)
                self._admit()
            else:  # the slot came in the same moment
                self.give_back()
            raise

    def give_back(self) -> None:
        """Free a slot."""
        self.running -= 1
        self._admit()

    def _admit(self) -> None:
        while self._queue:
            # Strictly in turn: whoever needs a copy alone is not overtaken for ever.
            entry = min(self._queue, key=lambda entry: self._served.get(entry.who, 0))
            others = self.running and self._alone != entry.alone
            if others or self.running >= (self.copies if entry.alone else self.slots):
                return
            self._queue.remove(entry)
            self._turn += 1
            self._served[entry.who] = self._turn
            self.running += 1
            self._alone = entry.alone
            if not entry.slot.done():
                entry.slot.set_result(None)
