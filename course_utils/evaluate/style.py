"""The house style as a rubric: a reply passes or fails each rule of ``data/acme/style.toml``."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache

from course_utils.settings import DATA

STYLE = DATA / "acme" / "style.toml"
MAX_SENTENCES = 3


@dataclass(frozen=True)
class StyleScore:
    """Which rules a reply keeps.

    Attributes:
        rules: Rule id → kept or not, in the style guide's order.
    """

    rules: dict[str, bool]

    @property
    def share(self) -> float:
        """Share of the rules that are kept, 0 to 1."""
        return sum(self.rules.values()) / len(self.rules)

    @property
    def perfect(self) -> bool:
        """True when the reply could be sent as it stands, as far as style goes."""
        return all(self.rules.values())


@cache
def _guide() -> dict:
    with STYLE.open("rb") as file:
        return tomllib.load(file)


def rule_descriptions() -> dict[str, str]:
    """Rule id → what the rule asks for, in the style guide's order."""
    return {rule["id"]: rule["description"] for rule in _guide()["rule"]}


def score_style(reply: str) -> StyleScore:
    """Check a reply against every rule of the house style.

    Only the form is judged: a well-formed reply may still be wrong.
    """
    guide = _guide()
    lines = [line.strip() for line in reply.strip().splitlines() if line.strip()]
    steps = [i for i, line in enumerate(lines) if line.startswith(guide["next_step_prefix"])]
    first = 1 if lines[:1] == [guide["greeting"]] else 0
    last = steps[0] if steps else len(lines) - (lines[-1:] == [guide["sign_off"]])
    kept = {
        "greeting": first == 1,
        "answer-length": 1 <= _sentences(" ".join(lines[first:last])) <= MAX_SENTENCES,
        "next-step": len(steps) == 1 and steps[0] == len(lines) - 2,
        "sign-off": lines[-1:] == [guide["sign_off"]],
        "max-words": len(reply.split()) <= guide["max_words"],
        "first-person": not any(
            re.search(rf"\b{word}\b", reply, 0 if word == "I" else re.IGNORECASE)
            for word in guide["forbidden_first_person"]
        ),
        "forbidden": not any(_occurs(phrase, reply) for phrase in guide["forbidden"]),
    }
    return StyleScore({rule: kept[rule] for rule in rule_descriptions()})


def _sentences(text: str) -> int:
    return len([part for part in re.split(r"(?<=[.!?])\s+", text.strip()) if part])


def _occurs(phrase: str, text: str) -> bool:
    if not phrase[0].isalnum():
        return phrase in text
    return re.search(rf"\b{re.escape(phrase)}\b", text, re.IGNORECASE) is not None
