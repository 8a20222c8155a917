"""Whose training comes next: everybody in turn, each of their jobs in the order of creation."""

from collections import defaultdict, deque
from collections.abc import Iterable

from course_utils.endpoint.store import Row, Store


def in_turn(store: Store) -> list[Row]:
    """The job that runs and those in the queue, in the order in which they will be trained."""
    queues: dict[str, deque[Row]] = defaultdict(deque)
    for job in store.in_state("queued"):
        queues[job["owner"]].append(job)
    order = store.in_state("running")
    last = {owner: max(job["turn"] for job in store.all("jobs", owner=owner)) for owner in queues}
    waiting = deque(sorted(queues, key=lambda owner: (last[owner], queues[owner][0]["seq"])))
    while waiting:
        owner = waiting.popleft()
        order.append(queues[owner].popleft())
        if queues[owner]:
            waiting.append(owner)
    return order


def next_turn(jobs: Iterable[Row]) -> int:
    """The number of the training that begins now."""
    return 1 + max((job["turn"] for job in jobs), default=0)
