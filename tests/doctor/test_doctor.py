"""Each check can fail, on a machine that really has the trouble, and names its cure."""

import json
import os
import re
import shutil
import socket
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from course_utils import doctor, registry
from course_utils.doctor import machine as machine_checks
from course_utils.doctor import packages
from course_utils.settings import settings

unix = pytest.mark.skipif(os.name == "nt", reason="programs are found otherwise there")


def test_a_prepared_machine_passes(machine):
    report = doctor.examine()
    failing = {check["name"] for check in report["checks"] if not check["ok"]}
    assert failing <= {"memory", "disk"}  # what a crowded machine may lack
    assert report["ok"] is not failing
    assert [check["name"] for check in report["checks"]] == list(doctor.CHECKS)
    for check in report["checks"]:
        assert set(check) == {"name", "ok", "detail", "cure"}
        assert check["detail"]
    assert not machine.exists()  # looking leaves nothing behind


# ------------------------------------------------------------------- how each check can be broken


def old_python(patch, tmp_path):
    patch.setattr(machine_checks, "OLDEST_PYTHON", (99, 0))


def made_package(patch, tmp_path, name, version):
    """As if this version were installed."""
    metadata = tmp_path / "site" / f"{name}-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    patch.syspath_prepend(str(tmp_path / "site"))


def project_with(patch, tmp_path, *names, extra=False):
    """As if pyproject.toml named these packages too."""
    original = (packages.REPO / "pyproject.toml").read_text(encoding="utf-8")
    start = "train = [" if extra else "dependencies = ["
    lines = "".join(f'\n    "{name}",' for name in names)
    (tmp_path / "pyproject.toml").write_text(original.replace(start, start + lines, 1))
    (tmp_path / "constraints.txt").write_text("# none\n")
    patch.setattr(packages, "REPO", tmp_path)


def missing_package(patch, tmp_path):
    project_with(patch, tmp_path, "no-such-package>=1")


def many_missing(patch, tmp_path):
    patch.setattr(packages, "VENV", tmp_path)  # not what `make setup` has made
    project_with(patch, tmp_path, *(f"no-such-package-{i}" for i in range(9)))


def much_of_the_setup_missing(patch, tmp_path):
    many_missing(patch, tmp_path)
    patch.setattr(packages, "VENV", Path(sys.prefix))


def old_package(patch, tmp_path):
    made_package(patch, tmp_path, "openai", "1.0.0")


def other_package(patch, tmp_path):
    patch.setattr(packages, "VENV", Path(sys.prefix))
    made_package(patch, tmp_path, "httpx", "0.99.0")


def missing_trainer(patch, tmp_path):
    project_with(patch, tmp_path, "no-such-trainer", extra=True)


def old_trainer(patch, tmp_path):
    made_package(patch, tmp_path, "trl", "0.1.0")


def foreign_kernel(patch, tmp_path, variable="JUPYTER_PATH"):
    spec = tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    argv = ["/opt/another/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "x", "language": "python"}))
    patch.setenv(variable, str(tmp_path / "jupyter"))


def users_kernel(patch, tmp_path):
    foreign_kernel(patch, tmp_path, "JUPYTER_DATA_DIR")
    patch.setenv("JUPYTER_PREFER_ENV_PATH", "0")


def damaged_weights(patch, tmp_path):
    # Links to the good files, and one damaged copy among them.
    shelf = tmp_path / "shelf"
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
    patch.setenv("COURSE_MODELS_DIR", str(shelf))


def share(good, path):
    try:
        path.symlink_to(good)
    except OSError:  # on Windows links need a privilege
        shutil.copyfile(good, path)


def no_weights(patch, tmp_path):
    patch.setenv("COURSE_MODELS_DIR", str(tmp_path / "nothing"))


def engine_without_libraries(patch, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "xllamacpp.py").write_text(
        "raise ImportError('libgomp.so.1: no such file')"
    )
    patch.syspath_prepend(str(tmp_path / "site"))
    patch.delitem(sys.modules, "xllamacpp", raising=False)


def driver(patch, tmp_path, script):
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    patch.setenv("PATH", str(program.parent), prepend=os.pathsep)


def driver_that_fails(patch, tmp_path):
    driver(
        patch,
        tmp_path,
        "echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18",
    )


def little_memory(patch, tmp_path):
    patch.setattr(machine_checks, "NEEDED_MEMORY_MB", 10**9)


def no_memory_to_train(patch, tmp_path):
    patch.setattr(machine_checks, "NEEDED_MEMORY_MB", 0)
    patch.setattr(machine_checks, "TRAINING_MEMORY_MB", 10**9)


def small_container(patch, tmp_path):
    group = tmp_path / "cgroup"
    group.mkdir()
    for name, text in {
        "memory.max": "900000000\n",
        "memory.current": "700000000\n",
        "memory.stat": "anon 5\ninactive_file 300000000\n",
    }.items():
        (group / name).write_text(text)
    patch.setattr(machine_checks, "CGROUP", group)


def full_disk(patch, tmp_path):
    patch.setattr(machine_checks, "NEEDED_DISK_MB", 10**12)


def home_below_a_file(patch, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    patch.setenv("COURSE_HOME", str(tmp_path / "file" / "home"))


def home_where_nobody_writes(patch, tmp_path):
    if sys.platform != "linux":
        pytest.skip("there is no /proc")
    patch.setenv("COURSE_HOME", "/proc/course")  # not even root may


def read_only_home(patch, tmp_path):
    if os.name == "nt" or os.geteuid() == 0:
        pytest.skip("root and Windows pass over a folder's mode")
    (tmp_path / "shut").mkdir(mode=0o555)
    patch.setenv("COURSE_HOME", str(tmp_path / "shut" / "home"))


def no_temporary_files(patch, tmp_path):
    patch.setattr(machine_checks.tempfile, "tempdir", str(tmp_path / "nothing"))


def read_only_notebooks(patch, tmp_path):
    patch.setattr(machine_checks, "NOTEBOOKS", tmp_path / "nothing")


def socks_proxy(patch, tmp_path):
    patch.setenv("ALL_PROXY", "socks5://me:secret@127.0.0.1:1080")


def nonsense_proxy(patch, tmp_path):
    patch.setenv("HTTPS_PROXY", "http://me:secret@proxy:port")


def broken_no_proxy(patch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        patch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{taken.getsockname()[1]}")
    patch.setenv("NO_PROXY", "fd00::/8")


def dead_proxy(patch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    patch.setenv("HTTPS_PROXY", f"http://me:secret@127.0.0.1:{port}")


def other_base_url(patch, tmp_path):
    patch.setenv("OPENAI_BASE_URL", "https://me:secret@example.com/v1")


def unknown_provider(patch, tmp_path):
    patch.setenv("COURSE_PROVIDER", "opnai")


def host_without_models(patch, tmp_path):
    patch.setenv("COURSE_PROVIDER", "https://example.com/v1")


def no_key(patch, tmp_path):
    patch.setenv("COURSE_PROVIDER", "openai")


def quoted_key(patch, tmp_path):
    patch.setenv("COURSE_PROVIDER", "openai")
    patch.setenv("OPENAI_API_KEY", '"secret-1234567890"')


def hosted_model_that_leaves(patch, tmp_path):
    leaving = next(entry for entry in registry.models().values() if entry.retires_on)
    patch.setenv("COURSE_PROVIDER", "openai")
    patch.setenv("COURSE_CHAT_MODEL", leaving.id)
    patch.setattr(registry, "WARN_BEFORE", leaving.retires_on - date.today())


# What the check is made of, how it is broken, whether it fails (or only advises), and words of
# the detail and of the cure.
TROUBLES = [
    ("python", old_python, False, "99.0 or newer is needed", "delete .venv"),
    ("packages", missing_package, False, "missing: no-such-package", "pip install -c"),
    ("packages", many_missing, False, "and 3 more", "-e"),
    ("packages", much_of_the_setup_missing, False, "no-such-package-0", "course-setup.txt"),
    ("packages", old_package, False, "openai 1.0.0 (needed: >=", "openai"),
    ("packages", other_package, True, "httpx 0.99.0 (tested with", "httpx"),
    ("training packages", missing_trainer, False, "missing: no-such-trainer", "no-such-trainer"),
    ("training packages", old_trainer, False, "trl 0.1.0 (needed: >=", "pip install -c"),
    ("kernel", foreign_kernel, False, "/opt/another/bin/python", "unset JUPYTER_PATH"),
    ("kernel", users_kernel, False, "/opt/another/bin/python", "unset JUPYTER_PREFER_ENV_PATH"),
    ("model weights", damaged_weights, False, "damaged: ", "course models prepare"),
    ("model weights", no_weights, False, "missing", "course models prepare"),
    ("engine", engine_without_libraries, False, "libgomp.so.1", "apt install libgomp1"),
    pytest.param("gpu", driver_that_fails, True, "version mismatch", "driver", marks=unix),
    ("memory", little_memory, False, "MB needed", "course stop"),
    ("memory", no_memory_to_train, True, "lessons that train need", "course stop"),
    ("memory", small_container, False, "500 MB free", "course stop"),
    ("disk", full_disk, False, "MB needed", "COURSE_HOME"),
    ("folders", home_below_a_file, False, "the course cannot write to", "COURSE_HOME"),
    ("folders", home_where_nobody_writes, False, "/proc/course", "COURSE_HOME"),
    ("folders", read_only_home, False, "ermission denied", "COURSE_HOME"),
    ("folders", no_temporary_files, False, "temporary files", "TMPDIR"),
    ("folders", read_only_notebooks, True, "is not", "folder of your own"),
    ("proxy", socks_proxy, False, "ALL_PROXY=socks5://127.0.0.1:1080", "ALL_PROXY"),
    ("proxy", nonsense_proxy, False, "HTTPS_PROXY=http://proxy:port", "unset"),
    ("proxy", broken_no_proxy, False, "NO_PROXY", "127.0.0.1,localhost"),
    ("proxy", dead_proxy, True, "does not answer", "unset HTTPS_PROXY"),
    ("base url", other_base_url, True, "https://example.com/v1", "COURSE_PROVIDER"),
    ("provider and key", unknown_provider, False, "unknown provider 'opnai'", "local, openai"),
    ("provider and key", host_without_models, False, "which models", "COURSE_CHAT_MODEL"),
    ("provider and key", no_key, False, "OPENAI_API_KEY is not set", "set OPENAI_API_KEY"),
    ("provider and key", quoted_key, False, "holds quotes", "copy the key again"),
    ("hosted models", hosted_model_that_leaves, True, "its host retires", "data/models.toml"),
]


@pytest.mark.parametrize(
    ("name", "trouble", "ok", "detail", "cure"),
    TROUBLES,
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_finds_the_trouble_and_names_its_cure(
    look, monkeypatch, tmp_path, name, trouble, ok, detail, cure
):
    before = look(name)
    with monkeypatch.context() as patch:
        trouble(patch, tmp_path)
        found = look(name)
    assert detail in found["detail"]
    assert cure in found["cure"]
    assert found["ok"] is ok
    assert "secret" not in str(found)
    assert "\n" not in found["detail"] + found["cure"]
    assert found != before
    assert_runnable(found["cure"])


# The rest needs a server, a process or a namespace of its own: below, and in test_host.py.
ELSEWHERE = {"clock", "loopback", "endpoint"}


def test_every_check_can_fail():
    names = {getattr(trouble, "values", trouble)[0] for trouble in TROUBLES}
    assert names | ELSEWHERE == set(doctor.CHECKS)


def assert_runnable(cure):
    """A command in backquotes begins with a program that is here."""
    for command in re.findall(r"`([^`]+)`", cure):
        program = re.match(r'"[^"]+"|\S+', command)[0].strip('"')
        assert program in {"make", "apt", "export", "set", "py"} or shutil.which(program), cure


# ------------------------------------------------------------------------------------ single checks


def test_a_build_of_the_pinned_version_does_not_differ(monkeypatch, tmp_path):
    (tmp_path / "constraints.txt").write_text(
        "# pins\nhttpx==0.99.0\nTRL==1.0 # why\nnonesuch==1\n"
    )
    monkeypatch.setattr(packages, "REPO", tmp_path)
    made_package(monkeypatch, tmp_path, "httpx", "0.99.0+cpu")
    made_package(monkeypatch, tmp_path, "trl", "1.0.1")
    assert packages.differing_pins() == {"trl": "trl 1.0.1 (tested with 1.0)"}


def test_in_somebody_elses_environment_other_versions_are_no_trouble(look, monkeypatch, tmp_path):
    other_package(monkeypatch, tmp_path)
    monkeypatch.setattr(packages, "VENV", tmp_path / ".venv")
    found = look("packages")
    assert "httpx 0.99.0" in found["detail"]
    assert found["cure"] == ""


@unix
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("NVIDIA H200, 143771 MiB, 9.0", "NVIDIA H200, 151 GB: training computes in bfloat16"),
        ("Tesla T4, 15360 MiB, 7.5", "Tesla T4, 16 GB: training computes in float16"),
    ],
)
@pytest.mark.parametrize("build", ["None", "'13.0'"])
def test_names_the_gpu_and_a_torch_that_cannot_use_it(
    look, monkeypatch, tmp_path, line, said, build
):
    driver(monkeypatch, tmp_path, f"echo '{line}'")
    torch = tmp_path / "site" / "torch"
    torch.mkdir(parents=True)
    (torch / "__init__.py").write_text("raise SystemExit('torch must not be loaded')")
    (torch / "version.py").write_text(f"cuda: Optional[str] = {build}\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    found = look("gpu")
    assert found["ok"]
    assert found["detail"].startswith(said)
    assert ("pytorch.org" in found["cure"]) is (build == "None")


def test_says_what_torch_would_say_of_the_cpu():
    torch = pytest.importorskip("torch")
    bf16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    assert machine_checks._cpu_bf16() is bf16


def test_a_container_of_the_older_kind_and_one_without_a_limit(monkeypatch, tmp_path):
    outside = machine_checks.free_memory_mb()
    group = tmp_path / "memory"
    group.mkdir()
    monkeypatch.setattr(machine_checks, "CGROUP", tmp_path)
    (group / "memory.stat").write_text("total_inactive_file 1000000\n")
    (group / "memory.usage_in_bytes").write_text("40000000")
    (group / "memory.limit_in_bytes").write_text("60000000")
    assert machine_checks.free_memory_mb() == 21
    (group / "memory.limit_in_bytes").write_text("9223372036854771712")
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1\n")
    assert machine_checks.free_memory_mb() == pytest.approx(outside, rel=0.5)


def test_a_clock_that_stands_before_the_course_was_made(look, models_toml):
    assert look("clock")["ok"]
    later = date.today() + timedelta(days=3)
    models_toml(
        lambda text: re.sub(r"(?m)^verified_on = .*", f"verified_on = {later}", text, count=1)
    )
    found = look("clock")
    assert found["ok"] is False
    assert str(later) in found["detail"]
    assert "clock" in found["cure"]


def test_a_broken_setting_fails_its_check_and_not_the_report(machine, monkeypatch):
    monkeypatch.setenv("COURSE_CHAT_MODEL", "nonesuch")
    report = doctor.examine()
    broken = [check for check in report["checks"] if "nonesuch" in check["detail"]]
    assert [check["name"] for check in broken] == ["model weights"]
    assert broken[0]["cure"]
    assert len(report["checks"]) == len(doctor.CHECKS)


def test_a_check_that_breaks_fails_alone(look, machine, monkeypatch, tmp_path):
    monkeypatch.setattr(packages, "REPO", tmp_path)  # no pyproject.toml there
    found = look("packages")
    assert found["ok"] is False
    assert "FileNotFoundError" in found["detail"]
    assert "course doctor --report" in found["cure"]
