"""The commit hooks offered to contributors, run by pre-commit in a repository of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat.v4 as v4
import pytest
import yaml

from course_utils.settings import REPO
from course_utils.teach.tidy import METADATA

CONFIG = ".pre-commit-config.yaml"
PYTHON = Path(sys.prefix) / "bin" / "python"
HOOKS = ("notebook-tidy", "ruff-check", "ruff-format", "codespell", "notebook-structure")
NOTEBOOK = "notebooks/exercises/00_start_here.ipynb"

pytestmark = pytest.mark.skipif(
    not (PYTHON.exists() and shutil.which("git")), reason="the hooks need .venv/bin and git"
)


@pytest.fixture
def repository(tmp_path, clean_environment):
    """A git repository with the course's hooks, a clean notebook, a module and a page."""
    for name in (CONFIG, "pyproject.toml"):
        shutil.copy(REPO / name, tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    cell = v4.new_code_cell("print(1)", execution_count=1)
    cell.outputs = [v4.new_output("stream", name="stdout", text="1\n")]
    made = v4.new_notebook(cells=[v4.new_markdown_cell("# Exercises"), cell], metadata=METADATA)
    write(tmp_path / NOTEBOOK, json.dumps(made, indent=1, sort_keys=True) + "\n")
    write(tmp_path / "module.py", "x = 1\n")
    write(tmp_path / "page.md", "# A page\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def run(repository):
    """How each hook ended, by its id, and what all of them printed."""
    subprocess.run(["git", "add", "--all", "--", ":!.venv"], cwd=repository, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color=never", "--verbose"],
        cwd=repository,
        capture_output=True,
        text=True,
        env=os.environ
        | {"PRE_COMMIT_HOME": str(repository / ".git" / "cache"), "SKIP": "model-ids,binder"},
    )
    pattern = r"\.(Passed|Failed|Skipped)\n- hook id: (\S+)"
    return {hook: end for end, hook in re.findall(pattern, done.stdout)}, done.stdout


def test_clean_files_pass_every_hook(repository):
    ends, printed = run(repository)
    assert {hook: ends.get(hook) for hook in HOOKS} == dict.fromkeys(HOOKS, "Passed"), printed


def test_each_hook_finds_its_fault_and_some_mend_it(repository):
    notebook = json.loads((repository / NOTEBOOK).read_text(encoding="utf-8"))
    notebook["cells"][1]["metadata"]["execution"] = {"iopub.status.busy": "2026-01-01T00:00:00"}
    write(repository / NOTEBOOK, json.dumps(notebook))
    write(repository / "module.py", "import os\nx=1\n")
    write(repository / "page.md", "# A page\n\nSee teh [plan](no.md).\n")  # codespell:ignore teh
    ends, printed = run(repository)
    assert {hook: ends.get(hook) for hook in HOOKS} == dict.fromkeys(HOOKS, "Failed"), printed
    for said in (
        "F401",
        "tidied notebooks/",
        "==> the",
        "page.md: a link leads nowhere: no.md",
    ):
        assert said in printed
    tidied = json.loads((repository / NOTEBOOK).read_text(encoding="utf-8"))
    assert tidied["cells"][1]["metadata"] == {}
    assert (repository / "module.py").read_text(encoding="utf-8").endswith("x = 1\n")


def test_the_tests_that_hooks_run_exist():
    hooks = yaml.safe_load((REPO / CONFIG).read_text(encoding="utf-8"))["repos"][0]["hooks"]
    named = [word for hook in hooks for word in hook["entry"].split() if word.startswith("tests/")]
    assert named
    assert [name for name in named if not (REPO / name).exists()] == []
