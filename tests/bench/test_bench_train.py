"""The benchmark of training: what it compares, and how it scores an adapter."""

import shutil

import pytest

from course_utils.bench.style_score import GOAL, style_share
from course_utils.finetune.dataset import load_replies
from course_utils.finetune.prepared import STORED

pytest.importorskip("torch")


@pytest.fixture
def asked():
    return [r for r in load_replies("test") if r.kind in ("fact", "how_to")][:10]


@pytest.fixture
def adapter(trainable_home, tmp_path):
    """The stored adapter, where an export may be written beside it."""
    return shutil.copytree(STORED / "house-style", tmp_path / "adapter")


def test_an_adapter_that_knows_the_style_reaches_the_goal(adapter, asked):
    assert style_share(adapter, asked) >= GOAL


def test_one_that_does_not_is_given_up_early_unless_all_shall_be_asked(adapter, asked, monkeypatch):
    from safetensors.torch import load_file, save_file

    from course_utils.bench import style_score

    weights = adapter / "adapter_model.safetensors"
    save_file({name: 0 * tensor for name, tensor in load_file(weights).items()}, weights)
    judged = []
    score = style_score.score_style
    monkeypatch.setattr(style_score, "score_style", lambda t: judged.append(t) or score(t))
    assert style_share(adapter, asked, to_the_end=False) == 0
    assert len(judged) == 2  # of ten, one may fail
    assert style_share(adapter, asked[:2]) == 0
    assert len(judged) == 4


@pytest.mark.slow
def test_the_benchmark_compares_the_course_with_the_guide():
    from course_utils.bench.train import measure

    result = measure(rounds=1)
    assert result["ratio"] > 1
    assert result["peak_mb"] < 0.5 * result["guide_peak_mb"]
    assert result["to_90"]["ours"]["reached"]
    assert result["ratio_to_90"] > 1
