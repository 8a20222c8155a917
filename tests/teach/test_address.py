import pytest

from course_utils.errors import CourseError
from course_utils.teach import address


@pytest.fixture
def fork(tmp_path, monkeypatch):
    """A ``pyproject.toml`` as somebody else's fork would have it."""

    def write(repository):
        text = f'[project]\nversion = "2.3.4"\n[project.urls]\nRepository = "{repository}"\n'
        (tmp_path / "pyproject.toml").write_text(text)

    monkeypatch.setattr(address, "PYPROJECT", tmp_path / "pyproject.toml")
    write("https://github.com/someone/their-course")
    return write


def test_everything_follows_from_pyproject(fork):
    assert address.repository() == "https://github.com/someone/their-course"
    assert address.release() == "v2.3.4"
    binder = "https://mybinder.org/v2/gh/someone/their-course/v2.3.4?urlpath="
    assert address.binder_url() == binder + "lab"
    assert address.binder_url("notebooks/a b.ipynb") == binder + "lab/tree/notebooks/a%20b.ipynb"
    assert address.colab_url("notebooks/a b.ipynb") == (
        "https://colab.research.google.com/github/someone/their-course/blob/v2.3.4/"
        "notebooks/a%20b.ipynb"
    )


@pytest.mark.parametrize(
    "wrong", ["", "https://example.org/a/b", "https://github.com/a", "https://github.com/a/b/"]
)
def test_an_address_that_colab_cannot_open_is_refused(fork, wrong):
    fork(wrong)
    with pytest.raises(CourseError, match=r"\[project.urls\]"):
        address.colab_url("x.ipynb")
