"""Lesson 02: recall, k, ids that last, citations that hold, and when to abstain."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from course_utils.evaluate.stats import Interval, mean_interval
from course_utils.teach.exercises.citing import compare_verdicts
from course_utils.teach.exercises.core import NotYet, call, describe, exercise, number, wanted

ENOUGH, PRECISION = 0.75, 0.5  # what 02.2 asks of k, and 02.5 of a threshold


@exercise(
    "02.1",
    "warm-up",
    goal="Write `recall_at`: which share of the gold documents is among the first k passages?",
    hints=(
        "Of what is it a share: of the k passages, or of the gold documents?",
        "Several passages may come from one document; it counts once. Sets do that.",
        "len(set(found[:k]) & set(gold)) / len(gold)",
    ),
)
def _recall_at(recall_at: Callable) -> str:
    cases = [
        (1, ["a", "b"], ("a",)),
        (3, ["a", "a", "b", "c"], ("a", "c")),
        (4, ["b", "a", "a", "c"], ("a", "c")),
        (1, ["b", "b", "a"], ("a",)),
        (5, ["a", "d"], ("c", "a", "b")),
    ]
    got = [number(call(recall_at, k, list(f), g), "what it returns") for k, f, g in cases]
    mistakes = {
        "that is precision, a share of the k passages; recall is a share of the gold documents": (
            lambda k, f, g: len(set(f[:k]) & set(g)) / k
        ),
        "a question with two gold documents is half answered by one; yours gives all or nothing": (
            lambda k, f, g: float(bool(set(f[:k]) & set(g)))
        ),
        "a document that comes up twice counts twice": (
            lambda k, f, g: sum(s in g for s in f[:k]) / len(g)
        ),
        "it looks at one passage too few": lambda k, f, g: len(set(f[: k - 1]) & set(g)) / len(g),
        "it looks at one passage too many": lambda k, f, g: len(set(f[: k + 1]) & set(g)) / len(g),
        "only the first k passages count": lambda k, f, g: len(set(f) & set(g)) / len(g),
        "a share is wanted, not per cent": lambda k, f, g: 100 * len(set(f[:k]) & set(g)) / len(g),
    }
    right = [len(set(f[:k]) & set(g)) / len(g) for k, f, g in cases]
    _explain(got, right, cases, mistakes)
    return (
        "recall asks what the retriever missed. It cannot fall when k grows, so alone it never "
        "chooses k: the reader's side of the bill is missing"
    )


def _explain(
    got: Sequence, right: Sequence, cases: Sequence[tuple], mistakes: Mapping[str, Callable]
) -> None:
    """Raise, unless all is right, with the mistake that explains all answers, if one does."""
    if np.allclose(got, right):
        return
    for text, wrong in mistakes.items():
        wanted(not np.allclose(got, [wrong(*case) for case in cases]), text)
    first = next(i for i, pair in enumerate(zip(got, right, strict=True)) if not np.allclose(*pair))
    shown = ", ".join(map(repr, cases[first]))
    raise NotYet(f"with ({shown}) it returns {np.round(got[first], 3)}, {right[first]} is right")


@exercise(
    "02.2",
    "core",
    goal="Choose the smallest k that holds 75% of the answers on dev, and report it on test.",
    hints=(
        'np.mean(held["dev"][k]) is the share of dev questions whose answer is in the first k '
        "passages.",
        'k = min(k for k in held["dev"] if np.mean(held["dev"][k]) >= 0.75)',
        'reported = mean_interval(held["test"][k])',
    ),
)
def _choose_k(k: Any, reported: Any, held: Mapping[str, Mapping[int, list]]) -> str:
    tried = sorted(held["dev"])
    wanted(
        isinstance(k, Integral) and k in tried,
        f"`k` is a number of passages from {tried[0]} to {tried[-1]}, this is {describe(k)}",
    )
    best = {part: _smallest(held[part]) for part in ("dev", "test")}
    share = np.mean(held["dev"][k])
    wanted(
        k == best["dev"] or k != best["test"],
        f"k = {k} is what the test questions would choose; they report, dev chooses",
    )
    wanted(share >= ENOUGH or k == tried[-1], f"with k = {k} dev reaches {share:.0%}, not 75%")
    wanted(k == best["dev"], f"with k = {k} dev reaches 75%, but a smaller k does so too")
    wanted(
        isinstance(reported, Interval),
        f"`reported` is to be an interval from mean_interval, this is {describe(reported)}",
    )
    wanted(
        reported != mean_interval(held["dev"][k]),
        "`reported` is the interval on dev, where k was chosen; test is asked for",
    )
    wanted(
        reported == mean_interval(held["test"][k]),
        "`reported` is not the interval of the test questions at your k",
    )
    return (
        f"k = {k} holds {share:.0%} of the answers on dev and {reported} on test. What was chosen "
        "for reaching a bar often falls below it on new questions"
    )


def _smallest(held: Mapping[int, list]) -> int:
    return min((k for k in held if np.mean(held[k]) >= ENOUGH), default=max(held))


@exercise(
    "02.3",
    "core",
    goal="Write `stable_ids`: the same chunk of the same document gets the same id on each run.",
    hints=(
        "An id says *which* chunk it is. What may change tomorrow: the text, the other documents, "
        "the order? None of them belongs into the id.",
        "The document's name and the chunk's position within that document are enough.",
        'Count per document: position = Counter(); for each chunk the id is f"{source}#'
        '{position[source]}", then position[source] += 1.',
    ),
)
def _stable_ids(stable_ids: Callable) -> str:
    base = [("price", "Pro costs $49."), ("price", "Tax."), ("legal", "Tax."), ("price", "Tax.")]
    ids = _ids(stable_ids, base)
    wanted(len(set(ids)) == len(ids), f"two chunks share an id: {ids}; Chroma would keep one")
    wanted(
        _ids(stable_ids, base) == ids,
        "a second run gives other ids, so that each run would add everything again",
    )
    new_text = [("price", "Pro costs $59."), *base[1:]]
    wanted(
        _ids(stable_ids, new_text) == ids,
        "a new price gives a new id: the old chunk would stay in the index beside the new one",
    )
    behind_another = _ids(stable_ids, [("about", "Acme."), *base])
    wanted(
        behind_another[1:] == ids,
        "a new document in front changes the ids of the others: count within each document",
    )
    return (
        "a second fill overwrites instead of adding, and a changed price replaces the old one. "
        "That is what `update_index` does"
    )


def _ids(stable_ids: Callable, chunks: Iterable[tuple[str, str]]) -> list[str]:
    from langchain_core.documents import Document

    documents = [Document(page_content=text, metadata={"source": name}) for name, text in chunks]
    before = [document.model_copy(deep=True) for document in documents]
    ids = call(stable_ids, documents)
    wanted(isinstance(ids, list | tuple), f"a list of ids is wanted, this is {describe(ids)}")
    wanted(len(ids) == len(before), f"{len(ids)} ids for {len(before)} chunks")
    other = [one for one in ids if not isinstance(one, str)]
    wanted(not other, f"Chroma takes text as an id, not {describe((other or [0])[0])}")
    wanted(documents == before, "your function changes the chunks; return the ids only")
    return list(ids)


@exercise(
    "02.4",
    "core",
    goal="Write `cites_truly`: every sentence of a reply rests on the document that it cites.",
    hints=(
        "Two steps: which of the passages belong to the cited document, and do they support each "
        "sentence?",
        "passages = [doc.page_content for doc in docs if doc.metadata['source'] == cited]; "
        "is_supported(sentence, passages) says it for one sentence.",
        "parts = sentences(reply); return bool(parts) and all(is_supported(s, passages) for s in "
        "parts)",
    ),
)
def _cites_truly(cites_truly: Callable, replies: Sequence[tuple]) -> str:
    hold = compare_verdicts(cites_truly, replies)
    return (
        f"{hold} of {len(replies)} real replies hold against the document that they cite. A source "
        "below an answer proves nothing until something compares the two"
    )


@exercise(
    "02.5",
    "stretch",
    goal="Write `gate` (precision and recall of refusing), choose a threshold on dev, report on "
    "test.",
    hints=(
        "Refused is what scores below the threshold. Precision: how many of the refused are "
        "unanswerable? Recall: how many of the unanswerable are refused?",
        "rightly = (unknown < threshold).sum(), wrongly = (known < threshold).sum(); precision is "
        "rightly / (rightly + wrongly), or 1.0 if nothing is refused.",
        "Keep the thresholds with precision >= 0.5 on dev; max(kept, key=lambda t: "
        'gate(*scores["dev"], t)[1]); report = gate(*scores["test"], threshold)',
    ),
)
def _abstain(gate: Callable, threshold: Any, report: Any, scores: Mapping[str, tuple]) -> str:
    _gate_is_right(gate)
    threshold = number(threshold, "`threshold`")
    precision, recall = _gate(*scores["dev"], threshold)
    wanted(
        precision >= PRECISION,
        f"at {threshold:.2f} the precision on dev is {precision:.0%}; at least 50% is wanted",
    )
    tried = [_gate(*scores["dev"], cut) for cut in np.linspace(0, 1, 101)]
    best = max(r for p, r in tried if p >= PRECISION)
    wanted(
        recall >= best - 1.01 / len(scores["dev"][1]),  # a coarse search may miss one question
        f"at {threshold:.2f} the recall on dev is {recall:.0%}; {best:.0%} can be had with a "
        "precision of 50%",
    )
    reported = _pair(report, "`report`")
    test = _gate(*scores["test"], threshold)
    wanted(
        np.allclose(reported, test) or not np.allclose(reported, (precision, recall)),
        "`report` has the figures of dev, where the threshold was chosen; test is asked for",
    )
    wanted(
        np.allclose(reported, test), "`report` is not gate(...) of the test scores at `threshold`"
    )
    return (
        f"on dev {precision:.0%} of the refusals were right and {recall:.0%} of the unanswerable "
        f"caught, on test {test[0]:.0%} and {test[1]:.0%}. Precision also depends on how many "
        "questions have no answer: your customers' share may be another"
    )


def _gate_is_right(gate: Callable) -> None:
    known, unknown = np.array([0.9, 0.8, 0.6, 0.4, 0.3]), np.array([0.2, 0.5, 0.7])
    cases = [(known, unknown, t) for t in (0.65, 0.5, 0.1, 1.0)]
    got = [_pair(call(gate, k.copy(), u.copy(), t), "what `gate` returns") for k, u, t in cases]
    mistakes = {
        "the pair is the wrong way round: precision first": lambda k, u, t: _gate(k, u, t)[::-1],
        "a score equal to the threshold is not below it": lambda k, u, t: _gate(k, u, t + 1e-9),
        "that counts what is answered; refused is what scores below the threshold": (
            lambda k, u, t: _gate(-k, -u, -t)
        ),
        "the known ones come first: yours takes them for the unanswerable": (
            lambda k, u, t: _gate(u, k, t)
        ),
        "precision looks at the refused only: how many of them are unanswerable?": (
            lambda k, u, t: ((k >= t).mean(), (u < t).mean())
        ),
        "where nothing is refused no refusal is wrong: a precision of 1.0 is wanted": (
            lambda k, u, t: (_gate(k, u, t)[0] * bool((u < t).any()), (u < t).mean())
        ),
        "shares are wanted, not per cent": lambda k, u, t: 100 * np.array(_gate(k, u, t)),
    }
    _explain(got, [_gate(*case) for case in cases], cases, mistakes)


def _gate(known: np.ndarray, unknown: np.ndarray, threshold: float) -> tuple[float, float]:
    rightly, wrongly = (unknown < threshold).sum(), (known < threshold).sum()
    refused = rightly + wrongly
    return (float(rightly / refused) if refused else 1.0), float(rightly / len(unknown))


def _pair(value: Any, what: str) -> tuple[float, float]:
    wanted(
        isinstance(value, list | tuple | np.ndarray) and len(value) == 2,
        f"{what} is to be a pair, precision and recall, this is {describe(value)}",
    )
    return number(value[0], "the precision"), number(value[1], "the recall")
