"""Lesson 02: citations whose verdict is known."""

from collections.abc import Callable, Sequence

import numpy as np

from course_utils.evaluate.grounding import is_supported, sentences
from course_utils.teach.exercises.core import call, describe, wanted

# What was found, as document and text, and replies with their citation and verdict.
_T1, _P2 = "The Sense T1 costs $39.", "The Probe P2 has a cable of 2 metres."
_DOCS = (("sensor-t1", "Each T1 carries a label."), ("probe-p2", _P2), ("sensor-t1", _T1))
_CASES = (
    (_T1, "sensor-t1", True, "a sentence that stands in the cited document"),
    (_T1, "probe-p2", False, "a sentence that stands in another document than the cited one"),
    (
        _P2,
        "sensor-t1",
        False,
        "a sentence that stands in another document, and the cited one was found first,",
    ),
    (_T1.replace("39", "49"), "sensor-t1", False, "a figure that stands nowhere"),
    (
        f"{_T1} {_DOCS[0][1]}",
        "sensor-t1",
        True,
        "two sentences from two passages of one document",
    ),
    (
        f"{_T1} It floats on water.",
        "sensor-t1",
        False,
        "one sentence that holds and one invented",
    ),
    (_T1, "refund-policy", False, "a citation of a document that was not found"),
    ("", "sensor-t1", False, "no sentence at all"),
)


def compare_verdicts(cites_truly: Callable, replies: Sequence[tuple]) -> int:
    """How many of the replies hold, if the function judges them and the known cases rightly."""
    from langchain_core.documents import Document

    for reply, cited, right, what in _CASES:
        found = [Document(page_content=text, metadata={"source": name}) for name, text in _DOCS]
        got = call(cites_truly, reply, cited, found)
        wanted(
            isinstance(got, bool | np.bool_),
            f"`cites_truly` is to return True or False, this is {describe(got)}",
        )
        wanted(bool(got) == right, f"a reply with {what} is to be {right}, yours says {got}")
    for reply in replies:
        got, right = bool(call(cites_truly, *reply)), _holds(*reply)
        which = f"of the {len(replies)} real replies {reply[0][:40]!r}"
        wanted(got == right, f"{which} is judged {got}; {right} is right")
    return sum(_holds(*reply) for reply in replies)


def _holds(reply: str, cited: str, docs: Sequence) -> bool:
    passages = [doc.page_content for doc in docs if doc.metadata["source"] == cited]
    parts = sentences(reply)
    return bool(parts) and all(is_supported(part, passages) for part in parts)
