"""Who may use the engine next."""

import asyncio
from collections import deque


class Turns:
    """Hands out an engine's slots in the order of asking; some callers need it for themselves.

    Args:
        slots: Callers that may run at the same time.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.running = 0
        self._alone = False
        self._queue: deque[tuple[asyncio.Future, bool]] = deque()

    @property
    def waiting(self) -> int:
        """Callers that wait."""
        return len(self._queue)

    async def take(self, alone: bool) -> None:
        """Wait for a slot; each ``take`` needs a ``give_back``.

        Args:
            alone: Run only while nobody else does.
        """
        entry = (asyncio.get_running_loop().create_future(), alone)
        self._queue.append(entry)
        self._admit()
        try:
            await entry[0]
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
        self._alone = False
        self._admit()

    def _admit(self) -> None:
        # Strictly in order: whoever needs the engine alone is not overtaken for ever.
        while self._queue:
            future, alone = self._queue[0]
            if self._alone or self.running >= (1 if alone else self.slots):
                return
            self._queue.popleft()
            self.running += 1
            self._alone = alone
            if not future.done():
                future.set_result(None)
