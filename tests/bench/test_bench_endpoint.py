import pytest

from course_utils.bench.endpoint import measure

pytest.importorskip("transformers")


@pytest.mark.slow
def test_the_benchmark_measures_all_three_in_one_run():
    result = measure(rounds=1)
    assert {"start_s", "tokens_per_s", "transformers_tokens_per_s", "ratio"} <= set(result)
    assert {"engine_ratio", "ttft_ms", "rss_mb"} <= set(result)
    assert result["servers"]["transformers_serve"]["ratio"] > 1
    assert result["ratio"] > 1, "llama.cpp should beat transformers on the CPU"
    assert result["ttft_ms"] > 0 and result["rss_mb"] > 100
