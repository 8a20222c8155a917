"""Lesson 03: what a mended export must hold, and what to say of one that does not."""

import json
from typing import Any

from course_utils.finetune.dataset import SYSTEM
from course_utils.finetune.rules import check_supervised
from course_utils.teach.exercises.core import NotYet, describe, wanted
from course_utils.teach.exercises.desk import saved_examples, turns


def compare_mended(rows: Any, export: list[dict], draw: int) -> None:
    """Raise ``NotYet`` unless the rows are all that can be saved from ``desk_export(draw)``."""
    wanted(
        isinstance(rows, list) and all(isinstance(row, dict) for row in rows),
        f"`mend` is to return a list of dicts, this is {describe(rows)}",
    )
    for row in rows:
        for problem in check_supervised(row):
            raise NotYet(f"still wrong: {problem} (in {json.dumps(row)[:70]}…)")
    found, expected = [turns(row) for row in rows], saved_examples(draw)
    for example in found:
        if example not in expected:
            raise NotYet(_why_foreign(example, expected))
    lost = expected - set(found)
    if lost:
        question = dict(min(lost))["user"]
        raise NotYet(f"lost that could be saved: {len(lost)}, such as {question[:60]!r}")
    twice = {example for example in found if found.count(example) > 1}
    wanted(not twice, f"examples that stand twice: {len(twice)}{_why_twice(twice, export)}")


def _why_foreign(example: tuple, expected: set[tuple]) -> str:
    question, reply = (dict(example)[role] for role in ("user", "assistant"))
    if example[0] != ("system", SYSTEM):
        return (
            f"the system message of {question[:50]!r} is gone: every example here has one, and "
            "`as_example` adds it"
        )
    if any(set(example) < set(one) for one in expected):
        return f"a conversation with two replies has lost a part; left is {question[:50]!r}"
    return f"no agent wrote this reply to {question[:50]!r}: {reply[:50]!r}"


def _why_twice(twice: set[tuple], export: list[dict]) -> str:
    given = [turns(row) for row in export if "messages" in row]
    by_mending = all(given.count(example) < 2 for example in twice)
    return "; they became equal only by mending" if by_mending else ""
