import json
import os
import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from course_utils import registry
from course_utils.errors import CourseError
from course_utils.registry import Model
from course_utils.settings import REPO

ENTRIES = list(registry.models().values())
LOCAL_CHAT = [m for m in ENTRIES if m.runs == "local" and m.role == "chat"]
HOSTED = [m for m in ENTRIES if m.runs == "hosted"]
NEVER = date(2000, 1, 1)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_every_entry_is_complete(entry):
    assert entry.name
    assert entry.license
    assert entry.source
    assert entry.role in {"chat", "embedding"}
    assert entry.runs in {"local", "hosted", "gpu"}
    assert entry.context_tokens > 0
    assert date(2026, 1, 1) < entry.verified_on <= date.today()
    if entry.role == "embedding":
        assert entry.dimensions
    if entry.runs == "hosted":
        assert entry.cost(1_000_000, 0) > 0
    else:
        assert entry.parameters
        assert entry.memory_mb
    if entry in LOCAL_CHAT:
        assert entry.speed
        assert [file.name for file in entry.files] == ["gguf"]
    if entry.runs == "local":
        assert entry.files


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_every_weight_file_has_one_source(entry):
    for file in entry.files:
        assert Path(file.filename).name == file.filename
        if file.package:
            assert "==" in file.package
            assert file.member.endswith(file.filename)
            assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
            assert file.bytes > 0
        else:
            assert file.hub_repo


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_replacements_exist_and_end(entry):
    seen = {entry.id}
    while entry.replacement:
        assert entry.retires_on, "a replacement without a day on which it replaces"
        successor = registry.model(entry.replacement)
        assert (successor.role, successor.runs) == (entry.role, entry.runs)
        assert successor.id not in seen
        seen.add(successor.id)
        entry = successor


def test_the_defaults_have_the_right_role(home):
    for entry, role, runs in (
        (registry.local_chat(), "chat", "local"),
        (registry.local_encoder(), "embedding", "local"),
        (registry.hosted_chat(NEVER), "chat", "hosted"),
        (registry.hosted_encoder(NEVER), "embedding", "hosted"),
    ):
        assert (entry.role, entry.runs) == (role, runs)
    # What is prepared by default must not need the hub.
    for entry in (registry.local_chat(), registry.local_encoder()):
        assert all(file.package for file in entry.files)


def test_the_replacement_answers_from_the_retirement_day_on():
    guide = registry.hosted_chat(NEVER)
    assert registry.hosted_chat(guide.retires_on - timedelta(days=1)) is guide
    assert registry.hosted_chat(guide.retires_on).id == guide.replacement


def test_costs():
    model = Model("x", "X", "chat", "hosted", "-", "-", NEVER, 1, usd_input=0.5, usd_output=2.0)
    assert model.cost(1_000_000) == 0.5
    assert model.cost(200, 100) == pytest.approx(0.0003)
    free = Model("x", "X", "chat", "local", "-", "-", NEVER, 1)
    assert free.cost(10**9, 10**9) == 0
    # Some host may serve a model that is meant for a GPU here: then it has a price.
    rented = Model("x", "X", "chat", "gpu", "-", "-", NEVER, 1, usd_input=1.0, usd_output=1.0)
    assert rented.cost(1_000_000) == 1
    with pytest.raises(CourseError, match="no price for x"):
        Model("x", "X", "chat", "hosted", "-", "-", NEVER, 1).cost(1)


def test_an_unknown_id_names_the_cure():
    with pytest.raises(CourseError, match="no model 'nonesuch'") as failure:
        registry.model("nonesuch")
    assert "course models list" in failure.value.cure


def test_the_choice_is_remembered_and_the_environment_counts_first(home, monkeypatch):
    default = registry.local_chat()
    other, third = [entry for entry in LOCAL_CHAT if entry != default][:2]
    registry.choose_local_chat(other)
    assert registry.local_chat() is other
    monkeypatch.setenv("COURSE_CHAT_MODEL", third.id)
    assert registry.local_chat() is third
    # With a hosted provider the variable means the hosted model.
    monkeypatch.setenv("COURSE_PROVIDER", "openai")
    assert registry.local_chat() is other


def test_only_a_local_chat_model_can_answer_here(home, monkeypatch):
    for wrong in (HOSTED[0], registry.local_encoder()):
        monkeypatch.setenv("COURSE_CHAT_MODEL", wrong.id)
        with pytest.raises(CourseError, match="cannot answer on this machine") as failure:
            registry.local_chat()
        assert all(entry.id in failure.value.cure for entry in LOCAL_CHAT)


def test_a_missing_or_cut_weight_file_is_named(home, monkeypatch):
    monkeypatch.setenv("COURSE_MODELS_DIR", str(home))
    entry = registry.local_chat()
    with pytest.raises(CourseError, match="is missing") as failure:
        registry.model_path(entry, "gguf")
    assert f"course models prepare {entry.id}" in failure.value.cure
    path = registry.file_path(entry, entry.files[0])
    path.parent.mkdir(parents=True)
    path.write_bytes(b"cut")
    with pytest.raises(CourseError, match="3 bytes"):
        registry.model_path(entry, "gguf")


def test_training_is_paid_by_token_and_epoch():
    trainable = next(m for m in ENTRIES if m.usd_training)
    assert trainable.training_cost(1_000_000, 1) == trainable.usd_training
    assert trainable.training_cost(500_000, 3) == pytest.approx(1.5 * trainable.usd_training)
    with pytest.raises(CourseError, match="no price for training") as failure:
        registry.local_chat().training_cost(1, 1)
    assert "usd_training" in failure.value.cure


# ------------------------------------------------------------------------- one place for model ids

TEXT = {".py", ".md", ".toml", ".yml", ".yaml", ".cfg", ".txt", ".jsonl", ".ipynb", ".sh"}
SKIPPED = {".git", ".course", ".venv", "node_modules", "__pycache__", ".ipynb_checkpoints"}


def texts_of_the_project():
    for folder, folders, names in os.walk(REPO):
        here = Path(folder)
        folders[:] = [
            name
            for name in folders
            if name not in SKIPPED
            and not (here / name / "pyvenv.cfg").exists()
            and here / name != REPO / "data" / "results"
        ]
        for name in names:
            path = here / name
            if path.suffix in TEXT or name == "Makefile":
                yield path


def written_by_hand(path):
    """A file's text; of a notebook what its author wrote, without the outputs."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])


def ids_in(text):
    return [m.id for m in ENTRIES if re.search(rf"(?<![\w-]){re.escape(m.id)}(?![\w-])", text)]


def test_no_model_id_stands_outside_the_registry():
    found = {
        str(path.relative_to(REPO)): ids
        for path in texts_of_the_project()
        if path != registry.REGISTRY_FILE and (ids := ids_in(written_by_hand(path)))
    }
    assert not found, "take the id from course_utils.registry or from connect()"


def test_the_search_can_find_one(tmp_path):
    first, second = ENTRIES[0].id, ENTRIES[-1].id
    assert ids_in(f'model = "{first}".') == [first]
    assert ids_in(f"un{first} {first}-2 my-{first}") == []
    notebook = {
        "cells": [
            {"cell_type": "markdown", "source": ["We ask ", second]},
            {"cell_type": "code", "source": "1", "outputs": [{"text": first}]},
        ]
    }
    (tmp_path / "x.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    assert ids_in(written_by_hand(tmp_path / "x.ipynb")) == [second]
    assert registry.REGISTRY_FILE in set(texts_of_the_project())
