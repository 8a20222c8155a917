import pytest

from course_utils import bootstrap
from course_utils.bench import quick
from course_utils.errors import CourseError


def test_the_import_is_timed_in_a_fresh_interpreter():
    assert 0 < quick._import_s() < 5


def test_a_copy_that_is_not_set_up(tmp_path, monkeypatch):
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "none")
    with pytest.raises(CourseError) as failure:
        quick.measure(imports=1, labs=1)
    assert "make setup" in failure.value.cure


@pytest.mark.slow
def test_jupyterlab_is_timed_and_ended():
    if not bootstrap.STAMP.exists() or bootstrap.STAMP.read_text() != bootstrap.fingerprint():
        pytest.skip("this copy is not set up by `make setup`")
    assert 0.5 < quick._lab_s() < 120
