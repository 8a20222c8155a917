"""Documentation that is not ours: pytest's own, under the MIT licence."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

RELEASE = "pytest==9.2.0"
# Generated lists of other projects and of all changes, two thirds of the text.
LEFT_OUT = {"reference/plugin_list.rst", "changelog.rst"}
QUESTIONS = Path(__file__).parent / "fixtures" / "pytest_questions.jsonl"


def real_docs(tmp: Path) -> Path:
    """Download the source distribution with pip and unpack its documentation.

    Args:
        tmp: Folder for both.

    Returns:
        The folder of the documentation, some 260 files. The test is skipped where pip reaches
        no package index.
    """
    folder = tmp / "pytest-docs"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--no-binary", ":all:", "--dest", str(tmp), RELEASE]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"pip cannot download {RELEASE}: {done.stderr.strip()[-200:]}")
    with tarfile.open(next(tmp.glob("pytest-*.tar.gz"))) as archive:
        for member in archive.getmembers():
            _, inside, name = member.name.partition("/doc/en/")
            if inside and name not in LEFT_OUT and member.isfile():
                member.name = name
                archive.extract(member, folder, filter="data")
    return folder
