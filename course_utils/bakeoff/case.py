"""What a bake-off is about: documents, questions, training examples, a style guide."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from langchain_core.documents import Document

from course_utils.errors import CourseError
from course_utils.evaluate.own_questions import check_sources, load_own_questions
from course_utils.evaluate.questions import QUESTIONS, Question, load_questions
from course_utils.evaluate.style import load_guide
from course_utils.finetune.dataset import SYSTEM, as_example, load_replies
from course_utils.finetune.examples import check_examples, read_examples
from course_utils.knowledge.documents import DOCUMENTS
from course_utils.knowledge.own import load_folder, split
from course_utils.knowledge.passages import acme_chunks
from course_utils.settings import REPO

OWN_SYSTEM = "Answer the customer's question in one to three short sentences."


@dataclass(frozen=True)
class Case:
    """One bake-off's data.

    Attributes:
        folder, file: Where documents and questions come from.
        chunks: The passages that a retriever may find, with ``source`` in their metadata.
        questions: What is asked.
        train: Lines of a training file; empty when there are none.
        style: A style guide, or ``None``.
        prepared: The course has fine-tuned models for this case.
        notes: What the reader of a report should know about the data.
    """

    folder: str
    file: str
    chunks: tuple[Document, ...]
    questions: tuple[Question, ...]
    train: tuple[dict, ...] = ()
    style: dict | None = None
    prepared: bool = False
    notes: tuple[str, ...] = ()

    @property
    def system(self) -> str:
        """The system prompt of the closed-book approaches: that of the training examples."""
        for message in self.train[0]["messages"] if self.train else ():
            if message["role"] == "system":
                return message["content"]
        return OWN_SYSTEM

    @property
    def instructions(self) -> str:
        """The system prompt that asks for the style too, where there is a style guide."""
        return (self.style or {}).get("prompt", self.system).strip()


def acme(questions: Sequence[Question] | None = None) -> Case:
    """The course's own case: January's documents, all questions, the house style."""
    train = tuple(as_example(r.question, r.reply, SYSTEM) for r in load_replies("train"))
    return Case(
        folder=str((DOCUMENTS / "v1").relative_to(REPO)),
        file=str(QUESTIONS.relative_to(REPO)),
        chunks=tuple(acme_chunks()),
        questions=tuple(load_questions() if questions is None else questions),
        train=train,
        style=load_guide(),
        prepared=True,
    )


def own(
    docs: Path,
    questions: Path,
    train: Path | None = None,
    style: Path | None = None,
    include_proposed: bool = False,
) -> Case:
    """A case of the learner's own.

    Args:
        docs: Folder of Markdown, text, HTML and PDF files.
        questions: JSONL or CSV file.
        train: Training file in OpenAI's form, JSONL.
        style: Style guide, TOML.
        include_proposed: Score proposed questions that nobody has reviewed.

    Raises:
        CourseError: One of them cannot be used; the message has file, line and cure.
    """
    folder = load_folder(docs)
    asked = load_own_questions(questions, include_proposed)
    check_sources(asked, folder.documents)
    rows: tuple[dict, ...] = ()
    if train:
        report = check_examples(train)
        if not report.ok:
            raise CourseError(f"{train}: {report}", "correct the lines named above")
        rows = tuple(read_examples(train))
        _refuse_leaks(rows, asked, train)
    return Case(
        folder=str(docs),
        file=str(questions),
        chunks=tuple(split(folder.documents)),
        questions=tuple(asked),
        train=rows,
        style=load_guide(style) if style else None,
        notes=(str(folder), *folder.problems),
    )


def _refuse_leaks(rows: Sequence[dict], questions: Sequence[Question], train: Path) -> None:
    asked = {" ".join(question.question.lower().split()) for question in questions}
    for line, row in enumerate(rows, start=1):
        for message in row["messages"]:
            text = " ".join(str(message.get("content")).lower().split())
            if message["role"] == "user" and text in asked:
                raise CourseError(
                    f"{train}, example {line}: the training data holds an evaluation question",
                    "remove it from one of the two files: a model is not tested with its lessons",
                )
