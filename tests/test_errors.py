import pickle

import course_utils
from course_utils.errors import CourseError


def test_says_what_is_wrong_and_the_cure():
    error = CourseError("the cup is empty", "fill it")
    assert (error.what, error.cure) == ("the cup is empty", "fill it")
    assert str(error) == "the cup is empty\n  -> fill it"


def test_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(CourseError("the cup is empty", "fill it")))
    assert str(error) == "the cup is empty\n  -> fill it"


def test_stands_in_the_package():
    assert course_utils.CourseError is CourseError
