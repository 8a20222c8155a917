"""Asks every approach every question, one after the other or several at a time."""

import asyncio
import functools
import threading
from collections import deque
from collections.abc import Sequence

from openai import APIError, RateLimitError
from tqdm.auto import tqdm

from course_utils.answer import Answer, answer_one, answer_one_async
from course_utils.bakeoff.approaches import Approach
from course_utils.bakeoff.log import AnswerLog
from course_utils.errors import CourseError

TURN = 20  # questions that one approach is asked before the next one is
ELSEWHERE = 4  # asked at a time by default where another host answers


def ask_all(
    approaches: Sequence[Approach], questions: Sequence[str], log: AnswerLog, concurrency: int = 1
) -> dict[str, list[Answer]]:
    """Ask what the log does not know yet, and store each answer as it comes.

    It goes in turns, so that a machine that slows down for a while slows all approaches alike.

    Args:
        approaches: Who is asked.
        questions: What they are asked.
        log: Where answers are kept; nothing in it is asked again.
        concurrency: Questions in flight at the same time. With more than one, the ``seconds`` of an
            answer hold what it waited for the others.

    Returns:
        For each approach's name its answers, in the order of the questions.

    Raises:
        CourseError: The host gave no answer. Those that were on their way are kept.
    """
    todo = deque(
        (approach, question)
        for start in range(0, len(questions), TURN)
        for approach in approaches
        for question in questions[start : start + TURN]
        if log.get(approach.digest, question) is None
    )
    with tqdm(total=len(todo), desc="asking", unit="answer") as bar:
        if concurrency == 1:
            _one_by_one(todo, log, bar)
        else:
            _several(todo, log, bar, concurrency)
    return {
        approach.name: [log.get(approach.digest, question) for question in questions]
        for approach in approaches
    }


def _one_by_one(todo: deque, log: AnswerLog, bar: tqdm) -> None:
    while todo:
        approach, question = todo.popleft()
        bar.set_description(approach.title, refresh=False)
        try:
            answer = answer_one(approach.chain, question)
        except APIError as error:
            raise _no_answer(approach, error) from error
        log.add(approach.digest, approach.name, question, answer)
        bar.update()


def _several(todo: deque, log: AnswerLog, bar: tqdm, concurrency: int) -> None:
    async def ask() -> None:
        while todo:
            approach, question = todo.popleft()
            try:
                answer = await answer_one_async(approach.chain, question)
            except Exception as error:
                todo.clear()  # nothing new is asked; the others finish what they have asked
                if isinstance(error, APIError):
                    raise _no_answer(approach, error, concurrency) from error
                raise
            log.add(approach.digest, approach.name, question, answer, in_flight=concurrency)
            bar.update()

    async def ask_side_by_side() -> None:
        ended = await asyncio.gather(*(ask() for _ in range(concurrency)), return_exceptions=True)
        for error in filter(None, ended):
            raise error

    asked = asyncio.run_coroutine_threadsafe(ask_side_by_side(), _loop())
    try:
        asked.result()
    except KeyboardInterrupt:
        todo.clear()
        asked.result()  # what is in flight is paid for: keep it
        raise


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """An event loop in a thread of its own, for good.

    A notebook's own loop is busy with the cell, and LangChain keeps its clients from run to run,
    each with connections that belong to the loop in which they were opened.
    """
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


def _no_answer(approach: Approach, error: APIError, concurrency: int = 1) -> CourseError:
    cure = "the answers so far are kept; run the same command again to go on"
    if concurrency > 1 and isinstance(error, RateLimitError):
        cure += ", with a smaller --concurrency"
    return CourseError(f"{approach.title} got no answer: {error}", cure)
