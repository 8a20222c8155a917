"""Requests made by schemathesis from the served description: right ones and wrong ones.

``COURSE_FUZZ_REQUESTS`` sets their number; the default is small and the same each time.
"""

import os
from collections import Counter

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
FEW, MANY = 300, 10_000
ROUND = 100  # requests of one kind between two seeds
LONGEST_S = 60


@pytest.fixture(scope="module")
def api(target):
    described = httpx.get(f"{target.root}/openapi.json", trust_env=False).json()
    return schemathesis.openapi.from_dict(described)


@pytest.fixture(scope="module")
def session():
    """Asks the endpoint itself, whatever proxy the environment names."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_generated_requests(api, target, session, check_error):
    fuzz(api, target, session, check_error, int(os.environ.get("COURSE_FUZZ_REQUESTS", FEW)))


@pytest.mark.slow
def test_ten_thousand_generated_requests(api, target, session, check_error):
    fuzz(api, target, session, check_error, MANY)


def fuzz(api, target, session, check_error, wanted):
    """Send at least so many requests, as many of each kind as there is variety in it."""
    kinds = [
        (operation.ok(), mode) for operation in api.get_all_operations() for mode in GenerationMode
    ]
    answered = Counter()
    number = 0
    while answered.total() < wanted:
        number += 1
        share = -(-(wanted - answered.total()) // len(kinds))
        for operation, mode in tuple(kinds):
            send = sender(operation, mode, target, session, check_error, answered)
            profile = settings(
                max_examples=min(share, ROUND),
                deadline=None,
                database=None,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            )
            try:
                seed(number)(profile(send))()
            except Unsatisfiable:  # nothing can be wrong with a bare GET
                assert mode.is_negative
                kinds.remove((operation, mode))
    print(f"\n{answered.total():,} requests in {number} rounds: {dict(sorted(answered.items()))}")
    assert answered[200] > wanted / 20  # some went all the way


def sender(operation, mode, target, session, check_error, answered):
    """A test that sends what hypothesis makes of one operation."""
    made = operation.as_strategy(generation_mode=mode)

    @given(case=made, known=st.booleans())
    def send(case, known):
        if known:
            name_what_exists(case, target)
        keep_cheap(case)
        response = case.call(target.root, session, timeout=LONGEST_S)
        answered[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)
        if response.status_code >= 400:
            check_error(response.json())

    return send


def name_what_exists(case, target):
    """Random ids and models lead no further than "not found"."""
    ids = {"file_id": target.file_id, "job_id": target.job_id, "model_id": target.chat_id}
    for name, known in ids.items():
        if name in (case.path_parameters or {}) and case.method != "DELETE":
            case.path_parameters[name] = known
    if isinstance(case.body, dict):
        for name, known in {"model": target.chat_id, "training_file": target.file_id}.items():
            if isinstance(case.body.get(name), str):
                case.body[name] = known


def keep_cheap(case):
    """A local model makes a hundred tokens a second: valid requests ask for few, wrong ones stay
    as they are."""
    body = case.body
    if not isinstance(body, dict) or "messages" not in body:
        return
    for name in ("max_tokens", "max_completion_tokens"):
        if body.get(name) is None or (isinstance(body[name], int) and body[name] > 2):
            body[name] = 2
    if isinstance(body.get("n"), int) and 2 < body["n"] <= 8:
        body["n"] = 2
