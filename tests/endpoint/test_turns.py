"""The order in which requests get an engine."""

import asyncio

import pytest

from course_utils.endpoint.errors import EndpointError
from course_utils.endpoint.turns import Turns


def order(slots, wishes, cancelled=(), copies=1):
    """Which callers start together, in order; each wish is True for "alone".

    A round ends when all that run have given back.
    """

    async def run():
        turns = Turns(slots, copies)
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


def test_so_many_are_alone_side_by_side_as_there_are_copies():
    assert order(4, [True] * 3 + [False] * 3 + [True], copies=2) == [[0, 1], [2], [3, 4, 5], [6]]


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


def test_everybody_has_their_turn_and_a_flood_delays_only_its_sender():
    async def run():
        turns, served = Turns(1), []

        async def ask(who):
            await turns.take(alone=who == "b", who=who)
            served.append(who)
            await asyncio.sleep(0)
            turns.give_back()

        await asyncio.gather(*(ask(who) for who in "aaaaabbcc"))
        return "".join(served)

    assert asyncio.run(run()) == "abcabcaaa"


def test_who_comes_when_too_many_wait_is_sent_away_for_some_seconds():
    async def run():
        turns = Turns(1, most_waiting=2)
        await turns.take(alone=False)
        waiting = [asyncio.create_task(turns.take(alone=False)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(EndpointError) as refused:
            await turns.take(alone=False)
        turns.give_back()
        await waiting[0]
        waiting[1].cancel()
        return refused.value

    error = asyncio.run(run())
    assert error.status == 429 and error.headers()["Retry-After"] == "5"
