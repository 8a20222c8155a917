"""Which of LangChain's standard tests do not apply here, and why.

A standard test asks its class before it begins: ``if not self.has_tool_calling: …``. So the list
is found in the tests themselves, and a newer langchain-tests that asks something new is noticed.
"""

import inspect
import re
from collections.abc import Iterable

TEXT_ONLY = "the local models read text only"
NO_TOOLS = "the local models cannot call tools; the endpoint says so"
# What a test class says no to, by its own word or langchain-tests' default.
REASONS = {
    "has_tool_calling": NO_TOOLS,
    "has_tool_choice": NO_TOOLS,
    "supports_json_mode": "the endpoint has JSON mode, which binds to JSON and not to the keys "
    "that a prompt names, and a model of 135 million parameters leaves them out",
    "supports_image_inputs": TEXT_ONLY,
    "supports_pdf_inputs": TEXT_ONLY,
    "supports_audio_inputs": TEXT_ONLY,
    "supports_image_tool_message": TEXT_ONLY,
    "supports_pdf_tool_message": TEXT_ONLY,
    "supports_anthropic_inputs": "Anthropic's form of tool calls and thinking, not OpenAI's",
    "enable_vcr_tests": "plays recorded answers back; here a model answers each time",
}


def not_applied(tests: type) -> dict[str, tuple[str, str]]:
    """Standard tests of a class that it skips or that must fail: name → (how said, reason).

    Raises:
        KeyError: There is no reason for one of them.
    """
    suite, found = tests(), {}
    for name, test in inspect.getmembers(tests, inspect.isfunction):
        if not name.startswith("test_"):
            continue
        for mark in getattr(test, "pytestmark", []):
            if mark.name == "xfail":
                found[name] = ("xfail", mark.kwargs["reason"])
        for flag in _asked(test):
            if not getattr(suite, flag):
                found[name] = (f"{flag} = False", REASONS[flag])
    return found


def table(classes: list[type]) -> str:
    """The table for CONTRIBUTING.md, one row for each suite and reason."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for tests in classes:
        for name, (said, reason) in not_applied(tests).items():
            rows.setdefault((tests.__doc__.partition(":")[0], reason), {})[name] = said
    lines = ["| suite | standard tests | said by | reason |", "|---|---|---|---|"]
    for (suite, reason), tests in rows.items():
        lines.append(f"| {suite} | {_listed(tests)} | {_listed(tests.values())} | {reason} |")
    return "\n".join(lines)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in dict.fromkeys(words))


def _asked(test) -> list[str]:
    """The flags without which a test leaves."""
    source = inspect.getsource(inspect.unwrap(test))
    conditions = re.findall(r"if (not self\.[^:]+):\n\s+(?:pytest\.skip|return)", source)
    return [flag for condition in conditions for flag in re.findall(r"self\.(\w+)", condition)]
