"""Lesson 00 as Colab would run it: Colab's packages, a kernel, and nothing but the notebook.

Two things stand in, since Colab cannot be had here. A module ``google.colab`` marks the platform
and holds the secrets. And git takes the repository's address to mean a clone of this working tree,
so that the cell runs as it is committed. The rest is real: pip, packages, kernel, models.
"""

import copy
import os
import subprocess
import sys
import tomllib

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from course_utils import bootstrap
from course_utils.teach.address import release, repository

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="Colab is Linux")]
# What Colab had in August 2026, of what matters here (github: googlecolab/backend-info).
COLAB = """
accelerate==1.14.0 datasets==4.0.0 fastapi==0.141.1 filelock==3.32.3 huggingface-hub==1.27.0
ipykernel==6.17.1 ipython==7.34.0 ipywidgets==7.7.1 jiter==0.16.0 jupyter-client==7.4.9
langchain==1.3.15 matplotlib==3.10.0 numpy==2.1.3 openai==2.54.0 pandas==2.2.3 peft==0.20.0
protobuf==5.29.6 psutil==5.9.5 pyarrow==18.1.0 pydantic==2.13.4 pyzmq==26.2.1 requests==2.32.4
rich==13.9.4 tokenizers==0.22.2 tornado==6.5.7 traitlets==5.7.1 transformers==5.15.0
"""
KEPT = ("ipykernel", "ipython", "ipywidgets", "numpy", "pandas", "torch", "transformers")
SECRET = "not-a-real-key"
VERSIONS = f"from importlib.metadata import version\nprint([version(name) for name in {KEPT}])"
IMPORTS = "import peft, trl, chromadb, ragas\nimport course_utils\nprint(course_utils.__file__)"
KEY = f"from course_utils import connection\nprint(connection._key == {SECRET!r})"


@pytest.fixture
def environment(source_tree, tmp_path, monkeypatch):
    """The variables of a Colab session, whose ``git clone`` reaches this tree under its tag."""
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-C", source_tree]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"], ["tag", release()]):
        subprocess.run([*git, *command], check=True)
    platform = tmp_path / "platform" / "google" / "colab"
    platform.mkdir(parents=True)
    (platform / "__init__.py").write_text("")
    (platform / "userdata.py").write_text(f"get = {{'OPENAI_API_KEY': {SECRET!r}}}.__getitem__\n")
    kept = {k: v for k, v in os.environ.items() if k.startswith("PIP_") or k in ("LANG", "TMPDIR")}
    return kept | {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{source_tree}.insteadOf",
        "GIT_CONFIG_VALUE_0": repository(),
        "HOME": str(tmp_path),
        "PATH": f"{tmp_path / 'venv' / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(tmp_path / "platform"),
    }


@pytest.fixture
def kernel(source_tree, tmp_path, environment, monkeypatch):
    """The name of a kernel in an environment that has what Colab brings, its torch included."""
    course = tomllib.loads((source_tree / "pyproject.toml").read_text())["tool"]["course"]
    index = bootstrap.cpu_index(course["torch_cpu_index"])
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    pip = [python, "-m", "pip", "install", "-q"]
    subprocess.run([*pip, *index, course["torch"], *COLAB.split()], check=True, env=environment)
    spec = [python, "-m", "ipykernel", "install", "--prefix", tmp_path / "venv", "--name", "colab"]
    subprocess.run(spec, check=True, env=environment)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "venv" / "share" / "jupyter"))
    yield "colab"
    # The clone's endpoint: with -m, Python would import the course from the working folder.
    subprocess.run([tmp_path / "venv" / "bin" / "course", "stop"], env=environment)


def test_lesson_00_runs_and_colabs_own_packages_stay(source_tree, tmp_path, environment, kernel):
    content = tmp_path / "content"
    content.mkdir()
    lesson = nbformat.read(source_tree / "notebooks" / "00_start_here.ipynb", as_version=4)
    bootstrap_cell = lesson.cells[1]
    marker = nbformat.v4.new_code_cell("import google.colab, numpy")  # Colab's kernel has loaded it
    lesson.cells.insert(0, marker)
    client = NotebookClient(
        lesson, kernel_name=kernel, timeout=1500, resources={"metadata": {"path": str(content)}}
    )

    def run(cell):
        cell = nbformat.v4.new_code_cell(cell) if isinstance(cell, str) else copy.deepcopy(cell)
        lesson.cells.append(cell)
        client.execute_cell(cell, len(lesson.cells) - 1)
        return "".join(output.get("text", "") for output in cell.outputs)

    with client.setup_kernel(env=environment):
        before = run(VERSIONS)
        for number, cell in enumerate(lesson.cells[:-1]):
            client.execute_cell(cell, number)
        print(before, bootstrap_cell.outputs)
        assert run(VERSIONS) == before
        assert run(IMPORTS).strip() == str(content / "course" / "course_utils" / "__init__.py")
        assert run(KEY).strip() == "True"
        again = run(bootstrap_cell)
        print(again)
        assert "Installing" not in again

        python = tmp_path / "venv" / "bin" / "python"
        swap = [python, "-m", "pip", "install", "-q", "--no-deps", "numpy==2.1.2"]
        subprocess.run(swap, check=True, env=environment)
        with pytest.raises(CellExecutionError, match="Runtime → Restart session"):
            run(bootstrap_cell)
    assert SECRET not in "".join(str(cell.outputs) for cell in lesson.cells if "outputs" in cell)
