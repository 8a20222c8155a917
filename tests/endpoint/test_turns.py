"""The order in which requests get an engine."""

import asyncio

from course_utils.endpoint.turns import Turns


def order(slots, wishes, cancelled=()):
    """Which callers start together, in order; each wish is True for "alone".

    A round ends when all that run have given back.
    """

    async def run():
        turns = Turns(slots)
        started = []

        async def caller(number, alone):
            await turns.take(alone)
            started.append(number)

        tasks = [asyncio.create_task(caller(*wish)) for wish in enumerate(wishes)]
        await asyncio.sleep(0)
        for number in cancelled:
            tasks[number].cancel()
        rounds = []
        while True:
            await asyncio.sleep(0.001)
            if not started:
                assert (turns.running, turns.waiting) == (0, 0)
                return rounds
            rounds.append(started[:])
            running = turns.running
            started.clear()
            for _ in range(running):
                turns.give_back()

    return asyncio.run(run())


def test_as_many_as_there_are_slots():
    assert order(2, [False] * 5) == [[0, 1], [2, 3], [4]]


def test_alone_means_alone_and_nobody_overtakes():
    assert order(3, [False, True, False, False, True]) == [[0], [1], [2, 3], [4]]


def test_one_slot():
    assert order(1, [True, False, False]) == [[0], [1], [2]]


def test_who_gives_up_waiting_leaves_no_gap():
    assert order(1, [False, True, False], cancelled=[1]) == [[0], [2]]
    assert order(2, [False, True, False, False], cancelled=[1]) == [[0, 2], [3]]


def test_a_slot_that_comes_as_its_caller_gives_up_is_not_lost():
    async def run():
        turns = Turns(1)
        await turns.take(alone=False)
        late = asyncio.create_task(turns.take(alone=False))
        await asyncio.sleep(0)
        turns.give_back()
        late.cancel()
        await asyncio.wait([late])
        assert (turns.running, turns.waiting) == (0, 0)

    asyncio.run(run())
