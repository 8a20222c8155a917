"""Is an answer right, or did it say that it does not know?"""

import re
from collections.abc import Sequence

# ------------------------------------------------------------------- does it say the right thing?

_SAME = (
    (r"[’‘ʼ]", "'"),
    (r"[“”„«»\"*_`]", ""),
    (r"\[([^\]]*)\]\([^)]*\)", r"\1"),  # of a Markdown link, the text
    (r"[‐‑‒–−]", "-"),
    (r"—", " - "),
    (r"→", ">"),
    (r"\+/-\s*|±\s*", "±"),
    (r"\bus ?\$", "$"),
    (r"\be-mail", "email"),
    (r"\bnon-(?=\w)", "non"),  # "non-refundable" must not contain "refundable"
    (r"(?<=\w)-(?=\w)", " "),  # "2-year" and "2 year"; but not "-20"
    (r"(?<=\d),(?=\d{3}(?:,\d{3})*(?!\d))", ""),
    (r"(?<=\d)\.0+(?!\d|\.\d)", ""),  # "$49.00" and "$49", but not "4.0.1" and "4.1"
    (r"\s*(?:%|\bper ?cent\b)", "%"),
    (r"\s*°\s*", "°"),
    (r"(?<=\d)(?=[a-z])", " "),  # "15cm" and "15 cm"
    (r"\s+", " "),
)
_SAME_COMPILED = [(re.compile(pattern), to) for pattern, to in _SAME]


def normalise(text: str) -> str:
    """Make equal what means the same: case, quotes, dashes, spaces, ``1,000``, ``$49.00``."""
    text = text.lower()
    for pattern, to in _SAME_COMPILED:
        text = pattern.sub(to, text)
    return text.strip()


def contains(text: str, phrase: str) -> bool:
    """True when ``phrase`` stands in ``text`` as whole words and numbers, however spelt."""
    wanted = re.escape(normalise(phrase))
    # Not inside a longer word or number: no "30" in "130", "2.30", "$30", "-30", "30.5" or "24/30".
    before = r"(?<![\w$])(?<!\d[.,/])(?<![\s(]-)(?<!^-)"
    after = r"(?!\w|[.,/]\d)"
    return re.search(f"{before}{wanted}{after}", normalise(text)) is not None


def is_correct(text: str, accepted: Sequence[Sequence[str]]) -> bool:
    """True when ``text`` has at least one alternative of every group.

    Args:
        text: An answer.
        accepted: Groups of alternatives; no group at all (an unanswerable question) is never
            correct: use ``abstains`` there.
    """
    return bool(accepted) and all(any(contains(text, a) for a in group) for group in accepted)


# --------------------------------------------------------------------- does it say "I don't know"?
# What counts is that the answerer does not know. "Refunds are not available after 30 days" denies
# something and is an answer.

_NOT = r"(?:n't| ?not)"
_READ = (  # what the answerer has read
    r"(?:context|documents|documentation|passages?|excerpts?|snippets?|knowledge base"
    r"|(?:provided|given|available|supplied|above) (?:information|document|text|content|material)"
    r"|(?:information|document|text|content|material) (?:provided|given|available|supplied|above))"
)
_WORDS = r"(?: [\w',-]+){0,5}?"
_INFO = r"(?:information|info|details?|answer|mention|evidence|data (?:on|about|for|regarding))"
_PRIVATE = r"(?!(?:your|customer|customers|personal|payment|private) )"
_FEW = rf"(?:{_PRIVATE}\w+ ){{0,3}}"
_TELLS = r"(?:say|mention|specify|state|indicate|tell|address|explain|clarify|discuss|disclose)"
_HOLDS = r"(?:provide|contain|include|cover|give|list|describe|answer|have|show|offer|name)"
_FIND_OUT = (
    r"(?:know(?! your)|say|tell|find|locate|confirm|determine|verify|be (?:sure|certain)"
    rf"|answer (?:this|that|it|your question|the question)|(?:provide|give) {_FEW}{_INFO})"
)

_ABSTAINS = re.compile(
    "|".join(
        (
            # The documents do not say. The context doesn't explicitly mention it.
            rf"\b{_READ}{_WORDS} (?:do|does|did){_NOT} (?:\w+ )?(?:{_TELLS}|{_HOLDS})\b",
            rf"\b(?:do|does|did){_NOT} (?:\w+ly )?(?:say|mention|specify|state)\b",
            rf"\b(?:none|neither|nothing|nowhere)\b{_WORDS} {_READ}\b",
            # I do not know. We could not find that. Can't say.
            rf"\b(?:i|we) (?:\w+ly )?(?:do|did|can|could|would){_NOT} (?:\w+ly )?{_FIND_OUT}\b",
            rf"^(?:can|could){_NOT} {_FIND_OUT}\b",
            rf"^do{_NOT} know\b",
            rf"\bi (?:do|did){_NOT} (?:\w+ly )?have\b",
            rf"\bwe (?:do|did){_NOT} (?:\w+ly )?have (?:that|this|it)$",
            rf"\b(?:do|does|did|can|could|would){_NOT} (?:\w+ly )?"
            rf"(?:have|provide|contain|include|give|find|see|offer) {_FEW}{_INFO}\b",
            rf"\b(?:i'm|i am|we're|we are) (?:\w+ly )?(?:not able|unable) to {_FIND_OUT}\b",
            r"\b(?:i'm|i am|we're|we are) (?:\w+ly )?(?:not (?:sure|certain|aware)|unsure)\b",
            r"^(?:not sure|unsure|unknown|unclear|n/a)\b",
            rf"\bunable to (?:find|locate|determine|answer|provide) {_FEW}(?:{_INFO}|question)",
            # That is not stated. It is not in our documents. That information is not there.
            rf"\b(?:is|are|was|were){_NOT} (?:\w+ly )?"
            r"(?:mentioned|specified|stated|documented|known|addressed|disclosed|discussed)\b",
            rf"\bnot (?:\w+ly )?(?:provided|given|listed|included|covered|available|found|present"
            rf"|contained|described|explained|part of|in)\b{_WORDS} {_READ}\b",
            rf"\b(?:information|info|answer)\b{_WORDS} (?:is|are|was|were){_NOT} (?:\w+ly )?"
            r"(?:available|provided|given|included|found|present|there|here|listed)\b",
            rf"\b(?:that|this|it|information|answer) (?:can|could){_NOT} be (?:found|confirmed)\b",
            rf"\b(?:can|could){_NOT} be (?:determined|answered|inferred)\b",
            r"\b(?:not|im)\s?possible to (?:say|tell|know|determine|answer)\b",
            r"\b(?:is|are|was|remains?|it's|that's) (?:still |currently )?"
            r"(?:unknown|unclear|unspecified|undocumented)\b",
            # There is no information about it. Not enough context.
            r"\bno (?:\w+ )?(?:mention of|indication)\b",
            r"\b(?:there(?: is|'s| was)|ha(?:ve|s|d)|contains?|gives?|provides?|includes?|found"
            rf"|find|see) no (?:\w+ )?{_INFO}\b",
            r"\bno (?:\w+ )?(?:information|details?|data|answer) (?:is |was |are |were )?"
            r"(?:available|provided|given|found)\b",
            r"\b(?:there(?: is|'s)|says?|found|find|contains?|mentions?) nothing (?:about|on|in)\b",
            r"\b(?:not (?:have )?enough|insufficient) (?:information|context|details?|data)\b",
        )
    )
)
# "If we cannot find the fault, we replace it" is a policy; "we do not know whether it floats" keeps
# the part that counts.
_CONDITION = re.compile(r"\b(?:if|when|whenever|whether|unless|in case|once|until)\b[^,;:]*")
_SENTENCE_END = re.compile(r"[.!?;]+(?=\s|$)|\n|,? \b(?:but|and|so)\b ")


def abstains(text: str) -> bool:
    """True when the answer says, in whatever words, that it is not known; also when it is empty."""
    if not text.strip():
        return True
    plain = re.sub(r"[*_`\"“”]", "", text.lower().replace("’", "'")).replace("can't", "cannot")
    for sentence in _SENTENCE_END.split(plain):
        claim = " ".join(_CONDITION.sub(" ", sentence).split())
        claim = re.sub(r"^(?:(?:sorry|unfortunately|i'm sorry|apologies|hello)\W+)+", "", claim)
        if _ABSTAINS.search(claim):
            return True
    return False
