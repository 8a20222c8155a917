"""The adapters that the repository keeps belong to its data, and do what their cards say."""

import hashlib
import json

import pytest

from course_utils import CourseError, registry
from course_utils.finetune import prepared
from course_utils.finetune.dataset import write_jsonl
from course_utils.finetune.prepared import RECIPES, STORED, Prepared, found, prepared_models

MOST_BYTES = 12_000_000


def stored(name):
    folder = STORED / name
    return Prepared(name, folder, json.loads((folder / "card.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", RECIPES)
def test_each_has_a_card_that_says_from_what_and_how(name):
    card = stored(name).card
    assert card["base"] == registry.model(card["base"]).id
    assert card["about"]["command"] == f"course adapters build {name} --stored"
    assert card["about"]["date"] and card["about"]["versions"]["torch"]
    assert {"bare_style", "context_style", "context_facts"} == set(card["scores"])
    weights = (STORED / name / "adapter_model.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == card["weights_sha256"]


def test_together_they_are_small():
    assert sum(path.stat().st_size for path in STORED.rglob("*") if path.is_file()) <= MOST_BYTES


def data_sha256(name, tmp_path):
    make_rows, _ = RECIPES[name]
    return hashlib.sha256(
        write_jsonl(tmp_path / "data.jsonl", make_rows()).read_bytes()
    ).hexdigest()


def test_the_training_data_is_what_it_was(tmp_path):
    cure = "the data has changed: run `course adapters build NAME --stored` for each adapter"
    assert stored("house-style").card["data_sha256"] == data_sha256("house-style", tmp_path), cure


def test_they_are_offered_under_a_name_like_openais(home):
    models = {model.id: model for model in prepared_models()}
    for one in found():
        model = models[one.model_id]
        assert one.model_id.startswith(f"ft:{one.card['base']}:acme:{one.name}:")
        assert model.adapter.is_relative_to(home) and model.adapter.stat().st_size > 1_000_000


def test_a_prepared_adapter_is_not_trained_again(home):
    def say(line):
        raise AssertionError(f"it was built: {line}")

    assert prepared.prepared_adapter("house-style", say) == stored("house-style").model_id


def test_an_unknown_one_is_named_with_those_there_are(home):
    with pytest.raises(CourseError, match="house-style, house-style-context"):
        prepared.prepared_adapter("no-such")


@pytest.mark.slow
def test_trained_again_it_scores_the_same(home, clean_environment):
    pytest.importorskip("torch")
    from course_utils.endpoint.process import stop
    from course_utils.study.adapters import score

    try:
        again = prepared.build("house-style", home / "adapters" / registry.local_chat().id)
        scores = score(again.model_id)
    finally:
        stop()
    for name, kept in stored("house-style").card["scores"].items():
        # Forty questions: a few of them may tip over with the rounding of another CPU.
        assert scores[name]["mean"] == pytest.approx(kept["mean"], abs=0.125), name
