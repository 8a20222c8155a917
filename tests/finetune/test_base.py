import pytest

from course_utils import CourseError, registry
from course_utils.finetune.base import base_folder, prepare_base

pytest.importorskip("torch")


def test_a_base_is_made_once_without_torch_in_this_process(home, capfd):
    chat = registry.local_chat()
    folder = prepare_base(chat)
    assert folder == base_folder(chat) and folder.is_relative_to(home)
    names = {path.name for path in folder.iterdir()}
    assert {"model.safetensors", "tokenizer.json", "chat_template.jinja"} <= names
    assert "quantization_config" not in (folder / "config.json").read_text(encoding="utf-8")
    assert capfd.readouterr() == ("", ""), "a notebook would show it"
    made = (folder / "model.safetensors").stat().st_mtime_ns
    prepare_base(chat)
    assert (folder / "model.safetensors").stat().st_mtime_ns == made


def test_damaged_weights_are_named_with_the_cure(home, tmp_path, monkeypatch):
    chat = registry.local_chat()
    [gguf] = [file for file in chat.files if file.name == "gguf"]
    models = tmp_path / "models" / chat.id
    models.mkdir(parents=True)
    with (models / gguf.filename).open("wb") as file:
        file.truncate(gguf.bytes)
    monkeypatch.setenv("COURSE_MODELS_DIR", str(tmp_path / "models"))
    with pytest.raises(CourseError, match=f"course models prepare {chat.id}"):
        prepare_base(chat)
    assert not base_folder(chat).exists()
