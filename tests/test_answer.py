"""Asking an approach many questions."""

import threading
import time

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda

from course_utils.answer import answer_all


def test_answers_come_in_the_order_of_the_questions():
    both = threading.Barrier(2, timeout=10)  # passed by nobody who is asked alone

    def answer(question):
        both.wait()
        return AIMessage(question.upper())

    answers = answer_all(RunnableLambda(answer), list("abcd"), progress=None, together=2)
    assert [answer.text for answer in answers] == list("ABCD")


@pytest.mark.parametrize("together", [1, 2])
def test_after_a_failure_no_more_is_asked(together):
    asked = []

    def fail(question):
        asked.append(question)
        time.sleep(0.02)
        raise ValueError(question)

    with pytest.raises(ValueError, match="0"):
        answer_all(
            RunnableLambda(fail), list(map(str, range(50))), progress=None, together=together
        )
    assert len(asked) < 25
