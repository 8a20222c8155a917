"""Lesson 05's exercises: right answers pass, typical wrong ones are told why."""

import copy
import re

import pytest
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda, RunnableParallel, RunnablePassthrough

from course_utils.evaluate.questions import load_questions
from course_utils.evaluate.stats import Interval, mean_interval, paired_difference
from course_utils.finetune.dataset import CONTEXT_SYSTEM, as_example, format_passages
from course_utils.study.results import load_result
from course_utils.teach.exercises.lesson_05 import KINDS

REFUSAL = "Hello from Acme.\nWe cannot tell.\nNext step: Ask again.\nAcme Support"

# ---------------------------------------------------------------------------------- 05.1: the gain

STUDIES = {
    "trained otherwise": {"base": 0.481, "rag": 0.875, "tuned": 0.504, "both": 0.810},
    "trained for the use": {"base": 0.0, "rag": 0.215, "tuned": 0.0, "both": 0.325},
}
GUESS = {"trained otherwise": False, "trained for the use": True}
ALL_TRUE = dict.fromkeys(GUESS, True)


def gain(study):
    return study["both"] - max(value for way, value in study.items() if way != "both")


def gain_of_a_copy(study):
    rest = dict(study)
    return rest.pop("both") - max(rest.values())


def gain_in_place(study):
    return study.pop("both") - max(study.values())


def gain_over(way):
    return lambda study: study["both"] - study[way]


# -------------------------------------------------------------------------------- 05.2: a RAFT row


def raft_row(question, reply, gold, others, rng, keep=0.8, count=3, shuffled=True):
    rest = [passage for passage in others if passage.page_content != gold.page_content]
    holds = rng.random() < keep
    shown = [gold, *rest[: count - 1]] if holds else rest[:count]
    if shuffled:
        rng.shuffle(shown)
    system = CONTEXT_SYSTEM.format(context=format_passages(shown))
    return as_example(question, reply if holds else REFUSAL, system)


def raft_row_by_insertion(question, reply, gold, others, rng, keep=0.8):
    sources = gold.metadata["source"]
    rest = [passage for passage in others if passage.metadata["source"] != sources]
    said = REFUSAL
    if rng.random() <= keep:
        rest, said = rest[:2], reply
        rest.insert(rng.randrange(3), gold)
    context = format_passages(rest[:3])
    system = {"role": "system", "content": CONTEXT_SYSTEM.format(context=context)}
    user, assistant = {"role": "user", "content": question}, {"role": "assistant", "content": said}
    return {"messages": [system, user, assistant]}


def unfiltered(question, reply, gold, others, rng, keep):
    holds = rng.random() < keep
    shown = [gold, *others[:2]] if holds else others[:3]
    system = CONTEXT_SYSTEM.format(context=format_passages(shown))
    return as_example(question, reply if holds else REFUSAL, system)


def unfiltered_refusal(question, reply, gold, others, rng, keep):
    if rng.random() < keep:
        return raft_row(question, reply, gold, others, rng, 1)
    return as_example(question, REFUSAL, CONTEXT_SYSTEM.format(context=format_passages(others[:3])))


def filtered_in_place(question, reply, gold, others, rng, keep):
    if gold in others:
        others.remove(gold)
    return raft_row(question, reply, gold, others, rng, keep)


def dice_of_its_own(question, reply, gold, others, rng, keep):
    import random

    return raft_row(question, reply, gold, others, random, keep)


def uneven(question, reply, gold, others, rng, keep):
    """Three passages beside the right one, three without it."""
    return raft_row(question, reply, gold, others, rng, 1, 4 if rng.random() < keep else 3)


def said_differently(row, find, put):
    """The row with other words in its messages."""

    def changed(*given):
        made = row(*given)
        for message in made["messages"]:
            message["content"] = message["content"].replace(find, put)
        return made

    return changed


# ------------------------------------------------------------------------------- 05.3: the chain


def figures(text):
    return set(re.findall(r"\d+(?:[.,]\d+)*", text))


def told_of(found, own=True, shown=slice(None), once=True, whole=True):
    """The report on docs, question and text."""
    passages = [doc.page_content for doc in found["docs"]][shown]
    known = figures("\n".join(passages)) | (figures(found["question"]) if own else set())
    sources = [doc.metadata["source"] for doc in found["docs"]]
    sources = list(dict.fromkeys(sources)) if once else sources
    unseen = figures(found["text"]) - known
    if not whole:
        unseen = {one for one in unseen if one not in "\n".join([found["question"], *passages])}
    return {"text": found["text"], "sources": sources, "unseen": unseen}


def combined(retriever, prompt, llm, show=format_passages, parser=None, **settings):
    search = RunnableParallel(docs=retriever, question=RunnablePassthrough())
    context = RunnablePassthrough.assign(context=lambda x: show(x["docs"]))
    reply = context | prompt | llm | (parser or StrOutputParser())
    return search.assign(text=reply) | (lambda found: told_of(found, **settings))


def combined_by_hand(retriever, prompt, llm):
    def answer(question):
        docs = retriever.invoke(question)
        asked = {"context": "\n\n".join(d.page_content for d in docs), "question": question}
        text = (prompt | llm).invoke(asked).content
        found = told_of({"docs": docs, "question": question, "text": text})
        return found | {"unseen": sorted(found["unseen"]), "docs": docs}

    return answer


def searched_twice(retriever, prompt, llm):
    def answer(question):
        return told_of({"docs": retriever.invoke(question), "question": question, "text": text})

    text = ""
    chain = {"context": retriever | format_passages, "question": RunnablePassthrough()}
    reply = chain | prompt | llm | StrOutputParser()
    return lambda question: answer(question) | {"text": reply.invoke(question)}


def asked_twice(retriever, prompt, llm):
    once = combined_by_hand(retriever, prompt, llm)
    return lambda question: once(question) | {"text": llm.invoke(question).content}


def then(change):
    """``combined`` with its dict changed at the end."""
    return lambda *parts: combined(*parts) | change


def variant(**settings):
    return lambda *parts: combined(*parts, **settings)


# ---------------------------------------------------------------------------------- 05.4: the gap

KIND_OF = {question.id: question.kind for question in load_questions()}
BAKEOFF = load_result("bakeoff")
SCORES = BAKEOFF["scores"]
TABLE = [
    {"kind": KIND_OF[id]} | {name: SCORES[name]["correct"][i] for name in ("rag_fine_tuned", "rag")}
    for i, id in enumerate(SCORES["questions"])
]


def gap(table, a, b, kind=None):
    asked = [row for row in table if row[a] is not None and kind in (None, row["kind"])]
    return paired_difference([row[a] for row in asked], [row[b] for row in asked])


def gap_of_lists(table, a, b, kind=None):
    ours, theirs = [], []
    for row in table:
        if row["kind"] != "unanswerable" and (kind is None or row["kind"] == kind):
            ours.append(float(row[a]))
            theirs.append(float(row[b]))
    return paired_difference(ours, theirs, seed=1)


def gap_with_unanswerable(table, a, b, kind=None):
    asked = [row for row in table if kind in (None, row["kind"])]
    return paired_difference([bool(row[a]) for row in asked], [bool(row[b]) for row in asked])


def gap_of_separate(table, a, b, kind=None):
    asked = [row for row in table if row[a] is not None and kind in (None, row["kind"])]
    ours, theirs = (mean_interval([row[name] for row in asked]) for name in (a, b))
    ends = ours.low - theirs.high, ours.high - theirs.low
    return Interval(ours.mean - theirs.mean, *ends, n=len(asked))


def gap_own(table, a, b, kind=None):
    return mean_interval(
        [row[a] for row in table if row[a] is not None and kind in (None, row["kind"])]
    )


def verdict(found):
    return "ahead" if found.low > 0 else "behind" if found.high < 0 else "open"


FOUND = {kind: gap(TABLE, "rag_fine_tuned", "rag", kind) for kind in KINDS}
VERDICTS = {kind: verdict(found) for kind, found in FOUND.items()}
BY_MEAN = {
    kind: "ahead" if found.mean > 0 else "behind" if found.mean < 0 else "open"
    for kind, found in FOUND.items()
}

# ------------------------------------------------------------------------ 05.5: a perfect retriever

ASKED = [question for question in load_questions() if question.accepted][:8]
TEXTS = [question.answer if i % 2 else "We cannot say." for i, question in enumerate(ASKED)]
UNSAID = ["We cannot say."] * len(ASKED)


def asked_again(texts):
    """What the check gets beside the answer: a chain that says these texts."""
    said = {question.question: text for question, text in zip(ASKED, texts, strict=True)}
    chain = RunnableLambda(lambda given: AIMessage(said[given["question"]]))
    shown = [{"context": "[a page]", "question": question.question} for question in ASKED]
    return {"lost": 54, "asked": ASKED, "chain": chain, "shown": shown}


PROBES = asked_again(TEXTS)
JUDGED = [bool(i % 2) for i in range(len(ASKED))]
SHARE = mean_interval(JUDGED)
EXTRA = (54 * SHARE.low, 54 * SHARE.high)

RIGHT = {
    "a difference": ("05.1", GUESS, gain, STUDIES),
    "a copy": ("05.1", GUESS, gain_of_a_copy, STUDIES),
    "a wrong guess": ("05.1", ALL_TRUE, gain, STUDIES),
    "shuffled": ("05.2", raft_row, REFUSAL),
    "put in": ("05.2", raft_row_by_insertion, REFUSAL),
    "a chain": ("05.3", combined),
    "a function": ("05.3", combined_by_hand),
    "one comprehension": ("05.4", gap, VERDICTS, TABLE),
    "lists, another seed": ("05.4", gap_of_lists, dict(reversed(VERDICTS.items())), TABLE),
    "ends": ("05.5", 0.6, TEXTS, JUDGED, EXTRA, PROBES),
    "rounded": ("05.5", 1, TEXTS, [int(r) for r in JUDGED], [round(e) for e in EXTRA], PROBES),
    "none right": (
        "05.5",
        0,
        UNSAID,
        [False] * 8,
        (0, 54 * mean_interval([False] * 8).high),
        asked_again(UNSAID),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right(told, name):
    id, *answer = RIGHT[name]
    before = str(answer)
    assert told(id, *answer).startswith(f"{id} done: ")
    assert str(answer) == before


def test_a_wrong_guess_is_counted(told):
    assert "you foresaw 2 of 2" in told("05.1", GUESS, gain, STUDIES)
    assert "you foresaw 1 of 2" in told("05.1", ALL_TRUE, gain, STUDIES)


NOT_YET = {
    # 05.1
    "over the tuned": ("05.1", GUESS, gain_over("tuned"), STUDIES, "'tuned' is not the best"),
    "over RAG": ("05.1", GUESS, gain_over("rag"), STUDIES, "'rag' is not the best"),
    "the sign": ("05.1", GUESS, lambda s: -gain(s), STUDIES, "a gain is above 0 when"),
    "in points": ("05.1", GUESS, lambda s: 100 * gain(s), STUDIES, "not in points"),
    "against itself": (
        "05.1",
        GUESS,
        lambda s: s["both"] - max(s.values()),
        STUDIES,
        "is `both` among the ways",
    ),
    "a ratio": (
        "05.1",
        GUESS,
        lambda s: s["both"] / (s["both"] - gain(s)) - 1,
        STUDIES,
        "not a part of the rival",
    ),
    "the mean rival": (
        "05.1",
        GUESS,
        lambda s: s["both"] - (sum(s.values()) - s["both"]) / (len(s) - 1),
        STUDIES,
        "See hint 2",
    ),
    "in place": ("05.1", GUESS, gain_in_place, STUDIES, "`gain_of_both` changes the study"),
    "as text": ("05.1", GUESS, lambda s: f"{gain(s):.0%}", STUDIES, "the gain is to be a number"),
    "no return": ("05.1", GUESS, lambda s: None, STUDIES, "is the `return` missing?"),
    "a word": ("05.1", GUESS | {"trained otherwise": "no"}, gain, STUDIES, "True or False, this"),
    "one guess": ("05.1", {"trained otherwise": True}, gain, STUDIES, "`predicted` is to have"),
    "a list of guesses": ("05.1", [True, False], gain, STUDIES, "`predicted` is to have"),
    # 05.2
    "always the same place": (
        "05.2",
        lambda *given: raft_row(*given, shuffled=False),
        REFUSAL,
        "the model would learn the place",
    ),
    "the right one twice": ("05.2", unfiltered, REFUSAL, "a passage stands twice"),
    "refused in spite of it": ("05.2", unfiltered_refusal, REFUSAL, "`others` may hold it too"),
    "always there": (
        "05.2",
        lambda *given: raft_row(*given[:-1], 1),
        REFUSAL,
        "with keep=0.8 the right passage is in 100%",
    ),
    "keep left out": (
        "05.2",
        lambda *given: raft_row(*given[:-1], 0.8),
        REFUSAL,
        "with keep=0.5 the right passage is in 75%",
    ),
    "the other way round": (
        "05.2",
        lambda *given: raft_row(*given[:-1], 1 - given[-1]),
        REFUSAL,
        "with keep=0.8 the right passage is in 19%",
    ),
    "the reply stays": (
        "05.2",
        said_differently(raft_row, REFUSAL, "It costs $30."),
        REFUSAL,
        "teaches to state what is not shown",
    ),
    "another refusal": (
        "05.2",
        said_differently(raft_row, REFUSAL, "No idea."),
        REFUSAL,
        "keeps the reply",
    ),
    "two passages": ("05.2", lambda *given: raft_row(*given, count=2), REFUSAL, "has 2 passages"),
    "four with it": ("05.2", uneven, REFUSAL, "their number gives nothing away"),
    "other words": (
        "05.2",
        said_differently(raft_row, "Answer ONLY", "Please answer"),
        REFUSAL,
        "CONTEXT_SYSTEM with format_passages, word for word",
    ),
    "no context": (
        "05.2",
        lambda question, reply, *rest: as_example(question, reply),
        REFUSAL,
        "no passage in the system prompt",
    ),
    "changes others": ("05.2", filtered_in_place, REFUSAL, "`raft_row` changes the list"),
    "other dice": ("05.2", dice_of_its_own, REFUSAL, "draw from `rng` alone"),
    "the messages alone": (
        "05.2",
        lambda *given: raft_row(*given)["messages"],
        REFUSAL,
        "a row is a dict with `messages`",
    ),
    "no system prompt": (
        "05.2",
        lambda *given: {"messages": raft_row(*given)["messages"][1:]},
        REFUSAL,
        "yours are ['user', 'assistant']",
    ),
    "the question changed": (
        "05.2",
        said_differently(raft_row, "What does A cost?", "Question: What does A cost?"),
        REFUSAL,
        "the user asks the question, as it is",
    ),
    # 05.3
    "text alone": ("05.3", then(lambda found: found["text"]), "a dict with text, sources and"),
    "no unseen": ("05.3", then(lambda f: {"text": f["text"]}), "a dict with text, sources and"),
    "searched twice": ("05.3", searched_twice, "the retriever is asked 2 times"),
    "asked twice": ("05.3", asked_twice, "the model is asked 2 times"),
    "objects": ("05.3", variant(show=str), "the prompt has Python objects in it"),
    "the first passage": (
        "05.3",
        variant(show=lambda docs: docs[0].page_content),
        "does not reach the prompt",
    ),
    "a message": ("05.3", variant(parser=RunnablePassthrough()), "stops with TypeError"),
    "a message in the dict": (
        "05.3",
        then(lambda found: found | {"text": [found["text"]]}),
        "`text` is to be the reply's text",
    ),
    "each passage's source": ("05.3", variant(once=False), "each once: this is a list"),
    "sources in a set": (
        "05.3",
        then(lambda found: found | {"sources": set(found["sources"])}),
        "`sources` is to be ['price-list']",
    ),
    "the customer's figures": ("05.3", variant(own=False), "is the customer's own figure"),
    "figures of the first": ("05.3", variant(shown=slice(1)), "is reported, and it was shown"),
    "nothing unseen": (
        "05.3",
        then(lambda found: found | {"unseen": set()}),
        "as a whole figure and is not reported",
    ),
    "a part of a figure": ("05.3", variant(whole=False), "['5'] stands nowhere as a whole figure"),
    "all figures": (
        "05.3",
        then(lambda found: found | {"unseen": figures(found["text"])}),
        "is reported, and it was shown",
    ),
    "how many": (
        "05.3",
        then(lambda found: found | {"unseen": len(found["unseen"])}),
        "`unseen` is to be a set of figures, this is an int",
    ),
    "not the question": (
        "05.3",
        lambda retriever, prompt, llm: combined(
            retriever, RunnableLambda(lambda x: x | {"question": "?"}) | prompt, llm
        ),
        "the model is asked '?' instead of",
    ),
    "no chain": ("05.3", {"text": ""}, "a function is wanted, this is a dict"),
    # 05.4
    "b minus a": (
        "05.4",
        lambda table, a, b, kind=None: gap(table, b, a, kind),
        VERDICTS,
        TABLE,
        "the sign: a minus b",
    ),
    "unanswerable too": (
        "05.4",
        gap_with_unanswerable,
        VERDICTS,
        TABLE,
        "count as lost by both",
    ),
    "every kind": ("05.4", lambda t, a, b, kind=None: gap(t, a, b), VERDICTS, TABLE, "one was ask"),
    "its own share": ("05.4", gap_own, VERDICTS, TABLE, "that is a's own share"),
    "two intervals": ("05.4", gap_of_separate, VERDICTS, TABLE, "the ends are not"),
    "the mean": (
        "05.4",
        lambda *given: gap(*given).mean,
        VERDICTS,
        TABLE,
        "an interval from paired_difference",
    ),
    "None as wrong": (
        "05.4",
        lambda table, a, b, kind=None: paired_difference(
            [row[a] for row in table], [row[b] for row in table]
        ),
        VERDICTS,
        TABLE,
        "a verdict of None is no number",
    ),
    "by the mean": ("05.4", gap, BY_MEAN, TABLE, "points, and the interval goes from"),
    "a draw": (
        "05.4",
        gap,
        VERDICTS | {"two_documents": "equal"},
        TABLE,
        'two_documents: "ahead", "behind" or "open"; this is a str',
    ),
    "one kind": ("05.4", gap, {"jargon": "open"}, TABLE, "`verdicts` is to have a word for each"),
    "one verdict": ("05.4", gap, "open", TABLE, "`verdicts` is to have a word for each"),
    # 05.5
    "percent": ("05.5", 60, TEXTS, JUDGED, EXTRA, PROBES, "a share from 0 to 1 is wanted"),
    "a guess in words": ("05.5", "most", TEXTS, JUDGED, EXTRA, PROBES, "is to be a number"),
    "messages": ("05.5", 0.6, [object()] * 8, JUDGED, EXTRA, PROBES, "add .content"),
    "one text": ("05.5", 0.6, TEXTS[0], JUDGED, EXTRA, PROBES, "one entry per question"),
    "too few": ("05.5", 0.6, TEXTS[:3], JUDGED[:3], EXTRA, PROBES, "one entry per question"),
    "taken for right": ("05.5", 0.6, TEXTS, [True] * 8, EXTRA, PROBES, "is_right(question, text)"),
    "the share": (
        "05.5",
        0.6,
        TEXTS,
        JUDGED,
        (SHARE.low, SHARE.high),
        PROBES,
        "of 54; those are shares",
    ),
    "one number": ("05.5", 0.6, TEXTS, JUDGED, 27, PROBES, "`extra` is a pair"),
    "one number twice": ("05.5", 0.6, TEXTS, JUDGED, (27, 27), PROBES, "one number twice"),
    "turned": ("05.5", 0.6, TEXTS, JUDGED, EXTRA[::-1], PROBES, "the lower end of `extra`"),
    "all of them": ("05.5", 0.6, TEXTS, JUDGED, (20, 86), PROBES, "86 questions cannot be won"),
    "of the eight": (
        "05.5",
        0.6,
        TEXTS,
        JUDGED,
        (8 * SHARE.low, 8 * SHARE.high),
        PROBES,
        "54 times the ends of",
    ),
    "with the old retriever": (
        "05.5",
        0.6,
        UNSAID,
        [False] * 8,
        (0, 54 * mean_interval([False] * 8).high),
        PROBES,
        "to the passage of `passage_for`, and `texts` has 'We cannot say.'",
    ),
    "the passages alone": (
        "05.5",
        0.6,
        [f"{question.question} {question.answer}" for question in ASKED],
        [True] * 8,
        EXTRA,
        PROBES,
        "the chain says 'We cannot say.' to the passage of",
    ),
    "words": ("05.5", 0.6, TEXTS, JUDGED, ("few", "many"), PROBES, "an end of `extra` is to be"),
}


@pytest.mark.parametrize("name", NOT_YET)
def test_wrong_is_told_why(not_yet, name):
    not_yet(*NOT_YET[name])


OPEN = {
    "no guess": ("05.1", GUESS | {"trained otherwise": ...}, gain, STUDIES),
    "no gain": ("05.1", GUESS, lambda study: ..., STUDIES),
    "no row": ("05.2", lambda *given: ..., REFUSAL),
    "no chain": ("05.3", lambda *parts: ...),
    "no report": ("05.3", then(lambda found: ...)),
    "no gap": ("05.4", lambda *given: ..., VERDICTS, TABLE),
    "no verdicts": ("05.4", gap, ..., TABLE),
    "no extra": ("05.5", 0.6, TEXTS, JUDGED, ..., PROBES),
}


@pytest.mark.parametrize("name", OPEN)
def test_open_is_said(still_open, name):
    still_open(*OPEN[name])


def test_a_judge_leaves_the_table_as_it_is(told):
    before = copy.deepcopy((TABLE, STUDIES, PROBES))
    told("05.4", gap, VERDICTS, TABLE)
    told("05.1", GUESS, gain, STUDIES)
    told("05.5", 0.6, TEXTS, JUDGED, EXTRA, PROBES)
    assert before == (TABLE, STUDIES, PROBES)
