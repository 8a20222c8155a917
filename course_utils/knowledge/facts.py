"""Acme's facts: what a question may rest on. Imports nothing heavy."""

import tomllib
from functools import cache

from course_utils.settings import DATA


@cache
def load_facts() -> tuple[dict, ...]:
    """Every fact of ``facts.toml``: ``id``, ``subject``, ``attribute``, ``v1``, ``documents``.

    A fact that changed in April also has ``v2``.
    """
    text = (DATA / "acme" / "facts.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["fact"])
