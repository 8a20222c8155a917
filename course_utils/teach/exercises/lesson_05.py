"""Lesson 05: what combining gains, rows with passages, a chain that tells, differences, limits."""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from course_utils.evaluate.stats import Interval, mean_interval, paired_difference
from course_utils.teach.exercises.combined import (
    compare_chain,
    compare_replies,
    share_with_gold,
)
from course_utils.teach.exercises.core import NotYet, call, describe, exercise, number, wanted

KINDS = ("changed_in_v2", "how_to", "jargon", "single", "two_documents")


@exercise(
    "05.1",
    "warm-up",
    goal="Predict where both together beat the best single way, and write `gain_of_both`.",
    hints=(
        "Look at what each model was trained on, and at what it meets when it is used.",
        "`gain_of_both`: what would you use if you did not combine? The best of the others.",
        'study["both"] - max(value for way, value in study.items() if way != "both")',
    ),
)
def _combining(predicted: Any, gain_of_both: Callable, studies: Mapping) -> str:
    wanted(
        isinstance(predicted, Mapping) and set(predicted) == set(studies),
        f"`predicted` is to have True or False for: {', '.join(studies)}",
    )
    for name, guess in predicted.items():
        wanted(isinstance(guess, bool), f"{name}: True or False, this is {describe(guess)}")
    for study in (
        {"base": 0.2, "rag": 0.5, "tuned": 0.3, "both": 0.6},
        {"base": 0.1, "rag": 0.4, "tuned": 0.7, "both": 0.5},
        {"base": 0.8, "rag": 0.6, "tuned": 0.5, "both": 0.75},
        {"rag": 0.25, "both": 0.25},
        *studies.values(),
    ):
        _compare_gain(gain_of_both, study)
    gains = {name: gain_of_both(study) for name, study in studies.items()}
    hits = sum(predicted[name] == (gain > 0) for name, gain in gains.items())
    best = [f"{name} ({100 * gain:+.0f} points)" for name, gain in gains.items() if gain > 0]
    return (
        f"better than the best single way: {', '.join(best) or 'none'}; you foresaw {hits} of "
        f"{len(gains)}. Look at what its training had in the prompt"
    )


def _compare_gain(gain_of_both: Callable, study: Mapping[str, float]) -> None:
    given = dict(study)
    found = number(call(gain_of_both, given), "the gain")
    wanted(given == study, "`gain_of_both` changes the study that it was given")
    both, others = study["both"], {k: v for k, v in study.items() if k != "both"}
    best = max(others.values())
    slips = {
        best - both: "the sign: a gain is above 0 when both together are better",
        100 * (both - best): "in shares as they are given, not in points",
        min(0.0, both - best): "is `both` among the ways that it is compared with?",
        both / best - 1: "the difference is wanted, not a part of the rival",
    } | {
        both - value: f"{way!r} is not the best of the others here: nobody would use it instead"
        for way, value in others.items()
    }
    if abs(found - (both - best)) > 1e-6:
        known = [why for wrong, why in slips.items() if abs(found - wrong) < 1e-6]
        raise NotYet(f"{dict(study)}: {found:g}. {known[0] if known else 'See hint 2'}")


@exercise(
    "05.2",
    "core",
    goal="Write `raft_row`: a training row with passages, from which the right one may be missing.",
    hints=(
        "First throw the dice: `holds = rng.random() < keep`. What depends on it? The passages and "
        "the reply.",
        "`others` comes from a retriever, so the right passage may be among them: leave it out "
        "first. Three passages either way, then rng.shuffle.",
        "rest = [p for p in others if p.page_content != gold.page_content]; shown = [gold, "
        "*rest[:2]] if holds else rest[:3]; then shuffle, CONTEXT_SYSTEM.format(context="
        "format_passages(shown)) and as_example.",
    ),
)
def _rows(raft_row: Callable, refusal: str) -> str:
    shares = [share_with_gold(raft_row, refusal, keep) for keep in (0.8, 0.5)]
    return (
        f"{shares[0]:.0%} of the rows hold the passage, at no fixed place, and the others say that "
        "it is missing. Only such rows can teach both: to read, and to admit"
    )


@exercise(
    "05.3",
    "core",
    goal="Write `combined`: question → text, sources, and the figures that nothing shown contains.",
    hints=(
        "What was found is carried through to the end: `search.assign(text=…)` keeps docs and "
        "question beside the text, and `report` gets all three in one dict.",
        "search.assign(text=context | prompt | llm | StrOutputParser()) | report",
        "figures(text) - figures(question) - figures of all passages; sources = "
        'list(dict.fromkeys(d.metadata["source"] for d in docs))',
    ),
)
def _combined(combined: Callable) -> str:
    for question, texts, reply, unseen in (
        ("How long?", ["It lasts 5 years.", "It weighs 80 g."], "5 years, or 60 months.", {"60"}),
        ("And 50 of them?", ["From 40 on, 8 % off."], "For 50 you get 8 % off.", set()),
        ("Price?", ["It costs $9.", "It cost $7.", "Free."], "It costs $19 or $7.", {"19"}),
        ("Price?", ["It costs $75."], "It costs $5.", {"5"}),  # no search for a part of the text
    ):
        compare_chain(combined, question, texts, reply, unseen)
    return (
        "one search, and everything that it found is still there at the end. An empty `unseen` "
        "does not prove a reply right; a filled one is a reason not to send it"
    )


@exercise(
    "05.4",
    "core",
    goal="Write `gap`, the paired difference on a kind of question, and say what it shows for each "
    "kind.",
    hints=(
        "First choose the rows: of the kind (all kinds for None), and not the ones without a "
        "verdict (None).",
        "paired_difference([row[a] for row in rows], [row[b] for row in rows])",
        '`verdicts`: "ahead" when the whole interval is above 0, "behind" when it is below, '
        '"open" otherwise.',
    ),
)
def _gaps(gap: Callable, verdicts: Any, table: Sequence[Mapping]) -> str:
    rng = Random(3)
    small = [
        {"kind": kind, "x": rng.random() < 0.7, "y": rng.random() < 0.3}
        for kind in ("how_to", "jargon") * 20
    ] + [{"kind": "unanswerable", "x": None, "y": None}] * 15
    for rows, pair in ((small, ("x", "y")), (table, ("rag_fine_tuned", "rag"))):
        for kind in (None, "jargon", "how_to"):
            _compare_interval(gap, rows, *pair, kind)
    wanted(
        isinstance(verdicts, Mapping) and set(verdicts) == set(KINDS),
        f"`verdicts` is to have a word for each of {', '.join(KINDS)}",
    )
    for kind in KINDS:
        _compare_verdict(kind, verdicts[kind], gap(table, "rag_fine_tuned", "rag", kind))
    ahead = [kind.replace("_", " ") for kind in KINDS if verdicts[kind] == "ahead"]
    found = [gap(table, "rag_fine_tuned", "rag", kind) for kind in KINDS]
    widest = max((one.high - one.low) / 2 for one in found)
    return (
        f"ahead beyond chance on {', '.join(ahead)}; the rest is open, which is no draw: with "
        f"so few questions of a kind, the widest interval is ±{100 * widest:.0f} points"
    )


def _compare_interval(gap: Callable, table: Sequence, a: str, b: str, kind: str | None) -> None:
    rows = [row for row in table if row[a] is not None and kind in (None, row["kind"])]
    ours, theirs = ([row[name] for row in rows] for name in (a, b))
    found, right = call(gap, table, a, b, kind), paired_difference(ours, theirs)
    wanted(
        isinstance(found, Interval),
        f"an interval from paired_difference is wanted, this is {describe(found)}",
    )
    if abs(found.mean - right.mean) < 1e-6 and found.n == right.n:
        # Another seed moves an end by a question or so, each of which weighs 1 / n.
        close = max(abs(found.low - right.low), abs(found.high - right.high)) < 1.5 / right.n
        wanted(close, f"the mean is right, the ends are not: {found} instead of {right}")
        return
    counted = sum(kind in (None, row["kind"]) for row in table)
    answerable = sum(row[a] is not None for row in table)
    slips = (
        (found.mean != found.mean, "a verdict of None is no number: leave those questions out"),
        (abs(found.mean + right.mean) < 1e-6, "the sign: a minus b"),
        (found.n == counted != right.n, "questions that no document answers count as lost by both"),
        (found.n == answerable != right.n, "all kinds are counted, one was asked for"),
        (found == mean_interval(ours), "that is a's own share; the difference is asked for"),
    )
    why = next((why for wrong, why in slips if wrong), f"{right.n} questions count here")
    raise NotYet(f"{a} minus {b}, {kind or 'all kinds'}: {found}. {why}")


def _compare_verdict(kind: str, said: Any, found: Interval) -> None:
    right = "ahead" if found.low > 0 else "behind" if found.high < 0 else "open"
    low, mean, high = (f"{100 * share:+.0f}" for share in (found.low, found.mean, found.high))
    wanted(
        said in ("ahead", "behind", "open"),
        f'{kind}: "ahead", "behind" or "open"; this is {describe(said)}',
    )
    wanted(
        said == right,
        f"{kind} is not {said!r}: {mean} points, and the interval goes from {low} to {high}",
    )


@exercise(
    "05.5",
    "stretch",
    goal="Predict what a perfect retriever would bring, then measure it on eight lost questions.",
    hints=(
        "A model that is shown the answer does not always say it. How often did it, where the "
        "bake-off's retriever had found the passage?",
        "text = chain.invoke({'context': format_passages([passage]), 'question': q.question})"
        ".content; is_right(q, text) judges as the bake-off did.",
        "share = mean_interval(right); extra = (lost * share.low, lost * share.high)",
    ),
)
def _perfect_retriever(predicted: Any, texts: Any, right: Any, extra: Any, probes: Any) -> str:
    from course_utils.evaluate.scorer import is_right

    lost, asked = probes["lost"], probes["asked"]
    guess = number(predicted, "`predicted`")
    wanted(0 <= guess <= 1, f"`predicted` is {guess:g}; a share from 0 to 1 is wanted")
    for name, values in (("texts", texts), ("right", right)):
        wanted(
            isinstance(values, list | tuple) and len(values) == len(asked),
            f"`{name}` is to be a list with one entry per question, this is {describe(values)}",
        )
    wanted(all(isinstance(text, str) for text in texts), "`texts` holds messages: add .content")
    compare_replies(texts, probes["chain"], probes["shown"])
    judged = [is_right(question, text) for question, text in zip(asked, texts, strict=True)]
    for question, mine, theirs in zip(asked, judged, right, strict=True):
        wanted(
            bool(theirs) == mine,
            f"{question.id}: `right` says {bool(theirs)}, is_right(question, text) says {mine}",
        )
    share = mean_interval(judged)
    _compare_extra(extra, lost, share)
    return (
        f"right on {share} once the passage is there; you said {guess:.0%}. So of {lost} lost "
        f"questions a perfect retriever wins {lost * share.low:.0f} to {lost * share.high:.0f}: "
        "the rest is for the reader"
    )


def _compare_extra(extra: Any, lost: int, share: Interval) -> None:
    wanted(
        isinstance(extra, list | tuple) and len(extra) == 2,
        f"`extra` is a pair, the fewest and the most questions won; this is {describe(extra)}",
    )
    low, high = (number(end, "an end of `extra`") for end in extra)
    wanted(low <= high, "the lower end of `extra` comes first")
    wanted(
        high > 1 or lost * share.high <= 1,
        f"`extra` counts questions, of {lost}; those are shares",
    )
    wanted(high <= lost + 1, f"{high:g} questions cannot be won: {lost} are lost")
    wanted(
        low < high or share.low == share.high,
        "one number twice: the interval of eight answers is wide, and the estimate with it",
    )
    for end, wish in ((low, share.low), (high, share.high)):
        wanted(
            abs(end - lost * wish) <= 1,
            f"`extra` is ({low:g}, {high:g}); {lost} times the ends of {share} is wanted",
        )
