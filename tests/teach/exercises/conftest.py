"""What the tests of all lessons' exercises share."""

import pytest

from course_utils.teach.exercises import check


@pytest.fixture
def told(home, capsys):
    """``told("02.1", answer…)``: what ``check`` prints."""

    def ask(id, *answer):
        capsys.readouterr()
        check(id, *answer)
        return capsys.readouterr().out

    return ask


@pytest.fixture
def not_yet(told):
    """``not_yet("02.1", answer…, message)``: ``check`` says that it is wrong, and why."""

    def refuse(id, *answer):
        *answer, message = answer
        before = str(answer)
        reply = told(id, *answer)
        assert f"{id} not yet: " in reply  # a learner's function may print, too
        assert message in reply
        assert f'hint("{id}")' in reply
        assert str(answer) == before

    return refuse


@pytest.fixture
def still_open(told):
    """``still_open("02.1", answer…)``: ``check`` says that something is not written yet."""

    def ask(id, *answer):
        assert told(id, *answer).startswith(f"{id} is open: ")

    return ask
