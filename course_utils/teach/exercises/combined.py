"""What the exercises of lesson 05 look at: training rows with passages, and the combined chain."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from random import Random
from typing import TYPE_CHECKING, Any

from course_utils.finetune.dataset import CONTEXT_SYSTEM, format_passages
from course_utils.teach.exercises.core import call, describe, wanted

if TYPE_CHECKING:  # `course progress` imports this module and has no use for LangChain
    from langchain_core.documents import Document

SHOWN = 3  # passages in a row
ROWS = 300


def share_with_gold(raft_row: Callable, refusal: str, keep: float) -> float:
    """The share of many rows that hold the right passage, if all of them are as they should be."""
    gold, *rest = (_passage(number) for number in range(6))
    others = [rest[0], gold, *rest[1:]]
    given, rng = list(others), Random(5)
    made = [_made(raft_row, gold, given, rng, keep) for _ in range(ROWS)]
    wanted(given == others, "`raft_row` changes the list `others`: build a new one")
    rng = Random(5)
    again = [_made(raft_row, gold, given, rng, keep) for _ in made]
    wanted(made == again, "the same rng gives different rows: draw from `rng` alone")
    places = Counter(_check_row(row, gold, others, refusal) for row in made)
    share = 1 - places[None] / ROWS
    wanted(
        abs(share - keep) < 0.12,
        f"with keep={keep} the right passage is in {share:.0%} of {ROWS} rows",
    )
    wanted(
        min(places[place] for place in range(SHOWN)) > 0.15 * ROWS * share,
        "the right passage nearly always has the same place, and the model would learn the place",
    )
    return share


def _passage(number: int) -> "Document":
    from langchain_core.documents import Document

    text = f"Product {'ABCDEF'[number]}\nIt costs ${30 + number} and weighs {number} kg."
    return Document(text, metadata={"source": f"product-{'abcdef'[number]}"})


def _made(
    raft_row: Callable, gold: "Document", others: list, rng: Random, keep: float
) -> list[dict]:
    row = call(raft_row, "What does A cost?", "It costs $30.", gold, others, rng, keep)
    wanted(
        isinstance(row, Mapping) and isinstance(row.get("messages"), list),
        f"a row is a dict with `messages`, as as_example makes it; this is {describe(row)}",
    )
    messages = row["messages"]
    roles = [message["role"] for message in messages]
    wanted(
        roles == ["system", "user", "assistant"],
        f"the roles are system, user, assistant; yours are {roles}",
    )
    wanted(messages[1]["content"] == "What does A cost?", "the user asks the question, as it is")
    return messages


def _check_row(messages: list[dict], gold: "Document", others: list, refusal: str) -> int | None:
    """The place of the right passage among those shown; ``None`` where it is missing."""
    system, reply = messages[0]["content"], messages[2]["content"]
    found = [p for p in others if p.page_content in system]
    shown = sorted(found, key=lambda p: system.index(p.page_content))
    repeated = any(system.count(p.page_content) > 1 for p in shown)
    wanted(not repeated, "a passage stands twice in one prompt")
    wanted(shown, "there is no passage in the system prompt")
    same = system == CONTEXT_SYSTEM.format(context=format_passages(shown))
    wanted(same, "the system prompt is to be CONTEXT_SYSTEM with format_passages, word for word")
    refuses = reply == refusal
    wanted(
        not (refuses and gold in shown),
        "a row refuses though its passage is there: `others` may hold it too",
    )
    wanted(
        refuses or gold in shown,
        "a row without the passage keeps the reply: it teaches to state what is not shown",
    )
    wanted(refuses or reply == "It costs $30.", f"nobody wrote this reply: {reply[:60]!r}")
    wanted(
        len(shown) == SHOWN,
        f"a row has {len(shown)} passages; with {SHOWN} in all, their number gives nothing away",
    )
    return shown.index(gold) if gold in shown else None


def compare_chain(
    combined: Callable, question: str, texts: list[str], reply: str, unseen: set[str]
) -> None:
    """Raise unless the chain that ``combined`` makes tells all about one question.

    Args:
        combined: The learner's function.
        question: What is asked.
        texts: What the retriever finds; the second passage comes from the first one's document.
        reply: What the model says.
        unseen: The reply's figures that stand neither in the question nor in a passage.
    """
    from langchain_core.documents import Document
    from langchain_core.messages import AIMessage
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.runnables import RunnableLambda

    names = ["price-list", "price-list", "manual"][: len(texts)]
    docs = [Document(t, metadata={"source": n}) for t, n in zip(texts, names, strict=True)]
    searched, prompts = [], []
    retriever = RunnableLambda(lambda asked: searched.append(asked) or list(docs))
    llm = RunnableLambda(lambda value: prompts.append(value) or AIMessage(reply))
    prompt = ChatPromptTemplate([("system", "Context:\n{context}"), ("human", "{question}")])
    chain = call(combined, retriever, prompt, llm)
    found = call(getattr(chain, "invoke", chain), question)
    keys = {"text", "sources", "unseen"}
    wanted(
        isinstance(found, Mapping) and keys <= set(found),
        f"a dict with text, sources and unseen is wanted, this is {describe(found)}",
    )
    wanted(searched == [question], f"the retriever is asked {len(searched)} times: {searched}")
    wanted(len(prompts) == 1, f"the model is asked {len(prompts)} times for one question")
    system, human = (message.content for message in prompts[0].to_messages())
    wanted(human == question, f"the model is asked {human!r} instead of {question!r}")
    wanted("Document(" not in system, "the prompt has Python objects in it: format_passages")
    for text in texts:
        wanted(text in system, "a passage that was found does not reach the prompt")
    text = found["text"]
    wanted(text == reply, f"`text` is to be the reply's text, this is {describe(text)}")
    sources = found["sources"]
    wanted(
        isinstance(sources, Sequence) and list(sources) == list(dict.fromkeys(names)),
        f"`sources` is to be {list(dict.fromkeys(names))}, each once: this is {describe(sources)}",
    )
    _compare_unseen(found["unseen"], unseen, question, f"{reply!r} from {texts}")


def _compare_unseen(found: Any, unseen: set[str], question: str, case: str) -> None:
    wanted(
        isinstance(found, set | frozenset | list | tuple),
        f"`unseen` is to be a set of figures, this is {describe(found)}",
    )
    missed, more = unseen - set(found), set(found) - unseen
    own = more & set(re.findall(r"\d+", question))
    wanted(not own, f"{case}, asked {question!r}: {own} is the customer's own figure")
    wanted(
        not missed,
        f"{case}: {sorted(missed)} stands nowhere as a whole figure and is not reported",
    )
    wanted(not more, f"{case}: {sorted(more)} is reported, and it was shown")


def compare_replies(texts: Sequence[str], chain: Any, shown: Sequence[Mapping]) -> None:
    """Raise unless the replies are what the chain says to the prompts that it was to be given.

    Args:
        texts: The learner's replies.
        chain: Makes a message out of ``context`` and ``question``.
        shown: What it is given for each reply; two are asked again.
    """
    for text, given in list(zip(texts, shown, strict=True))[:2]:
        reply = chain.invoke(dict(given)).content
        # The same prompt may bring another word now and then, another passage another reply.
        wanted(
            SequenceMatcher(None, text, reply).ratio() > 0.8,
            f"{given['question']!r}: the chain says {reply[:60]!r} to the passage of "
            f"`passage_for`, and `texts` has {text[:60]!r}",
        )
