"""What a class costs: counted tokens times the registry's prices."""

import subprocess
import sys

import pytest

from course_utils.registry import model
from course_utils.settings import NOTEBOOKS
from course_utils.study.results import load_result
from course_utils.teach import budget
from course_utils.teach.run import lessons

COUNTED = load_result("hosted-use")["lessons"]
COUNTS = {"tokens_in": 1_000_000, "tokens_out": 100_000, "most_out": 200_000, "embedded": 500_000}


def run(*arguments):
    command = [sys.executable, "-m", "course_utils.teach.budget", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_dollars_are_tokens_times_prices():
    chat, encoder = budget.chat_models()[0], budget.registry.hosted_encoder()
    base = 1.0 * chat.usd_input + 0.5 * encoder.usd_input
    assert budget.usd(COUNTS, chat) == pytest.approx(base + 0.1 * chat.usd_output)
    assert budget.usd(COUNTS, chat, "most_out") == pytest.approx(base + 0.2 * chat.usd_output)


def test_the_last_row_is_the_sum_for_all_people():
    chat = budget.chat_models()[0]
    *_, last = budget.table(30, chat).splitlines()
    one = sum(budget.usd(counts, chat) for counts in COUNTED.values())
    assert f"${one:.4f}" in last and f"${30 * one:.2f}" in last


def test_both_models_are_priced_and_the_second_replaces_the_first():
    first, second = budget.chat_models()
    assert model(first.replacement) == second
    for chat in (first, second):
        assert (
            f"**{chat.name}**, prices verified on {chat.verified_on} ({chat.source})"
            in budget.tables()
        )


def test_the_page_says_what_a_class_asks_at_once():
    counts, text = COUNTED["02"], budget.PAGE.read_text(encoding="utf-8")
    assert f"{counts['calls']} chat requests and embeds {counts['embedded']:,} tokens" in text
    requests, tokens = (budget.PEOPLE * counts[name] for name in ("calls", "embedded"))
    assert f"about {round(requests, -2):,} requests and {tokens / 1e6:.1f} million" in text


def test_the_page_has_the_tables_of_today():
    text = budget.PAGE.read_text(encoding="utf-8")
    assert budget.page(text) == text, "run python -m course_utils.teach.budget --write"
    assert budget.page(text.replace("| 01 | ", "| 01 | 9")) == text


def test_the_command_prints_the_tables_for_a_class():
    done = run("12")
    assert done.returncode == 0
    assert done.stdout.strip() == budget.tables(12)
    assert "| 12 people |" in done.stdout


@pytest.mark.parametrize("people", ["0", "many"])
def test_nobody_costs_nothing(people):
    done = run(people)
    assert done.returncode == 1
    assert "-> say how many learn" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_counts_agree_with_what_the_lessons_state():
    assert sorted(COUNTED) == ["00", "01", "02", "02 judge", "06"]
    for counts in COUNTED.values():
        assert counts["calls"] > 0 and 0 < counts["tokens_out"] <= counts["most_out"]
    chat = budget.chat_models()[0]
    assert budget.usd(COUNTED["01"], chat) < 0.01  # "under one US cent"
    assert 0.01 < budget.usd(COUNTED["02"], chat) < 0.05  # "a few US cents"
    for path in lessons(("04", "05")):
        assert 'connect("local")' in (NOTEBOOKS / path.name).read_text().replace("\\", "")
