"""llama.cpp as the endpoint uses it."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from course_utils import registry
from course_utils.endpoint.catalog import load_engine
from course_utils.settings import REPO

LOAD_AND_DROP = (
    "from course_utils import registry; from course_utils.endpoint.catalog import load_engine\n"
    "for _ in range(4): load_engine(registry.local_chat())"
)


def test_one_that_nobody_asked_ends():
    """On a busy machine, where its threads are late."""

    def load_and_drop(_number):
        command = [sys.executable, "-c", LOAD_AND_DROP]
        return subprocess.run(command, cwd=REPO, timeout=120).returncode

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(load_and_drop, range(4))) == [0] * 4


def test_exact_answers_side_by_side_are_those_of_one_alone():
    engine = load_engine(registry.local_chat())
    together = threading.Barrier(2, timeout=30)

    def answer(question, waits=False):
        with engine.chosen(exact=True) as server:
            if waits:
                together.wait()  # so both have one
            body = {"messages": [{"role": "user", "content": question}], "max_tokens": 40}
            body |= {"temperature": 0, "cache_prompt": False}
            return server.handle_chat_completions(body)["choices"][0]["message"]["content"]

    questions = ["What is a refund?", "Name three seas."]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda question: answer(question, waits=True), questions))
    assert found == [answer(question) for question in questions]


def test_copies_are_dropped_while_nobody_is_answered():
    engine = load_engine(registry.local_chat())

    def two():
        with engine.chosen(exact=True) as one, engine.chosen(exact=True) as other:
            return {one, other}

    copies = two()
    engine.turns.running = 1
    engine.drop_copies()
    assert two() == copies
    engine.turns.running = 0
    engine.drop_copies()
    with engine.chosen(exact=True) as one, engine.chosen(exact=True) as other:
        assert one in copies and other not in copies
