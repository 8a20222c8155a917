"""How many passages can the chat model read? Prompt, k and order, on all answerable dev questions.

Lesson 02 shows the result and runs two of its points again. Retrieval is exact cosine search, so
that only the reader differs between the settings.
"""

from itertools import product

import numpy as np
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from tqdm.auto import tqdm

from course_utils import connect
from course_utils.bakeoff.approaches import RAG_PROMPTS
from course_utils.evaluate.correctness import is_correct
from course_utils.evaluate.questions import Question, load_questions
from course_utils.evaluate.stats import mean_interval
from course_utils.knowledge.passages import acme_chunks, rank_chunks
from course_utils.study.results import save_result

MAX_TOKENS = 80
KS = (1, 2, 3, 5)
ORDERS = ("best first", "best last")


def settings_of_study() -> list[tuple[str, int, str]]:
    """(prompt, k, order): with one passage there is only one order."""
    return [
        (prompt, k, order)
        for prompt, k, order in product(RAG_PROMPTS, KS, ORDERS)
        if order == ORDERS[0] or k == 3
    ]


def run() -> dict:
    """Measure every setting and store the result.

    Returns:
        ``{"about", "questions": [ids], "available": {k: share}, "settings": [{"prompt", "k",
        "order", "right": [0/1 per question], "mean", "low", "high"}]}``
    """
    course = connect()
    llm = ChatOpenAI(model=course.chat_model, temperature=0, seed=0, max_tokens=MAX_TOKENS)
    embed = OpenAIEmbeddings(model=course.embedding_model, check_embedding_ctx_length=False)
    questions = [q for q in load_questions("dev") if q.answerable]
    passages = _ranked_passages(embed, questions)
    measured = []
    for prompt, k, order in tqdm(settings_of_study(), desc="settings"):
        chain = ChatPromptTemplate(RAG_PROMPTS[prompt]) | llm
        right = []
        for question, ranked in zip(questions, passages, strict=True):
            shown = ranked[:k] if order == ORDERS[0] else ranked[:k][::-1]
            text = "\n\n".join(shown)
            asked = {"question": question.question, "context": text, "passages": text}
            right.append(int(is_correct(chain.invoke(asked).content, question.accepted)))
        interval = mean_interval(right)
        measured.append(
            {"prompt": prompt, "k": k, "order": order, "right": right}
            | {"mean": interval.mean, "low": interval.low, "high": interval.high}
        )
    available = {
        str(k): float(
            np.mean(
                [
                    is_correct(" ".join(ranked[:k]), q.accepted)
                    for q, ranked in zip(questions, passages, strict=True)
                ]
            )
        )
        for k in KS
    }
    result = {
        "model": course.chat_model,
        "questions": [question.id for question in questions],
        "available": available,
        "settings": measured,
    }
    save_result("reading", result, "course study reading", ("xllamacpp", "onnxruntime"))
    return result


def _ranked_passages(embed: OpenAIEmbeddings, questions: list[Question]) -> list[list[str]]:
    chunks = acme_chunks()
    ranked = rank_chunks(embed, chunks, [question.question for question in questions])
    return [[chunks[i].page_content for i in row[: max(KS)]] for row in ranked]
