"""The approaches as Runnables: a question in, an AI message (and the passages) out."""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda, RunnablePassthrough
from langchain_openai import ChatOpenAI

from course_utils.bakeoff.case import Case
from course_utils.finetune.dataset import CONTEXT_SYSTEM, format_passages

SHOTS = 3
MAX_TOKENS = 120
# A small model answers a question about a text badly and rewrites a text well (lesson 02).
REWRITE = (
    "You're an AI assistant for text re-writing. Rewrite the input text as a short "
    "reply to this customer, keeping every figure: {question}"
)
RAG_PROMPTS = {
    "guide": [("system", CONTEXT_SYSTEM), ("human", "{question}")],
    "rewrite": [("system", REWRITE), ("human", "{passages}")],
}


@dataclass(frozen=True)
class Kind:
    """What an approach is made of.

    Attributes:
        title: Its name for people.
        prompt: Makes its prompt for a case; ``None`` is the RAG prompt that suits the model.
        retrieves: It is shown passages.
        tuned: Which fine-tuned model answers: ``bare`` (trained on questions and replies),
            ``context`` (trained with passages in the prompt), or ``None``, the base model.
    """

    title: str
    prompt: Callable[[Case], list] | None
    retrieves: bool = False
    tuned: str | None = None


def _few_shot(case: Case) -> list:
    return [("system", _literal(case.instructions)), *_shots(case), ("human", "{question}")]


def _few_shot_with_context(case: Case) -> list:
    system = _literal(case.instructions) + "\n\n" + CONTEXT_SYSTEM
    return [("system", system), *_shots(case), ("human", "{question}")]


def _bare(case: Case) -> list:
    return [("system", _literal(case.system)), ("human", "{question}")]


def _with_context(case: Case) -> list:
    return RAG_PROMPTS["guide"]


# In order of effort: among equals, the first is the better choice.
KINDS = {
    "prompt": Kind("Prompt", _few_shot),
    "rag": Kind("RAG", None, retrieves=True),
    "rag_few_shot": Kind("RAG + few-shot", _few_shot_with_context, retrieves=True),
    "fine_tuned": Kind("Fine-tuned", _bare, tuned="bare"),
    "rag_fine_tuned": Kind("RAG + fine-tuned", _with_context, retrieves=True, tuned="context"),
    "rag_fine_tuned_bare": Kind(
        "RAG + fine-tuned without context", _with_context, retrieves=True, tuned="bare"
    ),
}
DEFAULT = ("prompt", "rag", "fine_tuned", "rag_fine_tuned")


@dataclass(frozen=True)
class Approach:
    """One approach, ready to be asked.

    Attributes:
        name: A key of ``KINDS``.
        title: For people.
        model: Id of the model that answers.
        chain: Question → what ``answer.answer_one`` takes.
        digest: Changes with everything that an answer depends on, the question aside.
    """

    name: str
    title: str
    model: str
    chain: Runnable
    digest: str


def build(
    name: str, case: Case, model: str, retriever: BaseRetriever, k: int, rag_prompt: str
) -> Approach:
    """Make an approach.

    Args:
        name: A key of ``KINDS``.
        case: Gives the instructions and the examples.
        model: Id of the model that answers.
        retriever: Finds passages; approaches without retrieval do not ask it.
        k: Passages in the prompt.
        rag_prompt: A key of ``RAG_PROMPTS``, for the approach that has none of its own.
    """
    kind = KINDS[name]
    messages = kind.prompt(case) if kind.prompt else RAG_PROMPTS[rag_prompt]
    answer = ChatPromptTemplate(messages) | ChatOpenAI(
        model=model, temperature=0, seed=0, max_tokens=MAX_TOKENS
    )
    chain: Runnable = {"question": RunnablePassthrough()} | answer
    if kind.retrieves:
        chain = RunnableLambda(_finder(retriever)) | RunnablePassthrough.assign(message=answer)
    depends = [name, model, MAX_TOKENS, [_plain(message) for message in messages]]
    if kind.retrieves:
        depends += [k, [[chunk.metadata["source"], chunk.page_content] for chunk in case.chunks]]
    digest = hashlib.sha256(json.dumps(depends).encode()).hexdigest()
    return Approach(name, kind.title, model, chain, digest)


def _finder(retriever: BaseRetriever) -> Callable[[str], dict]:
    def find(question: str) -> dict:
        started = time.perf_counter()
        docs = retriever.invoke(question)
        return {
            "question": question,
            "docs": docs,
            "context": format_passages(docs),
            "passages": "\n\n".join(doc.page_content for doc in docs),
            "retrieval_seconds": time.perf_counter() - started,
        }

    return find


def _shots(case: Case) -> list[BaseMessage]:
    """The first examples as turns: messages, not templates, whatever braces they hold."""
    kinds = {"user": HumanMessage, "assistant": AIMessage}
    return [
        kinds[message["role"]](message["content"])
        for row in case.train[:SHOTS]
        for message in row["messages"]
        if message["role"] in kinds
    ]


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _plain(message: tuple | BaseMessage) -> list:
    if isinstance(message, BaseMessage):
        return [message.type, message.content]
    return list(message)
