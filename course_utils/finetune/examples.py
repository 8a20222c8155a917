"""Checks training files before anything trains: each error with its line and its cure.

The notebook, ``course check-data`` and the endpoint's jobs use the same check.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.finetune.jsonl import read_lines
from course_utils.finetune.problems import Findings, Problem, Report
from course_utils.finetune.rules import CHECKS, conversations, halves, plain

__all__ = [
    "Problem",
    "Report",
    "check_examples",
    "check_for_local_training",
    "overlap",
    "read_examples",
]

# Duplicates are looked for among the first so many examples, which bounds the memory.
MOST_REMEMBERED = 200_000
# Then the rest is not read. Half a gigabyte of wrong lines would take half an hour, and other
# people's jobs would wait for it.
MOST_ERRORS = 10_000


def check_examples(
    path: Path,
    *,
    method: str = "supervised",
    count: Callable[[list[dict]], int] | None = None,
    max_tokens: int | None = None,
    min_examples: int = 10,
    param: str = "training_file",
) -> Report:
    """Check a JSONL file of training examples; any file gives a report, none an exception.

    After ``MOST_ERRORS`` errors the rest of the file is not read.

    Args:
        path: The file.
        method: ``supervised`` or ``dpo``.
        count: Counts the tokens of a list of messages; ``None``: lengths are not checked.
        max_tokens: The longest example that fits; ``None``: any.
        min_examples: The fewest examples that may train.
        param: What the job calls the file: ``training_file`` or ``validation_file``.

    Raises:
        CourseError: The method is unknown.
    """
    if method not in CHECKS:
        raise CourseError(f"no method {method!r}", f"use one of: {', '.join(CHECKS)}")
    findings, repeated = Findings(), _Repeated()
    examples = tokens = longest = 0
    for line, found in read_lines(path):
        if findings.errors >= MOST_ERRORS:
            break
        examples += line is not None
        if isinstance(found, Problem):
            findings.add(found)
            continue
        problems = [problem.at(line) for problem in CHECKS[method](found)]
        for problem in problems:
            findings.add(problem)
        if any(problem.severity == "error" for problem in problems):
            continue
        row = plain(found)
        for problem in repeated.see(line, *halves(row)):
            findings.add(problem)
        if count:
            lengths = [count(messages) for messages in conversations(row)]
            tokens, longest = tokens + sum(lengths), max(longest, *lengths)
            if max_tokens is not None and max(lengths) > max_tokens:
                what = f"the example has {max(lengths):,} tokens, and {max_tokens:,} fit"
                findings.add(Problem(line, "too_long", what, "shorten it, or split it in two"))
    if not examples and not findings.errors:
        what, cure = "the file has no examples", "write one object with messages on each line"
        findings.add(Problem(None, "empty_file", what, cure))
    elif 0 < examples < min_examples:
        what = f"the file has {examples} example(s), and training needs at least {min_examples}"
        findings.add(Problem(None, "too_few_examples", what, "add examples; 50 are a good start"))
    if repeated.one_answer and examples > 1:
        what = "all examples have the same answer, and the model would learn to say only that"
        findings.add(
            Problem(None, "identical_answers", what, "vary questions and answers", "warning")
        )
    return findings.report(examples, tokens if count else None, longest if count else None, param)


def check_for_local_training(path: Path, method: str = "supervised") -> Report:
    """Check a file as a job of the local endpoint would, with the local chat model's tokens.

    Lengths are checked only where the training weights are prepared (``prepare_base``).

    Args:
        path, method: As ``check_examples`` takes them.

    Raises:
        CourseError: The method is unknown.
    """
    from course_utils import registry
    from course_utils.finetune.base import base_folder, is_prepared
    from course_utils.finetune.config import TrainingConfig
    from course_utils.finetune.tokens import TokenCounter

    base = registry.local_chat()
    count = TokenCounter(base_folder(base)).count if is_prepared(base) else None
    most = TrainingConfig.model_fields["max_tokens"].default
    return check_examples(path, method=method, count=count, max_tokens=most)


def read_examples(path: Path) -> list[dict]:
    """The examples of a checked file, in its order, as ``rules.plain`` writes them.

    Raises:
        CourseError: A line cannot be read: the file was not checked, or has changed.
    """
    return [row for _, row in _rows(path)]


def overlap(train: Path, validation: Path) -> Report:
    """Warnings on validation examples whose prompt also stands in the training file.

    The loss on such examples shows what was memorised, not what was learned.

    Args:
        train, validation: Two checked files of the same method.

    Raises:
        CourseError: A line cannot be read.
    """
    lines: dict[int, int] = {}
    for line, row in _rows(train):
        lines.setdefault(hash(halves(row)[0]), line)
    findings, examples = Findings(), 0
    for line, row in _rows(validation):
        examples += 1
        twin = lines.get(hash(halves(row)[0]))
        if twin:
            what = f"the same prompt stands in line {twin} of the training file"
            cure = "remove it from one of the two files"
            findings.add(Problem(line, "overlap", what, cure, "warning"))
    return findings.report(examples, None, None, "validation_file")


def _rows(path: Path) -> Iterator[tuple[int, dict]]:
    for line, found in read_lines(path):
        if line is not None and isinstance(found, dict):
            yield line, plain(found)
        elif found.severity == "error":
            where = f"{path}, line {found.line}" if found.line else f"{path}"
            raise CourseError(f"{where}: {found.message}", found.cure)


class _Repeated:
    """Finds examples that stand twice, by hash."""

    def __init__(self) -> None:
        self._prompts: dict[int, int] = {}
        self._examples: dict[int, int] = {}
        self._answers: set[int] = set()

    @property
    def one_answer(self) -> bool:
        """True while all answers seen are the same."""
        return len(self._answers) == 1

    def see(self, line: int, prompt: str, answer: str) -> Iterator[Problem]:
        """Note an example; yields a warning where it, or its prompt, was there before."""
        if len(self._answers) < 2:
            self._answers.add(hash(answer))
        if len(self._examples) >= MOST_REMEMBERED:
            return
        twin = self._examples.setdefault(hash((prompt, answer)), line)
        same_prompt = self._prompts.setdefault(hash(prompt), line)
        if twin != line:
            what = f"the same example stands in line {twin}"
            yield Problem(line, "duplicate", what, "keep one of the two", "warning")
        elif same_prompt != line:
            what = f"the same prompt stands in line {same_prompt} with another answer"
            cure = "keep the better answer, unless the variety is meant"
            yield Problem(line, "conflict", what, cure, "warning")
