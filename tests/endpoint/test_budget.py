import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from filelock import FileLock

from course_utils import registry
from course_utils.endpoint import budget as budget_module
from course_utils.endpoint.budget import Booking, Budget, BudgetExceededError
from course_utils.errors import CourseError
from course_utils.settings import REPO


@pytest.fixture
def budget(tmp_path):
    return Budget(limit_usd=1.0, file=tmp_path / "home" / "spend.json")


def test_starts_at_nothing_and_writes_nothing(budget):
    assert budget.spent_usd() == 0
    assert not budget.file.parent.exists()


def test_a_reservation_becomes_the_real_cost(budget):
    budget.reserve(0.4)
    assert budget.spent_usd() == pytest.approx(0.4)
    budget.book(0.4, 0.1)
    assert budget.spent_usd() == pytest.approx(0.1)


def test_refuses_what_could_exceed_the_limit_and_sets_nothing_aside(budget):
    budget.reserve(0.7)
    with pytest.raises(BudgetExceededError) as failure:
        budget.reserve(0.4)
    assert "$0.4000" in failure.value.what
    assert "COURSE_BUDGET_USD" in failure.value.cure
    assert budget.spent_usd() == pytest.approx(0.7)
    budget.reserve(0.3)  # to the limit is allowed


def test_many_at_once_cannot_overrun(budget):
    def one(_):
        try:
            budget.reserve(0.1)
        except BudgetExceededError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(30))) == 10
    assert budget.spent_usd() == pytest.approx(1.0)


def test_processes_share_the_sum(home):
    code = "from course_utils.endpoint.budget import Budget; Budget().reserve(0.2)"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], cwd=REPO, check=True)
    assert Budget().spent_usd() == pytest.approx(0.4)
    assert Budget().file == home / "spend.json"


def test_the_limit_is_the_environments(home, monkeypatch):
    assert Budget().limit_usd == 1
    monkeypatch.setenv("COURSE_BUDGET_USD", "0")
    with pytest.raises(BudgetExceededError):
        Budget().reserve(0.000001)


@pytest.mark.parametrize("damaged", ["", "{}", "[]", '{"spent_usd": null}', "half {"])
def test_a_damaged_file_never_counts_as_nothing(budget, damaged):
    budget.file.parent.mkdir()
    budget.file.write_text(damaged)
    with pytest.raises(CourseError, match=r"spend\.json") as failure:
        budget.reserve(0.1)
    assert "delete the file" in failure.value.cure


def test_a_lock_that_nobody_frees_is_an_expected_failure(budget, monkeypatch):
    monkeypatch.setattr(budget_module, "LOCK_TIMEOUT_S", 0.1)
    budget.file.parent.mkdir()
    with (
        FileLock(str(budget.file) + ".lock"),
        pytest.raises(CourseError, match="another process"),
    ):
        budget.reserve(0.1)


# ------------------------------------------------------------------------------------- one request


@pytest.fixture
def booking(home):
    return Booking(registry.hosted_chat().id, 0.5)


def test_books_by_the_counts_and_only_once(booking):
    booking.see(b'{"usage": {"prompt_tokens": 1000, "completion_tokens": 100}}')
    booking.close(charged=True)
    booking.close(charged=True)
    assert Budget().spent_usd() == pytest.approx(registry.hosted_chat().cost(1000, 100))


def test_the_last_counts_of_a_stream_count(booking):
    for line in (
        b'data: {"usage": null, "choices": [{}]}',
        b'data: {"usage": {"prompt_tokens": 10, "completion_tokens": 1}}',
        b'data: {"usage": {"prompt_tokens": 10, "completion_tokens": 7}}',
        b'data: {"usage": broken',
        b"data: [DONE]",
    ):
        booking.see(line)
    booking.close(charged=True)
    assert Budget().spent_usd() == pytest.approx(registry.hosted_chat().cost(10, 7))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b'{"usage": 7}',
        b'["usage"]',
        b'{"usage": {"seconds": 7}}',
        b'{"usage": {"prompt_tokens": "x"}}',
    ],
)
def test_an_answer_without_counts_costs_the_most(booking, line):
    booking.see(line)
    booking.close(charged=True)
    assert Budget().spent_usd() == pytest.approx(0.5)


def test_a_fine_tuned_model_has_prices_of_its_own(home):
    base = next(m for m in registry.models().values() if m.usd_tuned_input)
    booking = Booking(f"ft:{base.id}:acme:style:abc", 0.5)
    booking.see(b'{"usage": {"prompt_tokens": 1000000, "completion_tokens": 1000000}}')
    booking.close(charged=True)
    assert Budget().spent_usd() == pytest.approx(base.usd_tuned_input + base.usd_tuned_output)


def test_what_was_not_charged_is_freed(booking):
    booking.close(charged=False)
    assert Budget().spent_usd() == 0


def test_a_free_request_touches_no_file(home):
    Booking("", 0.0).close(charged=True)
    assert not home.exists()
