"""What changes from machine to machine goes from a notebook, and what a reader sees stays."""

import copy
import json

import nbformat.v4 as v4
import pytest

from course_utils.teach import tidy
from course_utils.teach.structure import notebooks


@pytest.fixture
def untidy():
    """A notebook as JupyterLab leaves it: run from the top in a kernel that had run before."""
    outputs = [
        v4.new_output("stream", name="stderr", text="50 %"),
        v4.new_output("display_data", data={tidy.WIDGET: {"model_id": "1"}, "text/plain": "bar"}),
        v4.new_output("display_data", data={"text/html": "<div><iframe></iframe></div>"}),
        v4.new_output("execute_result", data={"text/plain": "4"}, execution_count=9),
    ]
    cells = [
        v4.new_markdown_cell("# Title", metadata={"editable": True}),
        v4.new_code_cell("a = 2", execution_count=7, metadata={"execution": {"iopub.busy": "t"}}),
        v4.new_code_cell(
            "2 + a",
            execution_count=9,
            outputs=outputs,
            metadata={"tags": ["slide"], "scrolled": True},
        ),
    ]
    about = {
        "kernelspec": {"name": "mine", "display_name": "Mine"},
        "language_info": {"name": "python", "version": "3.12"},
    }
    return json.loads(json.dumps(v4.new_notebook(cells=cells, metadata=about)))


def test_it_strips_what_changes_and_keeps_outputs_and_tags(untidy):
    tidy.tidy(untidy)
    title, first, second = untidy["cells"]
    assert untidy["metadata"] == tidy.METADATA
    assert [cell["metadata"] for cell in (title, first, second)] == [{}, {}, {"tags": ["slide"]}]
    assert (first["execution_count"], second["execution_count"]) == (1, 2)
    (kept,) = second["outputs"]
    assert (kept["data"], kept["execution_count"]) == ({"text/plain": "4"}, 2)


@pytest.mark.parametrize("counts", [(9, 7), (7, 7), (None, 9)])
def test_cells_that_ran_out_of_order_are_not_counted_anew(untidy, counts):
    for cell, count in zip(untidy["cells"][1:], counts, strict=True):
        cell["execution_count"] = count
    tidy.tidy(untidy)
    assert tuple(cell["execution_count"] for cell in untidy["cells"][1:]) == counts


def test_the_command_rewrites_files_once(untidy, tmp_path, capsys):
    path = tmp_path / "draft.ipynb"
    path.write_text(json.dumps(untidy), encoding="utf-8")
    assert tidy.main([str(path)]) == 1
    assert capsys.readouterr().out == f"tidied {path}\n"
    expected = copy.deepcopy(untidy)
    tidy.tidy(expected)
    assert json.loads(path.read_text(encoding="utf-8")) == expected
    assert tidy.main([str(path)]) == 0
    assert capsys.readouterr().out == ""


def test_the_notebooks_of_the_course_are_as_it_writes_them(tmp_path):
    copies = []
    for number, path in enumerate(notebooks()):
        copies.append(tmp_path / f"{number}-{path.name}")
        copies[-1].write_bytes(path.read_bytes())
    assert tidy.main(list(map(str, copies))) == 0
