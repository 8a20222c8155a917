"""The command for vLLM, as far as it can be judged without one: its form, and what it refuses."""

import json
import os
import shlex
import shutil
import sys

import pytest

from course_utils import CourseError, registry
from course_utils.cli import main
from course_utils.finetune.prepared import RECIPES, STORED, found
from course_utils.finetune.vllm import RANKS, read_adapter, serve_command


@pytest.fixture
def adapter(tmp_path):
    """``adapter(**changes)`` → a copy of a prepared adapter with a changed configuration."""

    def make(name="mine", **changes):
        folder = tmp_path / name
        shutil.copytree(STORED / "house-style", folder)
        file = folder / "adapter_config.json"
        config = json.loads(file.read_text(encoding="utf-8")) | changes
        file.write_text(json.dumps(config), encoding="utf-8")
        return str(folder)

    return make


def options(command):
    """Option → its values."""
    assert command[:2] == ["vllm", "serve"]
    read, current = {"model": [command[2]]}, None
    for part in command[3:]:
        if part.startswith("--"):
            current = read.setdefault(part, [])
        else:
            current.append(part)
    return read


@pytest.mark.parametrize("name", RECIPES)
def test_a_prepared_adapter_keeps_the_name_that_it_has_here(home, name):
    given = options(serve_command([name]))
    [one] = [one for one in found() if one.name == name]
    base = registry.model(one.card["base"])
    assert given["model"] == [base.hub_id]
    assert given["--served-model-name"] == [base.id]
    assert given["--host"] == ["127.0.0.1"], "vLLM's default is to listen on all addresses"
    assert given["--max-lora-rank"] == ["16"]
    [module] = map(json.loads, given["--lora-modules"])
    assert module["name"] == one.model_id
    assert module["base_model_name"] == base.id
    assert module["path"] == str(STORED / name)


def test_what_is_printed_can_be_pasted_into_a_shell(home, adapter, monkeypatch, capsys):
    folder = adapter("two words, it's mine")
    monkeypatch.setattr(sys, "argv", ["course", "adapters", "vllm", folder, "house-style"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    printed = shlex.split(capsys.readouterr().out.replace("\\\n", " "))
    assert printed == serve_command([folder, "house-style"])
    assert options(printed)["--max-loras"] == ["2"]
    assert len(options(printed)["--lora-modules"]) == 2


def test_a_jobs_adapter_has_the_jobs_name(home, adapter, tmp_path):
    (tmp_path / "ftjob-1").mkdir()
    folder = shutil.move(adapter(), tmp_path / "ftjob-1" / "adapter")
    assert read_adapter(str(folder)).name == "ftjob-1"


@pytest.mark.parametrize(
    ("rank", "allowed"), [(1, 8), (8, 8), (9, 16), (16, 16), (300, 320), (512, 512)]
)
def test_the_rank_is_rounded_up_to_one_that_vllm_takes(home, adapter, rank, allowed):
    given = options(serve_command([adapter(r=rank)]))
    assert given["--max-lora-rank"] == [str(allowed)] and allowed in RANKS


def test_the_base_can_be_given(home, adapter, tmp_path):
    other = adapter(base_model_name_or_path="somebody/else")
    given = options(serve_command([other], base="somebody/else-too"))
    assert given["model"] == given["--served-model-name"] == ["somebody/else-too"]
    given = options(serve_command([adapter("ours")], base=str(tmp_path)))
    assert given["model"] == [str(tmp_path.resolve())], "weights of this machine"
    assert given["--served-model-name"] == [registry.local_chat().id]
    given = options(serve_command([adapter("local", base_model_name_or_path=str(tmp_path))]))
    assert given["model"] == [str(tmp_path.resolve())]


@pytest.mark.parametrize(
    "changes",
    [
        {"modules_to_save": ["lm_head"]},
        {"use_dora": True},
        {"bias": "all"},
        {"rank_pattern": {"q_proj": 32}},
        {"alpha_pattern": {"q_proj": 64}},
        {"peft_type": "IA3"},
        {"r": 513},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_vllm_cannot_serve_as_an_adapter_is_to_be_merged(home, adapter, changes):
    with pytest.raises(CourseError) as refusal:
        serve_command([adapter(**changes)])
    assert "merge_and_unload" in refusal.value.cure


def test_weights_decide_which_layers_are_changed(home, adapter):
    from safetensors.numpy import load_file, save_file

    folder = adapter(target_modules=["q_proj", "no_such_layer"])
    serve_command([folder])
    file = f"{folder}/adapter_model.safetensors"
    weights = load_file(file)
    some = next(iter(weights.values()))
    save_file(weights | {"base_model.model.lm_head.lora_A.weight": some}, file)
    with pytest.raises(CourseError, match="changes lm_head") as refusal:
        serve_command([folder])
    assert "merge_and_unload" in refusal.value.cure


def test_wrong_folders(home, adapter, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["course", "adapters", "vllm", str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert "house-style, house-style-context" in capsys.readouterr().err
    (tmp_path / "mine").mkdir()
    with pytest.raises(CourseError, match="no folder with an adapter"):
        serve_command([str(tmp_path / "mine")])
    (tmp_path / "mine").rmdir()
    folder = adapter()
    with pytest.raises(CourseError, match=r"not in data/models\.toml") as refusal:
        serve_command([adapter("far", base_model_name_or_path="somebody/else")])
    assert "--base" in refusal.value.cure
    with pytest.raises(CourseError, match="several bases"):
        serve_command([folder, str(tmp_path / "far")])
    os.truncate(f"{folder}/adapter_model.safetensors", 100)
    with pytest.raises(CourseError, match="cannot be read"):
        serve_command([folder])
