"""One spelling for what means the same, so that texts can be compared word by word."""

import re
from functools import lru_cache

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

# Figures in words: "two hundred and fifty", "twenty four", "two and a half".
_SMALL_WORDS = """zero one two three four five six seven eight nine ten eleven twelve thirteen
    fourteen fifteen sixteen seventeen eighteen nineteen"""
_TEN_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: value for value, word in enumerate(_SMALL_WORDS.split())}
_TENS = {word: 10 * value for value, word in enumerate(_TEN_WORDS.split(), start=2)}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_ANY_SMALL = rf"(?:(?:{'|'.join(_TENS)})(?: (?:{'|'.join(_SMALL)})\b)?|(?:{'|'.join(_SMALL)})\b)"
_ANY_SCALE = rf"(?:{'|'.join(_SCALES)})"
_MEASURE = (  # before these, "one" is a figure; elsewhere it may be a pronoun or an article
    "second|minute|hour|day|week|month|quarter|year|business|working|metre|meter|dollar|degree"
    "|hundred|thousand|million|and a half"
)
_IN_WORDS = re.compile(
    rf"\b(?!one\b(?! (?:{_MEASURE})|%))"
    rf"{_ANY_SMALL}(?: {_ANY_SCALE}(?:(?: and)? {_ANY_SMALL})?)*(?!\w)"
)

_PLAIN = (
    (r"\ba (?=hundred|thousand|million)", "one "),
    (_IN_WORDS, lambda found: str(_worth(found[0]))),
    (r"(?<=\d) and a half\b", ".5"),
    (r"\b(\d+) (hundred|thousand|million)\b", lambda m: str(int(m[1]) * _SCALES[m[2]])),
    (r"\bplus(?: or |/| / | )minus (?=\d)", "±"),
    (r"\bminus (?=\d)", "-"),
    (r"\b(?:usd|us dollars?) (?=\d)", "$"),
    (r"(?<![\w$.])(\d+(?:\.\d+)?) (?:us )?(?:dollars?|usd|bucks)\b", r"$\1"),
    (r"(?<=\d) (?:secs?|s)\b", " second"),
    (r"(?<=\d) mins?\b", " minute"),
    (r"(?<=\d) (?:hrs?|h)\b", " hour"),
    (r"(?<=\d) wks?\b", " week"),
    (r"(?<=\d) (?:mths?|mos?)\b", " month"),
    (r"(?<=\d) yrs?\b", " year"),
    (r"(?<=\d) working (?=days?|hours?)", " business "),
    (r"\bmeter(?=s?\b)", "metre"),
    # One form for singular and plural, "ask" and "asks"; but not of "is", "status", "glass".
    (r"\b(\w{3,})ies\b", r"\1y"),
    (r"\b(\w{2,}(?:ch|sh|ss|x))es\b", r"\1"),
    (r"\b(\w{2,}[^\Wsui])s\b", r"\1"),
)


def _compiled(rules):
    return [(re.compile(pattern), to) for pattern, to in rules]


_SAME_COMPILED, _PLAIN_COMPILED = _compiled(_SAME), _compiled(_PLAIN)


def normalise(text: str) -> str:
    """Make equal what means the same: case, quotes, dashes, spaces, ``1,000``, ``$49.00``."""
    return _rewritten(text.lower(), _SAME_COMPILED).strip()


@lru_cache(maxsize=20_000)
def plain(text: str) -> str:
    """Go further than ``normalise``: figures in words, short units, currencies, plurals.

    "Four per cent", "5 secs", "49 dollars" and "batteries" become "4%", "5 second", "$49" and
    "battery". The result is for comparing, not for reading.
    """
    return _rewritten(normalise(text), _PLAIN_COMPILED)


def _rewritten(text: str, rules) -> str:
    for pattern, to in rules:
        text = pattern.sub(to, text)
    return text


def _worth(words: str) -> int:
    total = current = 0
    for word in words.split():
        if word == "hundred":
            current *= 100
        elif word in _SCALES:
            total, current = total + current * _SCALES[word], 0
        elif word != "and":
            current += _SMALL.get(word, 0) + _TENS.get(word, 0)
    return total + current
