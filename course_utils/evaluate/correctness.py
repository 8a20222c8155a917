"""Is an answer right, or did it say that it does not know?"""

import re
from collections.abc import Sequence

from course_utils.errors import CourseError
from course_utils.evaluate.spelling import plain

# ------------------------------------------------------------------- does it say the right thing?

# "33 % and 75 %" is also said by "33 % in one jar and 75 % in the other".
_APART = re.compile(r"(?<=[\w%])\\ and\\ (?=[\\$±-]*\d)")
_WORDS_BETWEEN = r"(?:,?\\ [^\\s\\d.;:!?]+){1,7}\\ "


def contains(text: str, phrase: str) -> bool:
    """True when ``phrase`` stands in ``text`` as whole words and numbers, however spelt."""
    wanted = _APART.sub(_WORDS_BETWEEN, re.escape(plain(phrase)))
    # Not inside a longer word or number: no "30" in "130", "2.30", "$30", "-30", "30.5" or "24/30".
    before = r"(?<![\w$])(?<!\d[.,/])(?<![\s(]-)(?<!^-)"
    after = r"(?!\w|[.,/]\d)"
    return re.search(f"{before}{wanted}{after}", plain(text)) is not None


def is_correct(text: str, accepted: Sequence[Sequence[str]]) -> bool:
    """True when ``text`` has at least one alternative of every group.

    Args:
        text: An answer.
        accepted: Groups of alternatives; no group at all (an unanswerable question) is never
            correct: use ``abstains`` there.

    Raises:
        CourseError: ``text`` is not text but, say, a whole response.
    """
    if not isinstance(text, str):
        raise CourseError(
            f"a {type(text).__name__} is scored, and text is wanted",
            "take the reply out of it: response.choices[0].message.content",
        )
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
_BE = r"(?:is|are|was|were|has been|have been)"
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
            # No such figure was given to us. It is not something I have to hand. We only guess.
            rf"\bno (?:\w+ ){{1,5}}{_BE} (?:published|mentioned|documented|stated|specified"
            r"|recorded|on (?:file|record)|(?:given|made available|known) to (?:us|me))\b",
            rf"{_NOT} (?:something|anything) (?:that )?(?:i|we) (?:know|publish|document|disclose"
            r"|(?:can|could) (?:say|tell|confirm|answer|share)|have (?:to|at|on|in))\b",
            r"\b(?:nothing|none|nowhere)\b(?: [\w',-]+){0,7}? "
            r"(?:mentions?|says?|states?|specify|specifies)\b",
            r"\b(?:no (?:idea|clue)|not (?:a|the faintest) (?:clue|idea)|(?:i|we) wouldn't know)\b",
            r"\b(?:i|we)(?: have|'ve(?: got)?) no (?:record|knowledge|way of (?:know|tell)ing)\b",
            r"\b(?:outside|beyond) (?:of )?(?:my|our|what (?:i|we)) (?:knowledge|know|can)\b",
            rf"\b(?:i|we) (?:lack|have{_NOT} been (?:told|given|shown))\b",
            r"\b(?:not that (?:i|we) know|only (?:be )?guess(?:ing)?|(?:like|want) to guess)\b",
            # As an AI I am not equipped to provide that. We cannot help with that.
            r"\bas an? (?:[\w-]+ ){0,4}(?:ai|assistant|language model|chatbot)\b"
            rf".*(?:{_NOT}|unable)\b",
            rf"\b(?:i'm|i am|we're|we are) (?:\w+ly )?(?:not (?:able|equipped|allowed|authori[sz]ed"
            r"|permitted|qualified|in a position)|unable) to "
            rf"(?:{_FIND_OUT}|comment|advise|(?:share|disclose) (?:that|this|it))\b",
            rf"\b(?:can|could){_NOT} (?:help|assist)(?: you)? (?:with|on) (?:that|this|it)\b",
            # You would have to ask sales about that. That is one for our engineers.
            r"\b(?:have|need|best) to (?:ask|contact|check with|speak (?:to|with)|talk to) "
            r"(?:[\w']+ ){1,5}(?:about|on|regarding) (?:that|this|it)\b",
            r"\b(?:that|this) (?:is|would be) (?:one|a question|something) for (?:our|the)\b",
            r"\b(?:i|we)(?:'d|'ll)?(?: \w+){0,3} "
            r"(?:get back to you|(?:look|find) (?:that|this|it) (?:up|out))\b",
        )
    )
)
# "If we cannot find the fault, we replace it" is a policy; "we do not know whether it floats" keeps
# the part that counts.
_CONDITION = re.compile(r"\b(?:if|when|whenever|whether|unless|in case|once|until)\b[^,;:]*")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[^a-z])|\n+")
_PART_END = re.compile(r"[.!?;]+(?=\s|$)|,? \b(?:but|and|so)\b ")
_COURTESY = re.compile(
    r"(?:sorry|unfortunately|(?:i'm|i am|we're|we are) (?:(?:very|so) )?(?:sorry|glad|happy|here)"
    r"|apologies|we apologi[sz]e|hello|hi|dear|thanks?|thank you|(?:good|great) question)\b"
)


def abstains(text: str) -> bool:
    """True when the answer says, in whatever words, that it is not known; also when it is empty.

    It has to say so at once, in the first two sentences after the courtesies. "It is not possible
    to determine the cause", deep in a text about something else, is a remark.
    """
    claims = [s for s in _sentences(text) if not (_COURTESY.match(_lower(s)) and not _refuses(s))]
    return not text.strip() or any(_refuses(sentence) for sentence in claims[:2])


def without_refusals(text: str) -> str:
    """What an answer claims apart from what it says it does not know."""
    return " ".join(sentence for sentence in _sentences(text) if not _refuses(sentence))


def _sentences(text: str) -> list[str]:
    return [sentence for sentence in _SENTENCE_END.split(text) if sentence.strip()]


def _lower(text: str) -> str:
    plain = re.sub(r"[*_`\"“”]", "", text.lower().replace("’", "'"))
    return plain.replace("can't", "cannot")


def _refuses(sentence: str) -> bool:
    for part in _PART_END.split(_lower(sentence)):
        claim = " ".join(_CONDITION.sub(" ", part).split())
        claim = re.sub(r"^(?:(?:sorry|unfortunately|i'm sorry|apologies|hello)\W+)+", "", claim)
        if _ABSTAINS.search(claim):
            return True
    return False
