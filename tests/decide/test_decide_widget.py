"""The form in a notebook: its parts in the process, and all of it in a real browser."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import ipywidgets
import pytest
from made_reports import usual_report

from course_utils.decide import ask
from course_utils.decide.questions import guide
from course_utils.settings import REPO, settings

# Starting JupyterLab and its page on two busy cores.
PATIENCE_S = 90


def controls(form):
    found = [part for part in form.children[0].children if not isinstance(part, ipywidgets.HTML)]
    return dict(zip(guide().questions, found, strict=True))


def shown(form):
    return form.children[1].value


def test_every_question_has_a_control_its_reason_and_dont_know():
    form = ask()
    texts = " ".join(p.value for p in form.children[0].children if isinstance(p, ipywidgets.HTML))
    for question, control in zip(guide().question, controls(form).values(), strict=True):
        assert question.text in texts and control.description == question.label
        assert control.value == ""
        if question.type == "number":
            assert "don't know" in control.placeholder
        else:
            assert control.label == "don't know"


def test_the_recommendation_follows_every_change():
    form = ask()
    parts = controls(form)
    assert "<h3>Prompt</h3>" in shown(form)
    parts["change"].value = "weekly"
    assert "<h3>RAG</h3>" in shown(form) and "course bakeoff" in shown(form)
    parts["change"].value = ""
    parts["style"].value, parts["prompt_tried"].value = "yes", "style"
    parts["examples"].value = "300"
    assert "fewer than 500 examples" in shown(form)
    parts["examples"].value = ""
    assert "fewer than 500 examples" not in shown(form)


def test_an_entry_that_is_no_number_is_said_and_counts_as_unknown():
    form = ask()
    controls(form)["examples"].value = "many"
    assert "Labelled examples: give a number of examples" in shown(form)
    assert "0 of 11 questions answered" in shown(form)


def test_with_a_bakeoff_the_measured_facts_are_shown():
    form = ask(usual_report())
    assert "<h3>RAG</h3>" in shown(form) and "43% [39%, 47%]" in shown(form)


def test_what_a_report_says_is_shown_as_text():
    report = usual_report()
    report["approaches"][1]["title"] = "<script>alert(1)</script>"
    assert "<script" not in shown(ask(report)) and "&lt;script&gt;" in shown(ask(report))


def test_importing_the_decision_needs_no_widgets():
    code = "import sys, course_utils.decide; print('ipywidgets' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPO, check=True
    )
    assert done.stdout.strip() == "False"


# ------------------------------------------------------------------------------ in the browser


@pytest.fixture
def lab(tmp_path):
    """JupyterLab on a notebook with the form; the address of the notebook."""
    (tmp_path / "work").mkdir()
    cell = {
        "cell_type": "code",
        "id": "ask",
        "source": "from course_utils.decide import ask\n\nask()",
        "metadata": {}, "outputs": [], "execution_count": None,
    }  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "work" / "ask.ipynb").write_text(json.dumps(notebook))
    config = tmp_path / "jupyter_config_dir" / "labconfig" / "page_config.json"
    config.parent.mkdir(parents=True)
    quiet = {"@jupyterlab/apputils-extension:announcements": True}  # nor does it ask for news
    config.write_text(json.dumps({"disabledExtensions": quiet}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(8)
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    server = subprocess.Popen(
        [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
            f"--ServerApp.root_dir={tmp_path / 'work'}", "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={token}",
        ],
        env=os.environ
        | {"PYTHONPATH": str(REPO)}
        | {name: str(tmp_path / name.lower()) for name in folders},
        stdout=subprocess.DEVNULL,
        stderr=(log := (tmp_path / "lab.log").open("w")),
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api/status?token={token}", server)
        yield f"{address}/lab/tree/ask.ipynb?token={token}&reset"
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def _wait_for(address, server):
    for _ in range(PATIENCE_S * 4):
        assert server.poll() is None, "JupyterLab ended by itself"
        try:
            return urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.25)
    pytest.fail("JupyterLab did not answer")


def test_answered_by_keyboard_in_jupyterlab(lab, chromium):
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE_S * 1000)
    artifacts = Path(os.environ.get("COURSE_ARTIFACTS") or settings().home / "artifacts")
    artifacts.mkdir(parents=True, exist_ok=True)
    page = chromium.new_page(viewport={"width": 1280, "height": 950})
    page.set_default_timeout(PATIENCE_S * 1000)
    page.goto(lab)
    # Until its kernel has started, JupyterLab forgets what it is told to run.
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    title = page.locator(".course-decide h3")
    expect(title).to_have_text("Prompt")
    page.screenshot(path=artifacts / "decide-widget-start.png")

    page.get_by_label("Knowledge changes").focus()
    page.keyboard.type("weekly")
    expect(title).to_have_text("RAG")
    page.keyboard.press("Tab")  # to the next question
    page.keyboard.type("yes")  # "y" is a shortcut of JupyterLab's: it must not get it
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")  # so is this
    page.get_by_label("Labelled examples").focus()
    page.keyboard.type("20")
    result = page.get_by_role("status")
    expect(result).to_contain_text("The knowledge is private or new")
    expect(result).to_contain_text("All documents fit into one prompt")
    expect(result).to_contain_text("You have fewer than 50 examples")
    expect(result).to_contain_text("4 of 11 questions answered")
    page.screenshot(path=artifacts / "decide-widget-answered.png")
    page.close()
