"""A style guide as a rubric: a reply passes or fails each rule (``data/acme/style.toml``)."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.settings import DATA, REPO

STYLE = DATA / "acme" / "style.toml"
MAX_SENTENCES = 3
# Rule id → the keys of the style guide that it needs.
_NEEDS = {
    "greeting": ("greeting",),
    "answer-length": (),
    "next-step": ("next_step_prefix",),
    "sign-off": ("sign_off",),
    "max-words": ("max_words",),
    "first-person": ("forbidden_first_person",),
    "forbidden": ("forbidden",),
}


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
def load_guide(path: Path = STYLE) -> dict:
    """Read a style guide: a TOML file with the keys and rules of ``data/acme/style.toml``.

    A guide of your own may leave out rules, and the keys that only those need.

    Raises:
        CourseError: The file is missing or is no such TOML; the message names the cure.
    """
    example = f"take {STYLE.relative_to(REPO)} as the example"
    try:
        with path.open("rb") as file:
            guide = tomllib.load(file)
        unknown = {rule["id"] for rule in guide["rule"]} - set(_NEEDS)
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise CourseError(f"{path} is no style guide: {error!r}", example) from None
    if unknown:
        raise CourseError(
            f"{path}: no rule {', '.join(sorted(unknown))}", f"rules: {', '.join(_NEEDS)}"
        )
    needed = {key for rule in guide["rule"] for key in _NEEDS[rule["id"]]}
    if missing := sorted(needed - set(guide)):
        raise CourseError(f"{path}: no {', '.join(missing)}", example)
    return guide


def rule_descriptions() -> dict[str, str]:
    """Rule id → what the rule asks for, in the style guide's order."""
    return {rule["id"]: rule["description"] for rule in load_guide()["rule"]}


def score_style(reply: str, guide: dict | None = None) -> StyleScore:
    """Check a reply against every rule of a style guide.

    Only the form is judged: a well-formed reply may still be wrong.

    Args:
        reply: What the customer would read.
        guide: From ``load_guide``; ``None`` takes the house style of the case.
    """
    guide = guide or load_guide()
    lines = _lines(reply)
    steps = [i for i, line in enumerate(lines) if _is_step(line, guide)]
    checks = {
        "greeting": lambda: lines[:1] == [guide["greeting"]],
        "answer-length": lambda: 1 <= _sentences(body(reply, guide)) <= MAX_SENTENCES,
        "next-step": lambda: len(steps) == 1 and steps[0] == len(lines) - 2,
        "sign-off": lambda: lines[-1:] == [guide["sign_off"]],
        "max-words": lambda: len(reply.split()) <= guide["max_words"],
        "first-person": lambda: (
            not any(
                re.search(rf"\b{word}\b", reply, 0 if word == "I" else re.IGNORECASE)
                for word in guide["forbidden_first_person"]
            )
        ),
        "forbidden": lambda: not any(_occurs(phrase, reply) for phrase in guide["forbidden"]),
    }
    return StyleScore({rule["id"]: checks[rule["id"]]() for rule in guide["rule"]})


def body(reply: str, guide: dict | None = None) -> str:
    """The part of a reply that answers: without greeting, next step and what follows it.

    Args:
        reply: What the customer would read.
        guide: From ``load_guide``; ``None`` takes the house style of the case.
    """
    guide = guide or load_guide()
    lines = _lines(reply)
    first = 1 if lines and lines[0] == guide.get("greeting") else 0
    steps = [i for i, line in enumerate(lines) if _is_step(line, guide)]
    signed = bool(lines) and lines[-1] == guide.get("sign_off")
    last = steps[0] if steps else len(lines) - signed
    return " ".join(lines[first:last])


def _lines(reply: str) -> list[str]:
    return [line.strip() for line in reply.strip().splitlines() if line.strip()]


def _is_step(line: str, guide: dict) -> bool:
    prefix = guide.get("next_step_prefix")
    return prefix is not None and line.startswith(prefix)


def _sentences(text: str) -> int:
    return len([part for part in re.split(r"(?<=[.!?])\s+", text.strip()) if part])


def _occurs(phrase: str, text: str) -> bool:
    if not phrase[0].isalnum():
        return phrase in text
    return re.search(rf"\b{re.escape(phrase)}\b", text, re.IGNORECASE) is not None
