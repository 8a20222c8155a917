"""The rules for notebooks: each can fail, and every notebook of the course keeps them."""

import copy
import json
import subprocess
import sys

import pytest

from course_utils.teach import structure

OPENING = """# A lesson

**Goals.** After this lesson you can

1. say what a [**chunk**](https://example.com/glossary) is,
2. measure it.

**Prerequisites:** none. **Minutes:** 10 min. **Hardware:** any.
**Price:** $0. **Runs offline:** yes.
"""
DONE = """## Done

You can now

1. say what a chunk is (a part of a document),
2. measure it.
"""
PICTURE = {
    "output_type": "display_data",
    "data": {"image/png": "/tmp/abc="},  # by chance, in base64
    "metadata": {"image/png": {"alt": "A line that rises"}},
}


METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def code(source, count, outputs=(), **metadata):
    return {
        "cell_type": "code",
        "id": f"code-{count}",
        "source": source.splitlines(keepends=True),
        "execution_count": count,
        "outputs": list(outputs),
        "metadata": metadata,
    }


def stream(text):
    return {"output_type": "stream", "name": "stdout", "text": [text]}


def markdown(text, name="prose"):
    return {"cell_type": "markdown", "id": name, "source": [text], "metadata": {}}


GOOD = {
    "cells": [
        markdown(OPENING, "opening"),
        code("1 + 1", 1, [stream("2")]),
        markdown("word " * 700 + "![a plot of words](words.png)"),
        code("show(figure, alt='A line that rises')", 2, [PICTURE]),
        markdown(DONE, "done"),
    ],
    "metadata": METADATA,
    "nbformat": 4,
    "nbformat_minor": 5,
}


def judge(tmp_path, notebook, name="00_a_lesson.ipynb", readme="see 00_a_lesson.ipynb"):
    path = tmp_path / name
    path.write_text(json.dumps(notebook), encoding="utf-8")
    (tmp_path / "words.png").touch()
    return structure.complaints(path, readme)


def test_a_good_notebook_passes(tmp_path):
    assert judge(tmp_path, GOOD) == []


def spoil_opening(words):
    def spoil(notebook):
        cell = notebook["cells"][0]
        cell["source"] = ["".join(cell["source"]).replace(words, "")]

    return spoil


def spoil_output(text):
    return lambda notebook: notebook["cells"][1].update(outputs=[stream(text)])


def spoil_source(index, text):
    return lambda notebook: notebook["cells"][index].update(source=[text])


def append(text):
    return lambda notebook: notebook["cells"][2]["source"].append(text)


def spoil_done(old, new):
    return spoil_source(4, DONE.replace(old, new))


def unstored(source):
    return lambda notebook: notebook["cells"][1].update(source=[source], outputs=[])


BAD = {
    "the cells' ids are not unique": lambda n: n["cells"][1].update(id="prose"),
    "the kernelspec is not python3": lambda n: n.update(metadata={}),
    "it is not tidy": lambda n: n["cells"][1]["metadata"].update(
        execution={"iopub.status.busy": 1}
    ),
    "the first cell is not Markdown": lambda n: n["cells"].pop(0),
    "does not say: goals": spoil_opening("Goals"),
    "does not say: prerequisites": spoil_opening("Prerequisites"),
    "does not say: minutes": spoil_opening("10 min"),
    "does not say: hardware": spoil_opening("Hardware"),
    "does not say: price": spoil_opening("Price"),
    "does not say: runs offline: yes": spoil_opening("yes"),
    "no numbered list stands under **Goals.**": spoil_source(0, "# **Goals.** To know."),
    "2 goals at the top, 1 under ## Done": spoil_done("2. measure it.", ""),
    "2 goals at the top, 0 under ## Done": spoil_done("## Done", "## Finished"),
    "a goal and its done-statement differ: 'measure it', 'see it'": spoil_done("measure", "see"),
    "one heading with a single # is wanted": append("\n\n# Another title"),
    "one heading with a single # is wanted, at the top": spoil_opening("# A lesson"),
    "the heading 'Deep' skips a level": append("\n\n### Deep"),
    "a link leads nowhere: no.md": append(" [there](no.md)"),
    "a link leads nowhere: no.png": append(' <img src="no.png" alt="a plot of words">'),
    "a link leads to no heading: #nowhere": append(" [there](#nowhere)"),
    "words of prose": spoil_source(2, "word " * 100),
    "code cell 1 is empty": spoil_source(1, "\n"),
    "code cell 1 has 41 lines": spoil_source(1, "x = 1\n" * 41),
    "the median code cell has 7 lines": spoil_source(1, "x = 1\n" * 13),
    "execution counts are not 1 to 2": lambda n: n["cells"][1].update(execution_count=None),
    "code cell 1 ended with an error": lambda n: n["cells"][1].update(
        outputs=[{"output_type": "error", "ename": "E", "evalue": "", "traceback": []}]
    ),
    "code cell 1 shows something, and no output is stored": unstored("print(1)"),
    "code cell 1 shows something": unstored("async for x in y:\n    print(x)"),
    "code cell 1 shows escape codes": spoil_output("\x1b[31mred\x1b[0m"),
    "code cell 1 shows an object's address: <object object at 0x7f": spoil_output(
        "[<object object at 0x7f00deadbeef>]"
    ),
    "code cell 1 shows a line of 401 characters": spoil_output("word " * 80 + "."),
    "a path of one machine: /home/me": spoil_output("see /home/me/file.txt"),
    "a path of one machine: C:\\Users": spoil_output("see C:\\Users\\me"),
    "a path of one machine: /tmp": spoil_source(1, "open('/tmp/x')"),
    "a key or a token": spoil_output("sk-proj-abcdefghijklmnop1234"),
    "code cell 2 draws without alt text": lambda n: n["cells"][3]["outputs"][0].update(metadata={}),
    "an image without alt text": spoil_source(2, "word " * 700 + "![](words.png)"),
    "KB, 300 at most": lambda n: n["cells"][3]["outputs"][0]["data"].update(
        {"image/png": "A" * 300_000}
    ),
}


@pytest.mark.parametrize("complaint", BAD)
def test_each_rule_can_fail(tmp_path, complaint):
    notebook = copy.deepcopy(GOOD)
    BAD[complaint](notebook)
    assert any(complaint in found for found in judge(tmp_path, notebook))


@pytest.mark.parametrize(
    "harmless",
    ["https://example.com/home/me", "GET /v1/models", "a/tmp/b", "24/7", "step: 3", "sk-short"],
)
def test_what_only_looks_like_a_path_or_a_key_passes(tmp_path, harmless):
    notebook = copy.deepcopy(GOOD)
    spoil_output(harmless)(notebook)
    assert judge(tmp_path, notebook) == []


@pytest.mark.parametrize(
    "harmless",
    [
        "[here](words.png), [there](https://example.com/a.md), [you](mailto:me@example.com)",
        "[up](#A-lesson) and [down](#done)",
        "`[no](link.md)`\n\n```python\n# no heading\n[no](link.md)\n```\n",
    ],
)
def test_links_that_lead_somewhere_and_code_pass(tmp_path, harmless):
    notebook = copy.deepcopy(GOOD)
    append(harmless)(notebook)
    assert judge(tmp_path, notebook) == []


@pytest.mark.parametrize("code", ["if few:\n    print(1)", "def f():\n    print(1)", "x = f()"])
def test_only_what_always_shows_something_needs_an_output(tmp_path, code):
    notebook = copy.deepcopy(GOOD)
    unstored(code)(notebook)
    assert judge(tmp_path, notebook) == []


def test_the_readme_must_name_it(tmp_path):
    assert judge(tmp_path, GOOD, readme="nothing") == ["README.md does not name it"]


def test_an_exercise_needs_no_goals_and_its_folder_may_be_named(tmp_path):
    short = {**GOOD, "cells": [markdown("# Exercises", "title"), GOOD["cells"][1]]}
    folder = tmp_path / "exercises"
    folder.mkdir()
    assert judge(folder, short, readme="they lie in `notebooks/exercises`") == []
    assert judge(folder, short, readme="") == ["README.md does not name it"]


def test_the_command_prints_complaints_of_notebooks_and_pages(tmp_path, capsys):
    judge(tmp_path, {**GOOD, "metadata": {}}, "draft.ipynb")
    (tmp_path / "torn.ipynb").write_text("<<<<<<< HEAD", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n![](words.png) [top](#a-page) [n](draft.ipynb#done) [x](no.md#a)")
    names = [str(tmp_path / name) for name in ("draft.ipynb", "torn.ipynb", "page.md")]
    assert structure.main(names) == 1
    printed = capsys.readouterr().out
    assert "draft.ipynb: the kernelspec is not python3" in printed
    assert "torn.ipynb: no notebook: Expecting value: line 1" in printed
    assert f"{page}: a link leads nowhere: no.md#a\n" in printed
    assert f"{page}: an image without alt text: ![](words.png)\n" in printed
    assert printed.count("page.md") == 2


def test_the_command_is_silent_when_all_is_well(tmp_path):
    judge(tmp_path, GOOD, "00_start_here.ipynb")
    command = [sys.executable, "-m", "course_utils.teach.structure", "00_start_here.ipynb"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_checkpoints_are_no_notebooks(tmp_path, monkeypatch):
    monkeypatch.setattr(structure, "NOTEBOOKS", tmp_path)
    for name in ("00_a.ipynb", "exercises/e.ipynb", ".ipynb_checkpoints/00_a-checkpoint.ipynb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in structure.notebooks()] == ["00_a.ipynb", "e.ipynb"]


@pytest.mark.parametrize("path", structure.notebooks(), ids=lambda path: path.name)
def test_every_notebook_of_the_course(path):
    assert structure.complaints(path) == []


@pytest.mark.parametrize("path", structure.pages(), ids=lambda path: path.name)
def test_every_page_of_the_course(path):
    assert structure.page_complaints(path) == []


# The guide's chains, as printed, but for the model's name in the first.
RAG_CHAIN = """
rag_chain = (
    {"context": retriever | format_docs, "question": RunnablePassthrough()}
    | prompt
    | llm
    | StrOutputParser()
)
"""
COMBINED_CHAIN = """
combined_chain = (
    {"context": retriever | format_docs, "question": RunnablePassthrough()}
    | prompt
    | ft_llm          # fine-tuned behavior + style
    | StrOutputParser()
)
"""


@pytest.mark.parametrize(
    ("lesson", "chain"), [("02_rag_lcel", RAG_CHAIN), ("05_combined_system", COMBINED_CHAIN)]
)
def test_the_guides_chains_run_as_printed(lesson, chain):
    notebook = json.loads((structure.NOTEBOOKS / f"{lesson}.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert any(" ".join(chain.split()) in " ".join(cell.split()) for cell in cells)
