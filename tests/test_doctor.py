import json
import shutil

import pytest

from course_utils import doctor, registry
from course_utils.settings import settings

KEY = "an-example-of-a-key-1234567890"


def check(report, name):
    (found,) = [entry for entry in report["checks"] if entry["name"] == name]
    return found


def test_a_prepared_machine_passes(home):
    report = doctor.examine()
    failing = {entry["name"] for entry in report["checks"] if not entry["ok"]}
    assert failing <= {"memory", "disk"}  # what a crowded machine may lack
    assert "checksums right" in check(report, "model weights")["detail"]


def test_the_shape(home, monkeypatch):
    monkeypatch.setenv("COURSE_MODELS_DIR", str(home / "nothing"))
    monkeypatch.setenv("COURSE_PROVIDER", "openai")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(doctor, "NEEDED_MEMORY_MB", 10**9)
    monkeypatch.setattr(doctor, "NEEDED_DISK_MB", 10**12)
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (99, 0))
    report = json.loads(json.dumps(doctor.examine()))
    assert set(report) == {"ok", "checks"}
    assert report["ok"] is False
    for entry in report["checks"]:
        assert set(entry) == {"name", "ok", "detail", "cure"}
        assert isinstance(entry["ok"], bool)
        assert entry["detail"]
    failing = {entry["name"]: entry["cure"] for entry in report["checks"] if not entry["ok"]}
    assert set(failing) >= {"python", "model weights", "memory", "disk", "provider and key"}
    assert all(failing.values())


def test_notices_a_damaged_weight_file(home, monkeypatch):
    # Links to the good files, and one damaged copy among them.
    shelf = home / "models"
    broken = registry.local_encoder().files[-1]
    for entry in (registry.local_chat(), registry.local_encoder()):
        for file in entry.files:
            good = settings().models_dir / entry.id / file.filename
            path = shelf / entry.id / file.filename
            path.parent.mkdir(parents=True, exist_ok=True)
            if file is broken:
                path.write_bytes(good.read_bytes()[:-1] + b"?")
            else:
                share(good, path)
    monkeypatch.setenv("COURSE_MODELS_DIR", str(shelf))
    weights = check(doctor.examine(), "model weights")
    assert weights["ok"] is False
    assert weights["detail"].endswith(f"damaged: {registry.local_encoder().id}/{broken.filename}")
    assert "course models prepare" in weights["cure"]


def share(good, path):
    try:
        path.symlink_to(good)
    except OSError:  # on Windows links need a privilege
        shutil.copyfile(good, path)


@pytest.mark.parametrize("provider", ["local", "openai"])
def test_never_shows_the_key(home, monkeypatch, provider):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("COURSE_PROVIDER", provider)
    report = doctor.examine()
    assert KEY not in json.dumps(report)
    key = check(report, "provider and key")
    assert key["ok"] is True
    assert ("stays unused" in key["detail"]) is (provider == "local")


def test_a_broken_setting_fails_its_check_and_not_the_report(home, monkeypatch):
    monkeypatch.setenv("COURSE_CHAT_MODEL", "nonesuch")
    report = doctor.examine()
    broken = [entry for entry in report["checks"] if "nonesuch" in entry["detail"]]
    assert [entry["ok"] for entry in broken] == [False]
    assert broken[0]["cure"]
    assert len(report["checks"]) == len(doctor.CHECKS)


def test_finds_a_package_that_is_missing(home, monkeypatch):
    monkeypatch.setattr(doctor, "_installed", lambda name: name != "chromadb")
    packages = check(doctor.examine(), "packages")
    assert packages["ok"] is False
    assert packages["detail"] == "missing: chromadb"


def test_warns_before_a_hosted_model_retires(home, monkeypatch):
    model = registry.hosted_chat()
    if model.retires_on is None:
        pytest.skip("the hosted model in use has no end yet")
    monkeypatch.setattr(doctor, "WARN_BEFORE", model.retires_on - doctor.date.today())
    assert model.id in check(doctor.examine(), "hosted models")["detail"]
    monkeypatch.setattr(doctor, "WARN_BEFORE", doctor.timedelta(days=-1))
    assert check(doctor.examine(), "hosted models")["detail"].startswith("none")
