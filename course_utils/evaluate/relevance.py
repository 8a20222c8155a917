"""Do the right words answer the question, or do they say something else?

Two ways in which an answer holds the accepted words and is wrong all the same:

- They stand in a statement about something else: "The 2-year warranty starts with Business", when
  Pro was asked.
- Another value of the same kind is given for the same thing: "It costs $29. Last year it was $19."

Both are judged by words alone: those of a clause beside those of the question and its gold answer.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from course_utils.evaluate.correctness import contains
from course_utils.evaluate.grounding import sentences
from course_utils.evaluate.quantities import Quantity, quantities
from course_utils.evaluate.spelling import plain

# Words that do not tell what a clause is about, units among them.
_EMPTY = frozenset(
    re.findall(
        r"\w+",
        plain(
            """a about acme after all also am an and any approximately are around as at be been
            before business but by can could day degree do does during each every exactly
            for from get give go had has have hello here hour how i if in into is it its
            itself just least make may metre might minute month more most much must no not
            of on once only or other our out please roughly second should since so sorry
            such take than that the their them then there these they this to until up us was
            we week well were what when where which while who will with within without would
            year yes you your"""
        ),
    )
)
_STEM = 4  # letters: "store" and "storage", "month" and "monthly"
_TERSE = 1  # content words beside the accepted ones: "About two years", "Refunds: 30 days"
_SAME_THING = 2  # words that a later clause shares with the question if it is about the same
_CLAUSE_END = re.compile(r"[,;:]\s+|\s+[-–—]\s+|\s*[()]\s*|\s+(?:but|while|whereas)\s+")
_JOINED = re.compile(r"\s+(?:and|or)\s+")
# What identifies a product, a plan or a term: "G2", "ER14505", "LQD"; "Pro", but not as the first
# word of a sentence, where every word has a capital.
_NAME = re.compile(r"\b(?:[A-Z]+\d\w*|[A-Z]{3,}|(?<=[a-z0-9,] )[A-Z][a-z]+)\b")


def says_it_of_what_was_asked(text: str, group: Sequence[str], asked: str) -> bool:
    """True when a clause with one of the accepted alternatives is about what was asked.

    It is not when it has content words of its own and shares none with the question and its gold
    answer (two words, or three where it opens the answer: "Expect to pay $12" is about the
    question), or when it names products or terms, but none of theirs.

    Args:
        text: An answer that contains one of the alternatives.
        group: The alternatives.
        asked: The question and its gold answer.
    """
    stating = _stating(text, group)
    return any(_on_topic(clause, asked, group) for clause in stating)


def rival_values(
    text: str, accepted: Sequence[Sequence[str]], question: str, gold: str
) -> list[Quantity]:
    """The values that an answer gives for the same thing beside, or instead of, the accepted one.

    A value is a rival when it is comparable with the accepted one, differs from every figure of the
    question, the gold answer and the accepted alternatives, and stands in a clause that shares at
    least as many words with question and gold answer as the clause of the accepted one. The value
    given first is taken for the answer, so one that comes later has to share two words or more; if
    it opens the answer and stands alone ("4 hours."), nothing later is held against it.
    """
    asked = f"{question}\n{gold}"
    allowed = quantities(f"{asked} . {' . '.join(a for group in accepted for a in group)}")
    found = []
    for group in accepted:
        wanted = [q for alternative in group for q in quantities(alternative)]
        wanted = [g for g in quantities(gold) if any(g.equals(w) for w in wanted)] or wanted
        stating = _stating(text, group)
        needed = max(_shared(clause, asked) for clause in stating)
        for clause in _clauses(text):
            if _shared(clause, asked) >= needed and not _foreign(clause, asked):
                found += [
                    value
                    for value in quantities(clause.text)
                    if any(value.comparable(w) for w in wanted)
                    and not any(value.equals(a) for a in allowed)
                ]
            if clause in stating:
                needed = max(needed, _SAME_THING)
    return found


@dataclass(frozen=True)
class _Clause:
    """A part of a sentence, and the part that says what it is about.

    That is the clause itself or, if it has no content words ("…, up to 5 years"), the one before.
    """

    text: str
    about: str
    opening: bool


@lru_cache(maxsize=20_000)
def _clauses(text: str) -> tuple[_Clause, ...]:
    clauses: list[_Clause] = []
    for sentence in sentences(text):
        about = ""
        for part in _parts(sentence):
            about = part if _words(part) or not about else about
            clauses.append(_Clause(part, about, opening=not clauses))
    return tuple(clauses)


def _parts(sentence: str) -> list[str]:
    parts = []
    for part in _CLAUSE_END.split(sentence):
        pieces = _JOINED.split(part)
        parts += pieces if all(quantities(piece) for piece in pieces) else [part]
    return [part for part in parts if part and part.strip()]


def _stating(text: str, group: Sequence[str]) -> list[_Clause]:
    def holds(part: str) -> bool:
        return any(contains(part, alternative) for alternative in group)

    stating = [clause for clause in _clauses(text) if holds(clause.text)]
    whole = [s for s in sentences(text) if holds(s)] or [text]
    return stating or [_Clause(s, s, opening=False) for s in whole]


def _on_topic(clause: _Clause, asked: str, group: Sequence[str]) -> bool:
    own = _words(clause.about) - _words(" ".join(group))
    terse = len(own) <= _TERSE + clause.opening
    return not _foreign(clause, asked) and (terse or bool(own & _words(asked)))


def _foreign(clause: _Clause, asked: str) -> bool:
    def share(names: frozenset[str], text: str) -> bool:
        return any(contains(text, name) for name in names)

    ours = _names(asked)
    theirs = {name for name in _names(clause.about) if contains(clause.about, name)}  # no "USD"
    return bool(ours and theirs) and not share(ours, clause.about) and not share(theirs, asked)


def _shared(clause: _Clause, asked: str) -> float:
    words = _words(clause.about)
    if not words:
        return math.inf if clause.opening else 0
    return len(words & _words(asked))


@lru_cache(maxsize=20_000)
def _words(text: str) -> frozenset[str]:
    """Content words by their first letters."""
    return frozenset(
        word[:_STEM] for word in re.findall(r"[a-z][a-z0-9']+", plain(text)) if word not in _EMPTY
    )


def _names(text: str) -> frozenset[str]:
    return frozenset(_NAME.findall(text))
