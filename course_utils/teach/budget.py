"""What a class costs if it uses a hosted model: ``python -m course_utils.teach.budget 30``.

Tokens come from ``course study hosted-use``, prices from the registry. ``--write`` renews the
tables of the instructor's page.
"""

import sys
from datetime import date

from course_utils import registry
from course_utils.blocks import with_block
from course_utils.decide.costs import answering, indexing
from course_utils.endpoint.pricing import priced
from course_utils.errors import CourseError
from course_utils.registry import Model
from course_utils.settings import write_atomic
from course_utils.study.results import load_result
from course_utils.teach.kit import KIT

PAGE = KIT / "budget.md"
PEOPLE = 30


def chat_models() -> list[Model]:
    """The hosted model of the lessons and, where its retirement is known, its replacement."""
    first = registry.hosted_chat(date.min)
    return [first, priced(first.replacement)] if first.replacement else [first]


def usd(counts: dict, chat: Model, out: str = "tokens_out") -> float:
    """US dollars for one person.

    Args:
        counts: Of a lesson, as the study stores them.
        chat: Who answers.
        out: ``tokens_out`` as counted, or ``most_out``, by the lessons' ``max_tokens``.
    """
    embedded = indexing(registry.hosted_encoder(date.min), counts["embedded"], redone=0)
    return answering(chat, counts["tokens_in"], counts[out]).per_call + embedded.upfront


def table(people: int, chat: Model) -> str:
    """A Markdown table: tokens and dollars by lesson, for one person and for all.

    Raises:
        CourseError: There is nobody, the tokens were never counted, or a price is missing.
    """
    if people < 1:
        raise CourseError("no number of people", "say how many learn, a whole number of at least 1")
    rows, sums = [], [0.0, 0.0]
    for lesson, counts in sorted(load_result("hosted-use")["lessons"].items()):
        prices = [usd(counts, chat, out) for out in ("tokens_out", "most_out")]
        sums = [total + price for total, price in zip(sums, prices, strict=True)]
        tokens = (f"{counts[name]:,}" for name in ("tokens_in", "tokens_out", "embedded"))
        rows.append((lesson, *tokens, *_dollars(prices, people)))
    rows.append(("all", "", "", "", *_dollars(sums, people)))
    header = ("lesson", "tokens in", "tokens out", "embedded", "a person", f"{people} people",
              f"{people} people, at most")  # fmt: skip
    lines = [header, ("---",) + ("--:",) * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _dollars(prices: list[float], people: int) -> tuple[str, str, str]:
    counted, most = prices
    return f"${counted:.4f}", f"${people * counted:.2f}", f"${people * most:.2f}"


def tables(people: int = PEOPLE) -> str:
    """A table for each model: its prices' source, when they were checked, when it retires."""
    parts = []
    for chat in chat_models():
        retires = f"; its host retires it on {chat.retires_on}" if chat.retires_on else ""
        parts.append(
            f"**{chat.name}**, prices verified on {chat.verified_on} ({chat.source}){retires}:"
        )
        parts.append(table(people, chat))
    return "\n\n".join(parts)


def page(text: str) -> str:
    """The instructor's page with its tables as they are now."""
    return with_block(text, "budget", tables())


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write_atomic(PAGE, page(PAGE.read_text(encoding="utf-8")))
    else:
        asked = sys.argv[1] if sys.argv[1:] else str(PEOPLE)
        try:
            print(tables(int(asked) if asked.isdigit() else 0))
        except CourseError as error:
            sys.exit(str(error))
