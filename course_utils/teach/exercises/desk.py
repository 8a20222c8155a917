"""Files of Acme's help desk for the exercises: real replies with mistakes that are known."""

from collections.abc import Callable

from course_utils.evaluate.correctness import contains
from course_utils.evaluate.questions import load_questions
from course_utils.evaluate.style import score_style
from course_utils.finetune.dataset import (
    PriceExample,
    as_example,
    fact_values,
    load_prices,
    load_replies,
)

KEPT_CLEAN = 120

# Two draws each. Which replies are exported:
_EXPORTED = (slice(0, 20), slice(20, 44))
# Places of spoilt examples that stand in the export a second time, unspoilt.
_TWINS = ((3, 11), (7, 9))
# Replies that join it: an exported question and another one with one and the same reply.
_SHARED = ((10, 38), (22, 194))
# And two that make one conversation.
_JOINED = ((336, 20), (344, 274))

# Evaluation question → how it stands among the training questions, in two draws.
_REWORDED = (
    {
        "q001": "Hi, we put the cheap temperature-only units in our walk-in freezer. How long "
        "before I have to climb up and change the cells?",
        "q006": "My TH2 is four years old, I suspect the humidity is creeping. By how much does it "
        "wander annually?",
        "q025": "Is there a ceiling on locations in a single account? We are a chain with 130 "
        "branches.",
        "q044": str.upper,
        "q055": str,
    },
    {
        "q022": "I bought a G2 three weeks ago and should have bought the Plus. What handling do "
        "you charge for exchanging it, besides the difference in price?",
        "q049": "What percentage do you keep when an Enterprise company hands in opened devices?",
        "q068": str.title,
        "q076": "Hello, the gateway is unplugged over the weekend. How many values can a sensor "
        "hold on its own? Thanks!",
    },
)


def desk_export(draw: int = 0) -> list[dict]:
    """An export of the help desk as the rows of a training file; half of them are spoilt.

    Args:
        draw: 0 or 1; other replies, more of them, spoilt in another order, the last first.
    """
    clean = _clean(draw)
    rows = [spoil(row) for spoil, row in zip(_ways(draw), clean, strict=True)]
    rows += [rows[0], rows[4], *(clean[place] for place in _TWINS[draw]), *_more(draw)]
    return rows if draw == 0 else rows[::-1]


def saved_examples(draw: int = 0) -> set[tuple]:
    """The ``turns`` of all examples that can be saved from ``desk_export``."""
    pairs = zip(_ways(draw), _clean(draw), strict=True)
    kept = [row for spoil, row in pairs if spoil is not _unanswered]
    return {turns(row) for row in [*kept, *_more(draw)]}


def turns(row: dict) -> tuple[tuple[str, str], ...]:
    """Role and text of each message of a row."""
    return tuple((message["role"], message["content"]) for message in row["messages"])


def leaky_questions(draw: int = 0) -> list[str]:
    """Questions of a training file, some of which are evaluation questions in other words.

    Args:
        draw: 0 or 1; other leaks.
    """
    clean = [reply.question for reply in load_replies("train")[draw * KEPT_CLEAN :][:KEPT_CLEAN]]
    for place, leaked in enumerate(leaked_questions(draw)):
        clean.insert(7 + 23 * place, leaked)
    return clean


def leaked_questions(draw: int = 0) -> list[str]:
    """Those of ``leaky_questions`` that must not be trained on."""
    asked = {question.id: question.question for question in load_questions("test")}
    return [how(asked[id]) if callable(how) else how for id, how in _REWORDED[draw].items()]


def changed_facts() -> list[PriceExample]:
    """One question for each of the ten facts that change in April."""
    return load_prices("test")[::3]


def shares_of(texts: list[str]) -> dict[str, float]:
    """What share of ten replies to ``changed_facts`` is in house style, or has a right figure.

    Returns:
        ``{"style", "January", "April"}``; January's figures stand in v1 of the documents.
    """
    found = {"style": sum(score_style(text).perfect for text in texts)}
    for month, version in (("January", "v1"), ("April", "v2")):
        values = fact_values(version)
        pairs = zip(texts, changed_facts(), strict=True)
        found[month] = sum(contains(text, values[probe.fact]) for text, probe in pairs)
    return {name: count / len(texts) for name, count in found.items()}


# Result files of other runs: still learning, losses of two digits, another order of columns.
RESULT_FILES = (
    "step,train_loss,valid_loss\n1,4.1,\n5,3.2,3.6\n10,2.4,3.1\n15,2.5,2.9\n",
    "step,train_loss,valid_loss\n10,12.5,11.8\n20,10.9,10.4\n30,9.1,9.7\n40,8.2,9.9\n",
    "valid_loss,step,train_loss\n,10,3.0\n2.75,20,2.5\n2.50,30,2.1\n2.60,40,1.2\n,50,1.0\n",
)

# What exports do to an example.
_THANKS = "Thanks, that helped!"


def _as_it_is(row: dict) -> dict:
    return row


def _renamed(row: dict) -> dict:
    names = {"user": "customer", "assistant": "agent"}
    return {
        "messages": [m | {"role": names.get(m["role"], m["role"])} for m in row["messages"]],
    }


def _padded(row: dict) -> dict:
    *asked, answer = row["messages"]
    return {"messages": [*asked, answer | {"content": f"\n{answer['content']}  \n"}]}


def _old_format(row: dict) -> dict:
    _, asked, answer = row["messages"]
    return {"prompt": asked["content"], "completion": answer["content"]}


def _thanked(row: dict) -> dict:
    return {"messages": [*row["messages"], {"role": "user", "content": _THANKS}]}


def _unanswered(row: dict) -> dict:
    return {"messages": row["messages"][:-1]}


_WAYS = (_renamed, _padded, _old_format, _thanked, _unanswered)


def _clean(draw: int) -> list[dict]:
    return [as_example(one.question, one.reply) for one in load_replies("train")[_EXPORTED[draw]]]


def _ways(draw: int) -> list[Callable[[dict], dict]]:
    """What the export does to each example: nothing to the first, the third and so on."""
    ways = _WAYS if draw == 0 else _WAYS[::-1]
    return [
        ways[place // 2 % len(ways)] if place % 2 else _as_it_is
        for place in range(len(_clean(draw)))
    ]


def _more(draw: int) -> list[dict]:
    """Two examples with the same reply, the first to a question of the export; a conversation."""
    replies = load_replies("train")
    exported, other = (replies[place] for place in _SHARED[draw])
    first, second = (replies[place] for place in _JOINED[draw])
    joined = [as_example(one.question, one.reply)["messages"] for one in (first, second)]
    return [
        as_example(exported.question, other.reply),
        as_example(other.question, other.reply),
        {"messages": [*joined[0], *joined[1][1:]]},
    ]
