"""The benchmark of a full room, with a small one."""

import pytest

from course_utils.bench import classroom


@pytest.mark.slow
def test_a_small_room_is_measured_beside_a_training():
    result = classroom.measure(people=3, requests=2, alone=2)
    assert (result["requests"], result["errors"]) == (6, 0), result["kinds_of_error"]
    assert result["job"].startswith("running")
    assert result["fairness"] >= 1
    assert result["tokens_per_s"] > 0 and result["batching_ratio"] > 0
    assert 0 < result["ttft_p50_ms"] <= result["ttft_p95_ms"]
    least, median, most = result["prompt_tokens"]
    assert 50 < least <= median <= most < 600


def test_questions_come_with_their_passages_in_several_lengths():
    prompts = classroom._prompts()
    assert len(prompts) > 200 and len({len(prompt) // 200 for prompt in prompts}) >= 4
