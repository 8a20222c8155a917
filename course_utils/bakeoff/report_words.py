"""What the report says in words: figures as text, differences, footnotes, caveats, glossary."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from markupsafe import Markup, escape

from course_utils.decide.measured import CHANCE

MISSING = "–"


# ------------------------------------------------------------------------------ figures as text


def percent(share: float | None) -> str:
    """``0.43`` as ``43%``."""
    return MISSING if share is None else f"{share:.0%}"


def seconds(value: float | None) -> str:
    """Seconds, with milliseconds only where they matter."""
    if value is None:
        return MISSING
    if value == 0:
        return "0"
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def count(value: float | None) -> str:
    """A count, or the mean of counts."""
    return MISSING if value is None else f"{value:,.0f}"


def dollars(value: float | None) -> str:
    """US dollars; two significant figures below a dollar."""
    if value is None:
        return MISSING
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:#.2g}"


def points(share: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    number = round(100 * share)
    return f"+{number}" if number > 0 else f"−{-number}" if number else "0"


def p_value(p: float) -> str:
    """``p = 0.04``, or ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def kind_label(kind: str) -> str:
    """A kind of question in words; for unanswerable ones, refusing is right."""
    return "unanswerable (refused)" if kind == "unanswerable" else kind.replace("_", " ")


def with_code(text: str) -> Markup:
    """A text as HTML, with what stands between backticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    tags = (Markup("{}"), Markup("<code>{}</code>"))
    return Markup("").join(tags[i % 2].format(part) for i, part in enumerate(parts))


FILTERS = {
    "percent": percent, "seconds": seconds, "count": count, "dollars": dollars,
    "points": points, "p_value": p_value, "kind_label": kind_label, "with_code": with_code,
}  # fmt: skip


# ---------------------------------------------------------------------------------- the measures


@dataclass(frozen=True)
class Column:
    """A measure of the tables.

    Attributes:
        key: Its name in an approach's row of the report.
        label: Heading.
        meaning: A sentence for the glossary.
        missing: Why a value may be missing, for the footnote.
        written: A value as text.
        interval: Names of the interval's ends in the row.
        aside: Name of a second value in the row, and how it is put.
        main: It stands in the first table, not in the folded one.
    """

    key: str
    label: str
    meaning: str
    missing: str
    written: Callable[[float | None], str] = percent
    interval: tuple[str, str] | None = None
    aside: tuple[str, str] | None = None
    main: bool = True


COLUMNS = (
    Column(
        "correct", "Right answers",
        "Share of the answerable questions whose answer states what the accepted answers state, "
        "whatever the spelling of figures and words. Where a question has only a full model "
        "answer, its figures and most of its words must be there. A refusal is not right.",
        "no question has an answer in the documents", interval=("ci_low", "ci_high"),
    ),
    Column(
        "cites", "Cites the right source",
        "Share of the answerable questions where the document that a reader would be sent to "
        "holds the answer. Without retrieval there is nothing to cite.",
        "this approach has no sources to cite, or no question has an answer in the documents",
    ),
    Column(
        "abstains", "Refuses when it should",
        "Share of the unanswerable questions to which it says that it does not know.",
        "there is no unanswerable question",
    ),
    Column(
        "style", "Keeps the style",
        "Share of all replies that keep every rule of the style guide. Only form is judged: a "
        "reply in style may be wrong.",
        "no style guide was given", interval=("style_low", "style_high"),
    ),
    Column(
        "seconds_p50", "Seconds per answer",
        "Median of the time from the question to the last word, retrieval included; of 20 answers, "
        "19 took at most the 95th percentile (p95).",
        "no time was taken", seconds, aside=("seconds_p95", "(p95 {})"),
    ),
    Column(
        "retrieval_p50", "of which retrieval",
        "The part of the seconds that finding the passages took, median.",
        "this approach does not retrieve", seconds,
    ),
    Column(
        "tokens_in", "Tokens per answer",
        "Mean tokens read (instructions, examples, passages, question) and written (the answer).",
        "the model reported no usage", count, aside=("tokens_out", "read, {} written"),
    ),
    Column(
        "usd_per_1000", "$ per 1,000 answers",
        "What these tokens cost at the list price of the model named above the table, of its "
        "fine-tuned version where the approach is tuned. Training, people's time and the vector "
        "store are not in it.",
        "the registry has no price for this use", dollars,
    ),
    Column(
        "f1", "Token F1",
        "Words shared with the gold answer (harmonic mean of precision and recall): a second "
        "opinion, which punishes long answers.",
        "no question has an answer in the documents", main=False,
    ),
    Column(
        "similarity", "Similarity",
        "Cosine of the embeddings of answer and gold answer: a second opinion, deaf to figures.",
        "no question has an answer in the documents", main=False,
    ),
    Column(
        "grounded", "Grounded",
        "Share of the sentences whose figures and most of whose words stand in one passage of the "
        "documents; refusals left out. The rest is invented or put in other words.",
        "it gave nothing but refusals", main=False,
    ),
    Column(
        "abstains_precision", "Refusals that were due",
        "Of all its refusals, the share that met an unanswerable question.",
        "it never refused, or there is no unanswerable question", main=False,
    ),
)  # fmt: skip

# The scorer's reasons, in the order in which a reader wants them.
REASONS = {
    "right": "the answer was right, or the refusal due",
    "not found": "wrong, and no passage that it was shown held the answer: retrieval failed",
    "not read": "wrong, although a passage that it was shown held the answer: reading failed",
    "wrong": "wrong, and it was shown no passages",
    "refused": "it said that it did not know, but the documents have the answer",
    "invented": "it answered a question that the documents do not answer",
}

GLOSSARY = (
    ("Interval, as in 43% [37%, 49%]",
     "With other questions of the same sort the figure would be expected inside it 95 times in "
     "100 (bootstrap over the questions)."),
    ("p",
     "How often chance alone would give a difference at least this large between two approaches "
     "that are equally good (paired test, same questions)."),
)  # fmt: skip


# ------------------------------------------------------------------------- what follows from them


def titles(report: Mapping) -> dict[str, str]:
    """Approach → its name for people, also of those that can be recommended unmeasured."""
    usual = {"prompt": "Prompt", "rag": "RAG", "fine_tuned": "Fine-tuned",
             "rag_fine_tuned": "RAG + fine-tuned"}  # fmt: skip
    return usual | {row["name"]: row["title"] for row in report["approaches"]}


def footnotes(report: Mapping) -> dict[str, int]:
    """Measure with a value missing → number of its footnote."""
    lacking = (c.key for c in COLUMNS if any(row[c.key] is None for row in report["approaches"]))
    return {key: number for number, key in enumerate(lacking, start=1)}


def differences(report: Mapping) -> list[dict]:
    """Per measure, the measurable differences, better one first, and the others."""
    named = titles(report)
    groups = []
    for measure, label in (("correct", "Right answers"), ("style", "Style")):
        found, open_ = [], []
        for row in (row for row in report["paired"] if row["measure"] == measure):
            better, other, low, high = row["a"], row["b"], row["low"], row["high"]
            if row["difference"] < 0:
                better, other, low, high = other, better, -high, -low
            told = {"better": named.get(better, better), "other": named.get(other, other),
                    "difference": abs(row["difference"]), "low": low, "high": high, "p": row["p"],
                    "n": row["n"]}  # fmt: skip
            (found if low > 0 and row["p"] < CHANCE else open_).append(told)
        if found or open_:
            found.sort(key=lambda told: -told["difference"])
            groups.append({"label": label, "found": found, "open": open_})
    return groups


def failures(report: Mapping) -> list[dict]:
    """What became of the answers: reason, meaning, and count per approach in their order."""
    rows = report["approaches"]
    seen = {reason for row in rows for reason, n in row["failures"].items() if n}
    order = [*(r for r in REASONS if r in seen), *sorted(seen - set(REASONS))]
    return [
        {"reason": reason.replace("_", " "), "meaning": REASONS.get(reason, ""),
         "counts": [row["failures"].get(reason, 0) for row in rows]}
        for reason in order
    ]  # fmt: skip


def missing_recommendation(report: Mapping) -> list[str]:
    """What a recommendation would need, where the report has none."""
    needs = []
    if len(report["approaches"]) < 2:
        needs.append("A second approach to compare with: name it with --approaches.")
    if not report["questions"]["answerable"]:
        needs.append("Questions that the documents answer, with their answers.")
    return [
        *needs,
        "What your case asks for besides right answers: how often facts change, whether answers "
        "must cite, how fast they must be, what an error costs. Run "
        "`course decide --bakeoff report.json`.",
    ]


def caveats(report: Mapping) -> list[str]:
    """What the reader should not conclude."""
    asked, rows = report["questions"], report["approaches"]
    widths = [row["ci_high"] - row["ci_low"] for row in rows if row["correct"] is not None]
    said = []
    if widths:
        said.append(
            f"{asked['answerable']} answerable questions: a share of right answers is known to "
            f"within about ±{50 * max(widths):.0f} percentage points at worst. More questions "
            "narrow that, with the square root of their number."
        )
    said.append(
        "The intervals speak of other questions of the same sort on the same documents, not of "
        "another model, other documents or another prompt."
    )
    if compared := len(report["paired"]):
        said.append(
            f"{compared} difference{'s were' if compared > 1 else ' was'} tested, each at 95%: "
            "about one in twenty that are not there will look real."
        )
    said.append(
        "Seconds were taken on one machine, one question at a time: they compare the approaches "
        "with each other, not with another machine or with a busy server."
    )
    if report["provider"] == "local" and report["priced_as"]:
        said.append(
            "The local model is free. Dollars are what the same number of tokens would cost at "
            f"the price of {report['priced_as']}, which would also answer differently."
        )
    return said
