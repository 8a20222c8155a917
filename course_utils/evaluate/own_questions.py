"""The learner's own questions: a JSONL or CSV file, checked line by line."""

import csv
import difflib
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from langchain_core.documents import Document
from pydantic import ValidationError, field_validator

from course_utils.errors import CourseError
from course_utils.evaluate.questions import Question
from course_utils.finetune.jsonl import read_lines
from course_utils.finetune.problems import Problem
from course_utils.knowledge.own import file_of

KEYS = ("question", "answer", "accepted", "sources", "kind", "id", "proposed")
MOST_LISTED = 10
EXAMPLE = '{"question": "How long is the warranty?", "answer": "Two years.", "accepted": "2 years"}'


class OwnQuestion(Question):
    """A question of the learner's own; only ``question`` has to be there.

    Attributes:
        accepted: Groups of alternatives, as ``Question`` has them. A file may also give one list
            of alternatives, or a single text. Empty where the file gives only ``answer``.
        sources: Files as ``load_folder`` names them; a PDF with or without ``#page=N``.
        proposed: Written by a machine and not yet reviewed.
    """

    answer: str = ""
    accepted: tuple[tuple[str, ...], ...] = ()
    sources: tuple[str, ...] = ()
    kind: str = "single"
    difficulty: str = ""
    split: str = "test"
    proposed: bool = False

    @field_validator("accepted", mode="before")
    @classmethod
    def _grouped(cls, value: object) -> object:
        alternatives = _as_list(value)
        if any(isinstance(item, list | tuple) for item in alternatives):
            return [_texts(group) for group in alternatives]
        return [_texts(alternatives)] if alternatives else []

    @field_validator("sources", mode="before")
    @classmethod
    def _with_slashes(cls, value: object) -> object:
        return [str(path).replace("\\", "/").removeprefix("./") for path in _as_list(value)]


def load_own_questions(path: Path, include_proposed: bool = False) -> list[Question]:
    """Load the learner's questions, in the file's order.

    Each line of a JSONL file is an object with the keys ``KEYS``; a CSV file has them as columns,
    with ``|`` between alternatives and between sources.

    Args:
        path: The file; ``.csv`` is read as CSV, anything else as JSONL.
        include_proposed: Load proposed questions that nobody has reviewed too.

    Raises:
        CourseError: The file cannot be used; the message has all its problems, up to ten.
    """
    path = Path(path)
    if not path.is_file():
        raise CourseError(f"there is no file {path}", "check the path")
    rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _jsonl_rows(path)
    questions: dict[str, OwnQuestion] = {}
    lines: dict[str, int] = {}
    problems = []
    for line, row in rows:
        try:
            question = _question(line, row)
            if question.id in questions:
                raise ValueError(f"the id {question.id!r} stands in line {lines[question.id]} too")
            questions[question.id], lines[question.id] = question, line
        except ValueError as error:
            problems.append(f"line {line}: {error}" if line else str(error))
    if problems:
        raise _many(f"{path}: {_count(problems, 'problem')}", problems, f"a line: {EXAMPLE}")
    if not questions:
        raise CourseError(f"{path} has no questions", f"write one on each line: {EXAMPLE}")
    reviewed = [question for question in questions.values() if not question.proposed]
    if not reviewed and not include_proposed:
        what = f"{path}: all questions are proposed and not reviewed ({len(questions)})"
        raise CourseError(what, 'correct them, and take "proposed" out of those that are right')
    return list(questions.values()) if include_proposed else reviewed


def check_sources(questions: Sequence[Question], documents: Sequence[Document]) -> None:
    """Refuse questions that name a source which is not among the documents.

    Raises:
        CourseError: Some do; the message names them, with the nearest document.
    """
    pages = {document.metadata["source"] for document in documents}
    known = pages | {file_of(source) for source in pages}
    problems = [
        f"{question.id} names {source!r}{_nearest(source, known)}"
        for question in questions
        for source in question.relevant
        if source not in known
    ]
    if problems:
        what = f"{_count(problems, 'source')} of the questions not among the documents"
        cure = f"write the path in the folder of documents, such as {min(known)!r}"
        raise _many(what, problems, cure)


def _question(line: int | None, row: dict | str) -> OwnQuestion:
    """A row as a question; a row that is a text is what is wrong with it."""
    if isinstance(row, str):
        raise ValueError(row)
    if unknown := [key for key in row if key not in KEYS]:
        raise ValueError(f"unknown {', '.join(map(repr, unknown))}; allowed are {', '.join(KEYS)}")
    given = {key: value for key, value in row.items() if value is not None}
    try:
        question = OwnQuestion(**{"id": f"q{line:03}", "question": "", **given})
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(
            f"{first['loc'][0]}: {first['msg'][0].lower()}{first['msg'][1:]}"
        ) from None
    has_answer = bool(question.answer.strip() or question.accepted)
    if not question.question.strip():
        raise ValueError("there is no question")
    if any(not text.strip() for group in question.accepted for text in group or [""]):
        raise ValueError("accepted holds an empty text, which any answer would match")
    if question.answerable and not has_answer:
        what = "there is neither answer nor accepted"
        raise ValueError(f'{what} (where the documents have none: "kind": "unanswerable")')
    if has_answer and not question.answerable:
        raise ValueError("it is unanswerable and has an answer; take out one of the two")
    if question.answer.strip():
        return question
    gold = ", ".join(alternatives[0] for alternatives in question.accepted)
    return question.model_copy(update={"answer": gold})


def _jsonl_rows(path: Path) -> Iterator[tuple[int | None, dict | str]]:
    for line, row in read_lines(path):
        if isinstance(row, dict):
            yield line, row
        elif row.code == "csv":
            yield None, f"{row.message}; name it .csv to have it read as a table"
        elif row.severity == "error" and row.code != "blank_line":
            yield row.line, _plain(row)


def _plain(problem: Problem) -> str:
    # Cures of that reader speak of training examples.
    return problem.message if problem.line else f"{problem.message}; {problem.cure}"


def _csv_rows(path: Path) -> Iterator[tuple[int | None, dict | str]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        yield None, f"{path} cannot be read ({error.strerror or error}); check the path"
        return
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        yield line, 'not UTF-8; in a spreadsheet, save as "CSV UTF-8"'
        return
    header = text.partition("\n")[0]
    reader = csv.DictReader(
        io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), restkey=""
    )
    if unknown := [name for name in reader.fieldnames or () if name not in KEYS]:
        yield 1, f"unknown column {', '.join(map(repr, unknown))}; allowed are {', '.join(KEYS)}"
        return
    line = reader.line_num + 1
    try:
        for cells in reader:
            extra = cells.pop("", None)
            row = {name: cell.strip() for name, cell in cells.items() if cell and cell.strip()}
            if extra:
                yield line, "more cells than columns; a text with a comma in it needs quotes"
            elif row:
                yield line, _from_cells(row)
            line = reader.line_num + 1
    except csv.Error as error:
        yield line, f"not CSV ({error})"


def _from_cells(row: dict[str, str]) -> dict | str:
    listed: dict[str, object] = {}
    for name in {"accepted", "sources"} & row.keys():
        cell = row[name]
        try:
            listed[name] = json.loads(cell) if cell.startswith("[") else _parts(cell)
        except ValueError:
            return f'{name} starts with [ and is not JSON; write [["a", "b"], ["c"]] or a|b'
    return row | listed


def _parts(cell: str) -> list[str]:
    return [part.strip() for part in cell.split("|")]


def _as_list(value: object) -> Sequence:
    return value if isinstance(value, list | tuple) else [value]


def _texts(value: object) -> list:
    """Alternatives as texts: people write numbers without quotes."""
    return [str(item) if type(item) in (int, float) else item for item in _as_list(value)]


def _nearest(source: str, known: set[str]) -> str:
    same_name = [name for name in sorted(known) if name.split("/")[-1] == source.split("/")[-1]]
    near = same_name or difflib.get_close_matches(source, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _count(problems: Sequence, noun: str) -> str:
    return f"{len(problems)} {noun}{'s' if len(problems) > 1 else ''}"


def _many(what: str, problems: Sequence[str], cure: str) -> CourseError:
    more = len(problems) - MOST_LISTED
    listed = [*problems[:MOST_LISTED], *([f"and {more} more"] if more > 0 else [])]
    return CourseError("\n  ".join([f"{what}:", *listed]), cure)
