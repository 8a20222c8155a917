import pytest
from openai import OpenAI

from course_utils.bench import serving
from course_utils.bench.home import own_home
from course_utils.endpoint import process
from course_utils.settings import LOCAL_KEY


@pytest.fixture(scope="module")
def served():
    with own_home():
        endpoint = process.ensure_running()
        try:
            yield OpenAI(base_url=endpoint.base_url, api_key=LOCAL_KEY), endpoint.pid
        finally:
            process.stop()


def test_a_context_asked_again_is_not_read_again(served):
    measured = serving.asked_again(served[0], rounds=1)
    assert measured["context_tokens"] >= 1500
    # All but the second question comes from the cache; the first had none of it.
    assert measured["cached_tokens"] > 0.9 * measured["context_tokens"]
    assert 0 < measured["ttft_again_ratio"] < 0.5


def test_a_tuned_model_takes_memory(served):
    client, pid = served
    assert 20 < serving.adapter_mb(client, pid) < 1000


def test_nobody_asks_and_little_is_done(served):
    assert serving.idle_cpu_s_per_minute(served[1], seconds=2) < 6


def test_memory_is_copied_at_some_speed(monkeypatch):
    monkeypatch.setattr(serving, "COPIED_BYTES", 8_000_000)
    assert 0.1 < serving.copied_gb_per_s() < 1000
