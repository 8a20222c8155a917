"""The set-up, without installing anything."""

import http.server
import os
import socket
import subprocess
import sys
import threading

import pytest

from course_utils import bootstrap
from course_utils.settings import REPO


@pytest.fixture
def venv(tmp_path, monkeypatch):
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / ".venv" / "course-setup.txt")
    return tmp_path / ".venv"


@pytest.fixture
def repo(tmp_path, monkeypatch):
    monkeypatch.setattr(bootstrap, "REPO", tmp_path)
    monkeypatch.delenv("COURSE_NEWEST", raising=False)
    text = '[tool.course]\nextras = ["a", "b"]\ntorch = "torch==1"\ntorch_cpu_index = "http://x"\n'
    (tmp_path / "pyproject.toml").write_text(text)
    (tmp_path / "constraints.txt").write_text("one==1\n")
    return tmp_path


@pytest.fixture
def commands(monkeypatch):
    """What would be run; nothing is."""
    seen = []
    monkeypatch.setattr(bootstrap, "run", lambda *command, failure: seen.append(command))
    monkeypatch.setattr(bootstrap, "works", lambda *command: False)
    return seen


def test_an_old_python_is_told_so(monkeypatch, capsys, commands):
    monkeypatch.setattr(bootstrap, "OLDEST_PYTHON", (99, 0))
    with pytest.raises(SystemExit) as ending:
        bootstrap.setup()
    assert ending.value.code == 1
    message = capsys.readouterr().err
    assert "is too old" in message
    assert "->" in message
    assert commands == []


def test_an_old_python_gets_as_far_as_the_message():
    # Annotations are not evaluated, so `list[str]` does not stop Python 3.8 first.
    source = (REPO / "course_utils" / "bootstrap.py").read_text(encoding="utf-8")
    compile(source, "bootstrap.py", "exec")
    assert "from __future__ import annotations" in source


def test_help_names_the_three_tasks_and_nonsense_is_refused():
    script = REPO / "course_utils" / "bootstrap.py"
    helped = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert helped.returncode == 0
    assert all(task in helped.stdout for task in ("setup", "lab", "test"))
    assert subprocess.run([sys.executable, script, "dance"], capture_output=True).returncode == 2


# ------------------------------------------------------------------------------- PyTorch's index


class Index(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def index(monkeypatch):
    server = http.server.HTTPServer(("127.0.0.1", 0), Index)
    server.asked, server.status = [], 200
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(bootstrap.shutil, "which", lambda program: None)
    yield server
    server.shutdown()
    server.server_close()


def address(server):
    return f"http://127.0.0.1:{server.server_port}/whl/cpu"


def test_takes_the_cpu_index_when_it_answers(index):
    assert bootstrap.cpu_index(address(index)) == ["--extra-index-url", address(index)]
    assert index.asked == ["/whl/cpu/torch/"]


def test_does_without_when_the_index_has_no_torch(index):
    index.status = 404
    assert bootstrap.cpu_index(address(index)) == []


def test_does_without_when_nobody_answers(index):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert bootstrap.cpu_index(f"http://127.0.0.1:{port}/whl/cpu") == []
    assert bootstrap.cpu_index("not an address") == []


def test_does_without_on_a_machine_with_a_gpu(index, monkeypatch):
    monkeypatch.setattr(bootstrap.shutil, "which", lambda program: f"/usr/bin/{program}")
    assert bootstrap.cpu_index(address(index)) == []
    monkeypatch.setattr(bootstrap.shutil, "which", lambda program: None)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert bootstrap.cpu_index(address(index)) == []
    assert index.asked == []


# -------------------------------------------------------------------------------------- packages


def test_installs_once_and_again_when_the_files_change(venv, repo, commands, monkeypatch):
    monkeypatch.setattr(bootstrap, "cpu_index", lambda address: ["--extra-index-url", address])
    venv.mkdir()
    bootstrap.install_packages()
    torch, rest = commands
    assert torch[-3:] == ("--extra-index-url", "http://x", "torch==1")
    assert rest[-1] == f"{repo}[a,b]"
    assert rest[rest.index("-c") + 1] == repo / "constraints.txt"
    bootstrap.install_packages()
    assert len(commands) == 2
    for file in ("pyproject.toml", "constraints.txt"):
        with (repo / file).open("a") as opened:
            opened.write("# changed\n")
        before = len(commands)
        bootstrap.install_packages()
        assert len(commands) > before


def test_takes_the_newest_versions_when_asked(venv, repo, commands, monkeypatch):
    monkeypatch.setattr(bootstrap, "cpu_index", lambda address: ["--extra-index-url", address])
    venv.mkdir()
    bootstrap.install_packages()
    monkeypatch.setenv("COURSE_NEWEST", "1")
    bootstrap.install_packages()
    torch, rest = commands[2:]
    assert torch[-1] == "torch"
    assert rest[-1] == f"{repo}[a,b]"
    assert "--upgrade-strategy=eager" in rest
    assert "-c" not in rest
    assert "http://x" in rest  # or torch would be exchanged for CUDA's
    bootstrap.install_packages()
    assert len(commands) == 4
    monkeypatch.setenv("COURSE_NEWEST", "0")  # and back to the tested ones
    bootstrap.install_packages()
    assert "-c" in commands[-1]


def test_an_interrupted_installation_is_taken_up_again(venv, repo, commands, monkeypatch):
    venv.mkdir()

    def interrupted(*command, failure):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "run", interrupted)
        patch.setattr(bootstrap, "cpu_index", lambda address: [])
        with pytest.raises(KeyboardInterrupt):
            bootstrap.install_packages()
    assert not bootstrap.STAMP.exists()
    monkeypatch.setattr(bootstrap, "works", lambda *command: True)  # torch is there by now
    bootstrap.install_packages()
    assert [command[-1] for command in commands] == [f"{repo}[a,b]"]


def test_a_failing_command_ends_with_what_and_the_cure(capsys):
    with pytest.raises(SystemExit) as ending:
        bootstrap.run(sys.executable, "-c", "raise SystemExit(3)", failure="It went wrong.")
    assert ending.value.code == 1
    assert "It went wrong.\n[course]   -> " in capsys.readouterr().err


# ------------------------------------------------------------------------- the virtual environment


def test_a_sound_environment_is_kept(venv, commands, monkeypatch):
    program = bootstrap.in_venv("python")
    program.parent.mkdir(parents=True)
    program.touch()
    monkeypatch.setattr(bootstrap, "works", lambda *command: True)
    bootstrap.create_venv()
    assert program.exists()
    assert commands == []


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_broken_environment_is_made_anew(venv):
    # What an upgrade of the system's Python leaves: a link to nowhere, and old packages.
    program = bootstrap.in_venv("python")
    program.parent.mkdir(parents=True)
    program.symlink_to("/nonexistent/python3")
    bootstrap.STAMP.write_text("installed")
    bootstrap.create_venv()
    assert bootstrap.works(program, "-c", "import pip")
    assert not bootstrap.STAMP.exists()  # so the packages are installed anew


@pytest.mark.skipif(os.name == "nt", reason="what is a program is decided otherwise there")
def test_a_file_that_is_no_program_does_not_work(tmp_path):
    (tmp_path / "python").write_text("not a program")
    assert not bootstrap.works(tmp_path / "python")
    assert bootstrap.works(sys.executable, "-c", "")
    assert not bootstrap.works(sys.executable, "-c", "raise SystemExit(1)")
