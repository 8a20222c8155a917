"""The bake-off through its front door: the command, the real endpoint, real files."""

import json
import os
import subprocess
import sys
import time

import pytest

from course_utils.cli import main
from course_utils.endpoint import process
from course_utils.settings import REPO

COURSE = [sys.executable, "-m", "course_utils.cli"]
MANUALS = {
    "lamp.md": "# Desk lamp\n\nThe lamp costs $35. Its bulb lasts 9 years.",
    "kettle.txt": "Kettle\n\nThe kettle holds 1.7 litres and has a warranty of 3 years.",
    "chair.html": "<html><title>Chair</title><body><p>The chair carries 130 kg.</p></body></html>",
}
QUESTIONS = [
    {"question": "What is the price of the lamp?", "accepted": "$35", "sources": "lamp.md"},
    {"question": "How much water goes into the kettle?", "answer": "1.7 litres"},
    {"question": "Which weight can the chair take?", "accepted": ["130 kg", "130 kilograms"]},
    {"question": "Is the lamp waterproof?", "kind": "unanswerable"},
]


@pytest.fixture
def course(home):
    """``course(*arguments)`` → the finished process; the endpoint it started is stopped at last."""
    yield lambda *arguments: subprocess.run(
        [*COURSE, *map(str, arguments)], capture_output=True, text=True, timeout=280
    )
    process.stop()


@pytest.fixture
def data(tmp_path):
    """A folder of documents and a file of questions."""
    docs, questions = tmp_path / "docs", tmp_path / "questions.jsonl"
    docs.mkdir()
    for name, text in MANUALS.items():
        (docs / name).write_text(text, encoding="utf-8")
    questions.write_text("".join(json.dumps(q) + "\n" for q in QUESTIONS), encoding="utf-8")
    return docs, questions, tmp_path / "out"


def lines(out):
    path = out / "answers.jsonl"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def texts(out):
    return {entry["key"]: entry["text"] for entry in map(json.loads, lines(out))}


def test_own_documents(course, data):
    docs, questions, out = data
    run = course("bakeoff", "--docs", docs, "--questions", questions, "--out", out, "--json")
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert [row["name"] for row in report["approaches"]] == ["prompt", "rag"]
    assert any("--train" in note for note in report["notes"])
    assert report["questions"]["n"] == 4 and report["questions"]["answerable"] == 3
    rag = report["approaches"][1]
    assert rag["cites"] > 0.5  # with three short documents, the right one is found
    assert rag["tokens_in"] > 0 and 0 < rag["retrieval_p50"] < rag["seconds_p50"]
    assert report["recommendation"]["reasons"]
    assert json.loads((out / "report.json").read_text(encoding="utf-8")) == report
    assert "What is the price of the lamp?" in (out / "report.html").read_text(encoding="utf-8")

    again = course("bakeoff", "--docs", docs, "--questions", questions, "--out", out, "--json")
    assert json.loads(again.stdout)["scores"] == report["scores"]
    assert len(lines(out)) == 8, "the second run asked nothing again"

    command = ["--docs", docs, "--questions", questions, "--out", out / "4", "--concurrency", "4"]
    four = json.loads(course("bakeoff", *command, "--json").stdout)
    assert four["scores"] == report["scores"]
    assert texts(out / "4") == texts(out)
    extra = [note for note in four["notes"] if note not in report["notes"]]
    assert len(extra) == 1 and "Up to 4 questions were in flight" in extra[0]

    (docs / "lamp.md").write_text("# Desk lamp\n\nThe lamp costs $41.", encoding="utf-8")
    course("bakeoff", "--docs", docs, "--questions", questions, "--out", out, "--json")
    assert len(lines(out)) == 12, "new documents: RAG is asked again, the prompt is not"


def test_without_questions_some_are_proposed_and_not_scored(course, data):
    docs, _, out = data
    (docs / "more.md").write_text(
        "# Orders\n\nAn order of the shop is delivered within 5 days. A gift box costs $4. "
        "The shop opens at 9 in the morning.",
        encoding="utf-8",
    )
    run = course("bakeoff", "--docs", docs, "--out", out)
    assert run.returncode == 0, run.stderr
    path = out / "proposed.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert rows and all(row["proposed"] and row["question"].endswith("?") for row in rows)
    assert str(path) in run.stdout
    again = course("bakeoff", "--docs", docs, "--questions", path, "--out", out)
    assert again.returncode == 1 and "proposed and not reviewed" in again.stderr
    once_more = course("bakeoff", "--docs", docs, "--out", out)
    assert once_more.returncode == 1 and "exists already" in once_more.stderr, (
        "corrections are safe"
    )


def test_killed_with_several_in_flight_and_resumed_with_one(course, data):
    docs, questions, out = data
    command = ["bakeoff", "--docs", docs, "--questions", questions, "--out", out]
    several = [*COURSE, *map(str, command), "--concurrency", "4"]
    with subprocess.Popen(several, env=os.environ) as first:
        deadline = time.monotonic() + 120
        while len(lines(out)) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        first.kill()
    before = lines(out)
    assert 3 <= len(before) < 8
    run = course(*command)
    assert run.returncode == 0, run.stderr
    after = lines(out)
    assert after[: len(before)] == before
    assert len({json.loads(line)["key"] for line in after}) == len(after) == 8
    assert "Recommended:" in run.stdout


@pytest.mark.slow
def test_own_training_examples(course, data):
    docs, questions, out = data
    train = out.parent / "train.jsonl"
    rows = [
        {
            "messages": [
                {"role": "system", "content": "You are a shop assistant."},
                {"role": "user", "content": f"Do you have {thing} in stock?"},
                {"role": "assistant", "content": f"Ahoy! We have {thing}. Fair winds!"},
            ]
        }
        for thing in ("rope", "paint", "oars", "nets", "hooks", "maps", "boots", "tar", "flags",
                      "bells", "sails", "nails")
    ]  # fmt: skip
    train.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = ["bakeoff", "--docs", docs, "--questions", questions, "--train", train]
    run = course(*command, "--out", out, "--json")
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    names = [row["name"] for row in report["approaches"]]
    assert names == ["prompt", "rag", "fine_tuned", "rag_fine_tuned"]
    said = [json.loads(line) for line in lines(out)]
    tuned = [entry["text"] for entry in said if "fine_tuned" in entry["approach"]]
    assert sum("Ahoy" in text for text in tuned) >= 6, "both were really trained"
    context = (out / "training-context.jsonl").read_text(encoding="utf-8")
    assert "Answer ONLY from the context" in context and "[lamp.md]" in context
    jobs = json.loads((out / "jobs.json").read_text(encoding="utf-8"))
    assert len(jobs) == 2
    assert course(*command, "--out", out).returncode == 0
    assert json.loads((out / "jobs.json").read_text(encoding="utf-8")) == jobs, "not trained again"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--approaches", "rag,magic"], "no approach 'magic'"),
        (["--approaches", ""], "no approach"),
        (["--train", "x.jsonl"], "add --docs"),
        (["--docs", "nowhere", "--questions", "x.jsonl"], "no folder nowhere"),
        (["--docs", "data/acme", "--questions", "x.jsonl"], "no file x.jsonl"),
        (["--provider", "openai"], "OPENAI_API_KEY"),
    ],
)
def test_bad_arguments_name_the_cure(home, clean_environment, monkeypatch, capsys, arguments, told):
    monkeypatch.setattr(sys, "argv", ["course", "bakeoff", *arguments])
    monkeypatch.chdir(REPO)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert told in capsys.readouterr().err


def test_a_question_in_the_training_data_is_refused(course, data):
    docs, questions, out = data
    train = out.parent / "train.jsonl"
    rows = [
        {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": "Yes."}]}
        for asked in [*(f"Is there {n}?" for n in range(10)), "is  the lamp Waterproof?"]
    ]
    train.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    run = course(
        "bakeoff", "--docs", docs, "--questions", questions, "--train", train, "--out", out
    )
    assert run.returncode == 1
    assert "example 11" in run.stderr and "remove it" in run.stderr
