"""A bake-off's report as a test needs it: shares right and in style, and how sure they are."""

TITLES = {
    "prompt": "Prompt",
    "rag": "RAG",
    "rag_few_shot": "RAG + few-shot",
    "fine_tuned": "Fine-tuned",
    "rag_fine_tuned": "RAG + fine-tuned",
    "rag_fine_tuned_bare": "RAG + fine-tuned without context",
}


def make_report(right, style=None, width=0.08, paired=True, **more):
    """A report in which differences of more than ``width`` are measurable.

    Args:
        right, style: Name → share of right answers, of replies in style.
        width: Half the width of every interval of a difference.
        paired: With the differences; without, intervals of half that width stand for them.
        more: Fields of every approach.
    """
    style = style or {}

    def ends(share):
        return max(share - 0.49 * width, 0), min(share + 0.49 * width, 1)

    rows = []
    for name, share in right.items():
        low, high = ends(share)
        row = {"name": name, "title": TITLES[name], "n": 100, "correct": share}
        row |= {"ci_low": low, "ci_high": high, "style": style.get(name)} | more
        if name in style:
            row["style_low"], row["style_high"] = ends(style[name])
        rows.append(row)
    pairs = []
    for measure, shares in (("correct", right), ("style", style)):
        names = list(shares)
        for place, a in enumerate(names):
            for b in names[:place]:
                difference = shares[a] - shares[b]
                pairs.append(
                    {"a": a, "b": b, "measure": measure, "difference": difference, "n": 100}
                    | {"low": difference - width, "high": difference + width}
                    | {"p": 0.001 if abs(difference) > width else 0.5}
                )
    return {
        "priced_as": "some hosted model",
        "approaches": rows,
        "paired": pairs if paired else [],
    }


def usual_report():
    """The usual picture: RAG knows, tuning keeps the form, both together do both."""
    return make_report(
        {"prompt": 0.02, "rag": 0.43, "fine_tuned": 0.03, "rag_fine_tuned": 0.44},
        {"prompt": 0.83, "rag": 0.0, "fine_tuned": 1.0, "rag_fine_tuned": 1.0},
        cites=0.5, abstains=0.4, seconds_p50=1.2, seconds_p95=2.5,
        tokens_in=400, tokens_out=50, usd_per_1000=0.1,
    )  # fmt: skip
