import numpy as np
import pytest
from typer.testing import CliRunner

from course_utils.bench.retrieval import _exponent, _filled_up, _row, measure
from course_utils.cli import app
from course_utils.errors import CourseError
from course_utils.settings import settings


@pytest.fixture(scope="module")
def measured():
    return measure(sizes=(120, 60), embedded=80, rounds=1, documents=10)


def test_each_size_is_measured(measured):
    small, large = measured["sizes"]
    assert (small["chunks"], large["chunks"]) == (60, 120)
    for size in measured["sizes"]:
        assert 0 < size["query_p50_ms"] <= size["query_p95_ms"]
        assert size["insert_s"] > 0 and size["disk_mb"] > 0
        # So few that Chroma looks at all of them.
        assert size["recall"] == 1
        assert size["answers_found"] == size["exact_answers_found"] > 0.8
    assert measured["embedded_per_s"] > 1
    assert measured["vectors"] == "80 embedded, 40 interpolated between them"
    assert measured["recall_gap"] == 0
    assert measured["p95_ratio"] == pytest.approx(
        large["query_p95_ms"] / small["query_p95_ms"], abs=0.01
    )


def test_only_the_rewritten_document_is_embedded_again(measured):
    again = measured["reindex"]
    assert (again["documents"], again["rewritten"]) == (10, 1)
    assert again["embedded_again"] == again["chunks"] / 10
    assert 0 < again["ratio"] < 0.5


def test_what_is_not_among_the_nearest_is_not_found(home):
    random = np.random.default_rng(0)
    vectors = random.normal(size=(60, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    asked = np.concatenate([vectors[:5], -vectors[5:10]])
    before = settings()
    found = _row(vectors, asked, np.arange(10), rounds=1)
    assert found["answers_found"] == found["exact_answers_found"] == 0.5
    assert found["recall"] == 1
    # The course home is as it was.
    assert settings() == before
    assert not home.exists()


def test_vectors_in_between_are_no_copies():
    vectors = np.eye(40, dtype=np.float32)
    filled = _filled_up(vectors, 100)
    assert (filled[:40] == vectors).all()
    assert np.linalg.norm(filled, axis=1) == pytest.approx(1)
    for number in range(40, 100):
        # Only rows that state the same fact are mixed.
        assert set(np.flatnonzero(filled[number])) <= {number % 20, number % 20 + 20}
    assert len(_filled_up(vectors, 40)) == 40


def test_the_exponent_of_growth():
    assert _exponent([10, 100], [1, 10]) == 1
    assert _exponent([10, 100], [3, 3]) == 0
    assert _exponent([10], [3]) is None


@pytest.mark.parametrize("sizes", ["1000,many", "3", ""])
def test_sizes_that_are_none(sizes):
    result = CliRunner().invoke(app, ["bench", "retrieval", "--sizes", sizes])
    assert isinstance(result.exception, CourseError)
    assert "50" in result.exception.cure
