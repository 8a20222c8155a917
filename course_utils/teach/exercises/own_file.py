"""Lesson 06: a question file of one's own, spoilt, and what makes it right."""

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from langchain_core.documents import Document

from course_utils.errors import CourseError
from course_utils.evaluate.correctness import is_correct
from course_utils.evaluate.own_questions import OwnQuestion, check_sources, load_own_questions
from course_utils.knowledge.documents import DOCUMENTS
from course_utils.teach.exercises.core import NotYet, describe, wanted

DOCUMENTS_USED = ("plan-pro", "shipping", "warranty-hardware", "support-hours")

SPOILT = (
    {
        "question": "what do you charge per month for Pro?",
        "accepted": "$49",
        "sources": "plan-pro.md",
    },
    {
        "question": "how much is postage in the US, small order?",
        "accepted": "$9",
        "source": "shipping.md",
    },
    {
        "question": "guarantee on the Business hardware, how long",
        "accepted": ["3-year", "3 years"],
        "sources": "warranty.md",
    },
    {"question": "can I pay Pro in bitcoin?"},
    {
        "question": "Enterprise, all is down: how fast do you react?",
        "accepted": ["30 minutes", ""],
        "sources": "support-hours.md",
    },
    {
        "question": "parcel never came, when does it count as lost?",
        "accepted": "10 days",
        "sources": "shipping.md",
        "proposed": True,
    },
    {
        "question": "got the replacement, how long can I keep the broken one?",
        "accepted": "2 weeks",
        "sources": "warranty-hardware.md",
    },
    {"question": "do you ship by drone?", "kind": "unanswerable", "accepted": "no"},
)

# Line → a right reply and wrong ones; the documents do not answer the other lines.
_REPLIES = {
    1: ("It costs $49 a month.", "It costs $490 a month."),
    2: ("Postage is $9.", "Postage is $26."),
    3: ("A 3-year warranty, so 3 years.", "A 2-year warranty, so 2 years."),
    5: ("Within 30 minutes.", "Within four hours."),
    6: ("After 12 business days without a scan.", "After 10 days.", "After 12 weeks."),
    7: ("21 days, which is 3 weeks or three weeks.", "You have 14 days, that is 2 weeks."),
}


def write_questions(path: Path, corrected: Mapping[int, dict] | None = None) -> Path:
    """Write the spoilt file.

    Args:
        path: A JSONL file, written anew.
        corrected: Line, from 1 → what stands there instead.
    """
    rows = [(corrected or {}).get(line, row) for line, row in enumerate(SPOILT, start=1)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def judge_questions(corrected: Mapping[int, dict]) -> None:
    """Raise ``NotYet`` unless all questions can be scored, and scored rightly."""
    for line, row in corrected.items():
        wanted(
            line in range(1, len(SPOILT) + 1),
            f"there is no line {line!r}; lines are numbered 1 to {len(SPOILT)}",
        )
        wanted(isinstance(row, dict), f"line {line} is to be a dict, this is {describe(row)}")
        same = str(row.get("question", "")).strip() == SPOILT[line - 1]["question"]
        wanted(same, f"line {line} asks something else now: keep the users' words as they are")
    for line, question in enumerate(_loaded(corrected), start=1):
        _judge_question(line, question)


def _loaded(corrected: Mapping[int, dict]) -> list[OwnQuestion]:
    """The questions, if the course's own checks let them pass."""
    pages = [
        Document((DOCUMENTS / "v1" / f"{name}.md").read_text(encoding="utf-8"))
        for name in DOCUMENTS_USED
    ]
    for name, page in zip(DOCUMENTS_USED, pages, strict=True):
        page.metadata["source"] = f"{name}.md"
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = write_questions(Path(folder) / "questions.jsonl", corrected)
            questions = load_own_questions(path, include_proposed=True)
            check_sources(questions, pages)
        except CourseError as error:
            what = error.what.replace(folder, "").lstrip("/\\")
            raise NotYet(re.sub(r"\bq0*(\d+) names", r"line \1 names", what)) from None
    return questions


def _judge_question(line: int, question: OwnQuestion) -> None:
    wanted(
        not question.proposed,
        f'line {line} is still marked "proposed", and left out without a word. Compare its gold '
        "with the document, then take the mark away",
    )
    if line not in _REPLIES:
        wanted(
            not question.answerable,
            f"line {line}: which of the four documents says so? Where none does, the question is "
            "unanswerable, and the right reply is that one does not know",
        )
        return
    right, *wrong = _REPLIES[line]
    wanted(
        question.answerable,
        f"line {line}: the documents do answer it, in {_source(line)}",
    )
    wanted(
        question.sources,
        f"line {line} names no source: then nobody can tell whether finding or reading failed",
    )
    for reply in wrong:
        wanted(
            not is_correct(reply, question.accepted),
            f"line {line}: the reply {reply!r} would count as right. Read {_source(line)}",
        )
    wanted(
        is_correct(right, question.accepted),
        f"line {line}: the right reply {right!r} would count as wrong (accepted: "
        f"{question.accepted or 'nothing'}). Read {_source(line)}",
    )


def _source(line: int) -> str:
    row = SPOILT[line - 1]
    named = row.get("sources") or row["source"]
    return "warranty-hardware.md" if named == "warranty.md" else named
