"""One question after the other or several at a time: the same answers, each stored as it comes."""

import asyncio
import json
import signal
import sys
import threading

import httpx2
import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from openai import APIConnectionError, RateLimitError

from course_utils import CourseError
from course_utils.bakeoff.approaches import Approach
from course_utils.bakeoff.asking import ask_all
from course_utils.bakeoff.log import AnswerLog

REQUEST = httpx2.Request("POST", "http://127.0.0.1/v1")
GONE = APIConnectionError(request=REQUEST)
BUSY = RateLimitError("slower", response=httpx2.Response(429, request=REQUEST), body=None)
QUESTIONS = [f"Question {i}?" for i in range(12)]


class Host:
    """Answers a question with itself, the later ones sooner; counts what it is asked at a time."""

    def __init__(self, fails=(), error=GONE):
        self.asked, self.now, self.most, self.fails, self.error = [], 0, 0, fails, error

    async def answer(self, question):
        self.asked.append(question)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0.05 - 0.004 * QUESTIONS.index(question))
            if question in self.fails:
                raise self.error
            return AIMessage(f"Answer to {question}")
        finally:
            self.now -= 1

    def approach(self, name="rag"):
        chain = RunnableLambda(lambda question: asyncio.run(self.answer(question)), self.answer)
        return Approach(name, name.upper(), "a model", chain, f"digest of {name}")


def stored(path):
    return [json.loads(line)["question"] for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("concurrency", [1, 4])
def test_so_many_are_in_flight_and_answers_stand_in_the_questions_order(tmp_path, concurrency):
    host, path = Host(), tmp_path / "answers.jsonl"
    approaches = [host.approach("rag"), host.approach("prompt")]
    for _ in range(2):  # the second time nothing is asked
        answers = ask_all(approaches, QUESTIONS, AnswerLog(path), concurrency)
        for name in ("rag", "prompt"):
            assert [a.text for a in answers[name]] == [f"Answer to {q}" for q in QUESTIONS]
        assert len(host.asked) == 2 * len(QUESTIONS)
    assert host.most == concurrency
    assert (stored(path) == QUESTIONS * 2) == (concurrency == 1), "stored as they came"
    log = AnswerLog(path)
    assert {log.in_flight("digest of rag", question) for question in QUESTIONS} == {concurrency}


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_failure_stops_the_asking_and_keeps_what_was_on_its_way(tmp_path, concurrency):
    host, path = Host(fails={QUESTIONS[3]}), tmp_path / "answers.jsonl"
    with pytest.raises(CourseError, match="RAG got no answer") as failure:
        ask_all([host.approach()], QUESTIONS, AnswerLog(path), concurrency)
    assert "the same command again" in failure.value.cure
    assert len(host.asked) < len(QUESTIONS)
    assert set(stored(path)) == set(host.asked) - {QUESTIONS[3]}
    host.fails = ()
    ask_all([host.approach()], QUESTIONS, AnswerLog(path), concurrency)
    assert sorted(host.asked) == sorted([*QUESTIONS, QUESTIONS[3]])


@pytest.mark.parametrize(("concurrency", "error"), [(1, BUSY), (4, GONE), (4, BUSY)])
def test_fewer_at_a_time_is_the_cure_for_a_host_that_wants_fewer(tmp_path, concurrency, error):
    host = Host(fails=QUESTIONS, error=error)
    with pytest.raises(CourseError) as failure:
        ask_all([host.approach()], QUESTIONS, AnswerLog(tmp_path / "a.jsonl"), concurrency)
    wanted = error is BUSY and concurrency > 1
    assert ("a smaller --concurrency" in failure.value.cure) == wanted


@pytest.mark.skipif(sys.platform == "win32", reason="signals to a thread are POSIX's")
def test_ctrl_c_keeps_what_was_on_its_way(tmp_path):
    host, path = Host(), tmp_path / "answers.jsonl"
    main = threading.main_thread().ident
    ctrl_c = threading.Timer(0.02, lambda: signal.pthread_kill(main, signal.SIGINT))
    ctrl_c.start()
    with pytest.raises(KeyboardInterrupt):
        ask_all([host.approach()], QUESTIONS, AnswerLog(path), 4)
    assert len(host.asked) < len(QUESTIONS)
    assert sorted(stored(path)) == sorted(host.asked)


def test_in_a_notebook_whose_event_loop_runs(tmp_path):
    async def cell():
        return ask_all([Host().approach()], QUESTIONS, AnswerLog(tmp_path / "a.jsonl"), 4)

    assert len(asyncio.run(cell())["rag"]) == len(QUESTIONS)
