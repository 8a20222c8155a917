"""Runs a bake-off from its documents to its report."""

import contextlib
import functools
import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path

from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from course_utils import connect, registry
from course_utils.bakeoff.approaches import DEFAULT, KINDS, build
from course_utils.bakeoff.asking import ELSEWHERE, ask_all
from course_utils.bakeoff.case import Case
from course_utils.bakeoff.log import AnswerLog
from course_utils.bakeoff.report import write_report
from course_utils.bakeoff.summary import summarise
from course_utils.bakeoff.tuned import tuned_models, why_none
from course_utils.connection import Connection
from course_utils.errors import CourseError
from course_utils.evaluate.scorer import score_answers
from course_utils.knowledge.index import update_index
from course_utils.knowledge.own import load_folder
from course_utils.knowledge.passages import rank_chunks
from course_utils.knowledge.propose import propose_questions, write_proposed
from course_utils.knowledge.store import open_store
from course_utils.registry import Model

PROPOSED = 20
PROPOSED_TOKENS = 40


def run_bakeoff(
    case: Case,
    out: Path,
    names: Sequence[str] = DEFAULT,
    provider: str | None = None,
    k: int | None = None,
    command: str = "course bakeoff",
    say: Callable[[str], None] = print,
    concurrency: int | None = None,
) -> dict:
    """Compare approaches on a case; the answers, ``report.json`` and ``report.html`` go to ``out``.

    Interrupted at any moment, the same call goes on where it stopped: no answer is asked for twice
    unless something that it depends on has changed.

    Args:
        case: Documents, questions, training examples.
        out: Folder for everything that the bake-off writes.
        names: Approaches, keys of ``approaches.KINDS``.
        provider: Who answers, as for ``connect``.
        k: Passages in the prompt; ``None`` takes what the registry says of the model.
        command: What the report names as the way to repeat it.
        say: Called with a line per step.
        concurrency: Questions in flight at the same time; ``None`` is one for the local endpoint
            and four for any other host.

    Returns:
        The report.

    Raises:
        CourseError: An approach is unknown, or the host does not answer; the cure is named.
    """
    check_names(names)
    course, told = _connected(provider)
    say(told)
    # The class itself has the defaults, for a host's model that the registry does not know.
    chat = registry.models().get(course.chat_model, Model)
    k = k or chat.reads_passages
    embed = OpenAIEmbeddings(model=course.embedding_model, check_embedding_ctx_length=False)
    store = open_store(_index_name(case, course.embedding_model), embed)
    say(f"{len(case.chunks)} passages: {update_index(store, case.chunks, 'indexing')}")
    rank = functools.partial(rank_chunks, embed, list(case.chunks))
    wanted = [kind for name in names if (kind := KINDS[name].tuned)]
    tuned = tuned_models(case, course, dict.fromkeys(wanted), out, rank, say)
    retriever = store.as_retriever(search_kwargs={"k": k})
    approaches = [
        build(
            name,
            case,
            tuned.get(KINDS[name].tuned, course.chat_model),
            retriever,
            k,
            chat.rag_prompt,
        )
        for name in names
        if KINDS[name].tuned is None or KINDS[name].tuned in tuned
    ]
    log = AnswerLog(out / "answers.jsonl")
    asked = [question.question for question in case.questions]
    concurrency = concurrency or (1 if course.is_local else ELSEWHERE)
    answers = ask_all(approaches, asked, log, concurrency)
    say("scoring …")
    texts = [chunk.page_content for chunk in case.chunks]
    scores = {
        name: score_answers(case.questions, given, texts, embed, case.style)
        for name, given in answers.items()
    }
    notes = [*case.notes, f"Passages in the prompt: {k}."]
    notes += [why_none(case)] if len(approaches) < len(names) else []
    together = max((log.in_flight(a.digest, q) for a in approaches for q in asked), default=1)
    if together > 1:
        notes.append(
            f"Up to {together} questions were in flight at once: seconds hold their waiting."
        )
    report = summarise(case, course, approaches, answers, scores, notes, command)
    page = write_report(report, out)
    say(f"report: {page}")
    return report


def _index_name(case: Case, encoder: str) -> str:
    # Folders may share a name, and vectors of two encoders cannot stand in one index.
    where = hashlib.sha256(f"{Path(case.folder).resolve()} {encoder}".encode()).hexdigest()
    return f"bakeoff-{where[:12]}"


def propose(docs: Path, out: Path, provider: str | None = None) -> Path:
    """Write questions that the documents answer, for the user to correct.

    Args:
        docs: Folder of documents.
        out: The bake-off's folder.
        provider: Who words them, as for ``connect``.

    Returns:
        The file.

    Raises:
        CourseError: There is nothing to ask about, or the file is there already.
    """
    path = out / "proposed.jsonl"
    if path.exists():
        raise CourseError(f"{path} exists already", "correct it, or remove it for a new one")
    documents = load_folder(docs).documents
    course, _ = _connected(provider)
    llm = ChatOpenAI(model=course.chat_model, temperature=0, seed=0, max_tokens=PROPOSED_TOKENS)
    write_proposed(path, propose_questions(documents, PROPOSED, llm))
    return path


def _connected(provider: str | None) -> tuple[Connection, str]:
    """The connection, and what ``connect`` would print: standard output is for --json."""
    with contextlib.redirect_stdout(io.StringIO()) as told:
        course = connect(provider)
    return course, told.getvalue().strip()


def check_names(names: Sequence[str]) -> None:
    """Raise a CourseError unless all names are approaches, and at least one is there."""
    unknown = [name for name in names if name not in KINDS]
    if unknown or not names:
        what = f"no approach {', '.join(map(repr, unknown))}" if unknown else "no approach named"
        raise CourseError(what, f"there are: {', '.join(KINDS)}")
