"""Questions proposed from the learner's documents, for a person to correct.

A small model words them badly ("How long does the rope take to break?" for a rope of three
metres): they are marked as proposed, and a bake-off leaves them out until somebody has reviewed
them.
"""

import json
import os
import random
import re
from collections.abc import Sequence
from pathlib import Path

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from tqdm.auto import tqdm

from course_utils.errors import CourseError
from course_utils.settings import write_atomic

# Passages tried for each question wanted: many of a small model's questions are of no use.
TRIES = 4
MOST_WORDS = 25
# Without examples the small model answers, explains or repeats the sentence instead of asking; one
# definition among the figures, and it asks "What is ...?" of everything.
FIGURES = {
    "A parcel can be returned within 14 days of delivery.": "How many days do I have to send a "
    "parcel back?",
    "The new timetable appeared on 3 May.": "When did the new timetable appear?",
    "A ticket for the museum costs $12.": "How much is a ticket for the museum?",
    "The battery of the lamp lasts 6 hours.": "How long does the battery of the lamp last?",
}
DEFINITIONS = {
    "A voucher is a code that lowers the price of an order.": "What is a voucher good for?",
    "By default the reading room is dark.": "Is there light in the reading room?",
    "The porter is the person who opens the gate.": "Who opens the gate?",
}
SYSTEM = "Write the question that a customer would ask and that the text answers."
# A number by itself: not that of a version, an issue or a product such as L1.
_FIGURE = re.compile(r"(?<![\w.`#/-])[$€£]?\d+(?:[.,]\d+)?(?![\w.]*\d)")
# A figure and what it counts; small words after it belong to the rest of the sentence.
_COUNTED = re.compile(
    rf"{_FIGURE.pattern}(?: ?[%€£°]C?| (?!(?:and|for|per|the|are|was|with|from|each|when|than)\b)"
    r"(?:(?:business|working|calendar|square) )?[A-Za-z]{3,})?"
)
_EUROS = re.compile(r"(\d[\d.,]*) euros?")
_DEFINITION = re.compile(r"\b(?:is an?|is the|are the|means|stands for|defaults? to|by default)\b")
# Code, markup, links, half sentences, and sentences that lean on the one before.
_UNFIT = re.compile(
    r"::|[{}<>|=\\]|\(\)|https?:|`_|:\w+:`|\.\. |^\W*[a-z\d]"
    r"|^\W*(?:This|It|They|These|Those|That|Such|Here|There|See|Thanks)\b"
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_PART_END = re.compile(r"\n\s*(?:[-*•]|\d+\.)\s+|\n\s*\n")
# Tell nothing about what a question is about.
_ASKING = re.compile(r"what|when|where|which|does|have|will|would|could|should|much|many|long")


def propose_questions(documents: Sequence[Document], n: int, llm: BaseChatModel) -> list[dict]:
    """Propose questions that the documents answer.

    Args:
        documents: What to ask about; ``metadata["source"]`` becomes the question's source.
        n: How many to propose; there may be fewer where the documents or the model give no more.
        llm: Words the questions.

    Returns:
        Lines for a file of questions, with ``question``, ``answer`` (the sentence asked about),
        ``sources`` and ``proposed``, and ``accepted`` where the sentence has one figure to answer
        with.

    Raises:
        CourseError: Nothing could be proposed.
    """
    quiet = bool(os.environ.get("TQDM_DISABLE"))
    proposed: dict[str, dict] = {}
    with tqdm(desc="proposing questions", total=n, leave=False, disable=quiet) as bar:
        for document, sentence in worth_asking(documents)[: n * TRIES]:
            if len(proposed) == n:
                break
            question = _ask(llm, sentence)
            if question.lower() not in proposed and _is_of_use(question, sentence):
                proposed[question.lower()] = {
                    "question": question,
                    "answer": sentence,
                    **_accepted(question, sentence),
                    "sources": [document.metadata["source"]],
                    "proposed": True,
                }
                bar.update()
    if not proposed:
        what = f"no question could be proposed from {len(documents)} documents"
        raise CourseError(
            what, 'write some by hand: {"question": "…", "accepted": ["…"]} on each line'
        )
    return list(proposed.values())


def write_proposed(path: Path, rows: Sequence[dict]) -> None:
    """Write proposed questions as JSONL, one on each line.

    Raises:
        CourseError: The file exists: somebody may have corrected it.
    """
    if path.exists():
        raise CourseError(f"{path} exists already", "name another file, or remove it first")
    write_atomic(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def worth_asking(documents: Sequence[Document]) -> list[tuple[Document, str]]:
    """Sentences with a figure or a definition, in an order whose beginning is spread widely.

    Each document's best sentence comes before any document's second, and those with a figure come
    before those with a definition.
    """
    ranked = []
    for document in random.Random(0).sample(list(documents), len(documents)):
        best = sorted(filter(_is_fit, _sentences(document.page_content)), key=_has_no_figure)
        ranked += [(turn, document, sentence) for turn, sentence in enumerate(best)]
    ranked.sort(key=lambda entry: (entry[0], _has_no_figure(entry[2])))
    return [(document, sentence) for _, document, sentence in ranked]


def _ask(llm: BaseChatModel, sentence: str) -> str:
    messages = [("system", SYSTEM)]
    for text, question in (DEFINITIONS if _has_no_figure(sentence) else FIGURES).items():
        messages += [("human", text), ("ai", question)]
    first_line = llm.invoke([*messages, ("human", sentence)]).text.strip().partition("\n")[0]
    question, mark, _ = first_line.partition("?")  # some go on and on
    return question.strip() + mark


def _is_of_use(question: str, sentence: str) -> bool:
    """One question, mostly about the sentence, that leaves a figure to answer with."""
    words = _content(question)
    figures = set(_FIGURE.findall(sentence))
    return bool(
        question.endswith("?")
        and not re.search(r"[.!:]\s", question)
        and sentence.rstrip(".").lower() not in question.lower()
        and (not figures or figures - set(_FIGURE.findall(question)))
        and 4 <= len(question.split()) <= MOST_WORDS
        and len(words & _content(sentence)) >= max(1, len(words) / 2)
    )


def _accepted(question: str, sentence: str) -> dict[str, list[str]]:
    """The figure that answers, as a person would check it: ``answer`` asks for most of its words.

    Of several figures a machine does not know which one is asked for.
    """
    asked = set(_FIGURE.findall(question))
    found = [
        match for match in _COUNTED.finditer(sentence) if not asked & {*_FIGURE.findall(match[0])}
    ]
    if len(found) != 1:
        return {}
    figure = found[0][0]
    if euros := _EUROS.fullmatch(figure):
        return {"accepted": [figure, f"€{euros[1]}", f"{euros[1]} €", f"{euros[1]} EUR"]}
    return {"accepted": [figure]}


def _content(text: str) -> set[str]:
    words = (word.lower() for word in re.findall(r"\w{4,}|\w*[A-Z]\w*", text))
    # The first letters, so that "time" and "times" are the same.
    return {word[:4] for word in words if not _ASKING.fullmatch(word)}


def _is_fit(sentence: str) -> bool:
    return bool(
        6 <= len(sentence.split()) <= 40
        and sentence.endswith(".")
        and not _UNFIT.search(sentence)
        and (_FIGURE.search(sentence) or _DEFINITION.search(sentence))
    )


def _has_no_figure(sentence: str) -> bool:
    return not _FIGURE.search(sentence)


def _sentences(text: str) -> list[str]:
    parts = _PART_END.split(f"\n{text}")
    return [" ".join(s.split()) for part in parts for s in _SENTENCE_END.split(part.strip())]
