"""The table of standard tests that do not apply, in CONTRIBUTING.md: what the code says."""

import inspect

import test_langchain_chat
import test_langchain_embeddings
import test_langchain_store
from langchain_tests.base import BaseStandardTests
from not_here import not_applied, table

from course_utils.blocks import with_block
from course_utils.settings import REPO

MODULES = (test_langchain_chat, test_langchain_embeddings, test_langchain_store)
SUITES = [
    suite
    for module in MODULES
    for suite in vars(module).values()
    if inspect.isclass(suite) and suite.__module__ == module.__name__
    if issubclass(suite, BaseStandardTests)
]


def test_the_table_is_the_codes():
    page = (REPO / "CONTRIBUTING.md").read_text(encoding="utf-8")
    expected = table(SUITES)
    assert with_block(page, "compat", expected) == page, f"it has to be:\n{expected}"


def test_what_a_suite_says_no_to_is_found():
    """Skipped by a flag, left early in silence, and expected to fail."""
    unit, integration = map(not_applied, SUITES[:2])
    assert unit.keys() == {"test_bind_tool_pydantic"}
    assert integration["test_structured_output_pydantic_2_v1"][0] == "xfail"
    assert integration["test_json_mode"][0] == "supports_json_mode = False"
    assert "test_invoke" not in integration
    assert not not_applied(SUITES[-1])
