"""Files of Acme's help desk for the exercises: real replies with mistakes that are known."""

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

EXPORTED, KEPT_CLEAN = 20, 120

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
        draw: 0 or 1; other replies, spoilt in another order.
    """
    replies = load_replies("train")[draw * EXPORTED : (draw + 1) * EXPORTED]
    ways = list(_WAYS) if draw == 0 else list(reversed(_WAYS))
    rows = [as_example(reply.question, reply.reply) for reply in replies]
    rows = [ways[i // 2 % len(ways)](row) if i % 2 else row for i, row in enumerate(rows)]
    return [*rows, rows[0], rows[4]]


def saved_pairs(draw: int = 0) -> set[tuple[str, str]]:
    """Question and reply of all examples that can be saved from ``desk_export``."""
    found = set()
    for row in desk_export(draw):
        if "prompt" in row:
            found.add((row["prompt"], row["completion"]))
            continue
        said = {m["role"]: m["content"] for m in row["messages"] if m["content"] != _THANKS}
        answer = said.get("assistant") or said.get("agent")
        if answer:
            found.add((said.get("user") or said["customer"], answer.strip()))
    return found


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
