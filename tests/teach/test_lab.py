import os
import sys

import pytest

from course_utils.teach.lab import open_lab


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands for Python")
def test_its_terminals_find_the_course_command(tmp_path, monkeypatch):
    found = tmp_path / "found"
    for name, text in {"python": f"command -v course > {found}", "course": "true"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert open_lab([]) == 0
    assert found.read_text().strip() == str(tmp_path / "course")
