"""Does a sentence rest on the passages that the model was shown, or is it invented?"""

import re
from collections.abc import Sequence
from functools import lru_cache

from course_utils.evaluate.spelling import normalise

# Words that carry no claim; everything else in a supported sentence has to be found.
_STOPWORDS = frozenset(
    re.findall(
        r"\w+",
        """a an and any are as at be been but by can could do does for from had has have how if in
        into is it its may more no not of on or our out so than that the their them then there
        these they this to up was we were what when where which who will with would you your""",
    )
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
MIN_OVERLAP = 0.8


def sentences(text: str) -> list[str]:
    """Split a reply into sentences; headings and list markers are left out."""
    lines = (re.sub(r"^\s*(?:[#>*-]+|\d+[.)])\s+", "", line) for line in text.splitlines())
    parts = (part for line in lines for part in re.split(r"(?<=[.!?])\s+(?=[A-Z\"“])", line))
    return [part.strip() for part in parts if part.strip()]


def is_supported(sentence: str, passages: Sequence[str]) -> bool:
    """True when one of the passages holds every number and most content words of a sentence.

    A word-level check: cheap, explainable, and strict about figures, where an invention hurts
    most. It does not notice a true-looking sentence that denies what the passage says.

    Args:
        sentence: One sentence of a reply.
        passages: The texts that the model was shown.
    """
    words, numbers = _content(sentence)
    if not words:
        return False
    for passage in passages:
        known_words, known_numbers = _content(passage)
        if numbers <= known_numbers and len(words & known_words) >= MIN_OVERLAP * len(words):
            return True
    return False


def likeness(text: str, passage: str) -> float:
    """Share of a text's content words and numbers that stand in a passage, 0 to 1."""
    words, numbers = _content(text)
    known_words, known_numbers = _content(passage)
    found = len(words & known_words) + len(numbers & known_numbers)
    return found / max(1, len(words) + len(numbers))


@lru_cache(maxsize=50_000)  # a bake-off compares every sentence with every passage
def _content(text: str) -> tuple[frozenset[str], frozenset[str]]:
    plain = normalise(text)
    words = {word for word in re.findall(r"[a-z][a-z'-]+", plain) if word not in _STOPWORDS}
    return frozenset(words), frozenset(_NUMBER.findall(plain))
