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
