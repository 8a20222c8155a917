"""Where clients find the endpoint, and no silent skips among LangChain's standard tests."""

import pytest
from langchain_tests.base import BaseStandardTests
from not_here import not_applied


@pytest.fixture
def where(endpoint):
    """What a client is told: address and key."""
    return {"base_url": endpoint.base_url, "api_key": "unused"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """A standard test that skips itself fails, unless its reason stands in CONTRIBUTING.md."""
    report = yield
    standard = item.cls and issubclass(item.cls, BaseStandardTests)
    if standard and report.skipped and item.originalname not in not_applied(item.cls):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped for a reason that not_here.py does not give"
    return report
