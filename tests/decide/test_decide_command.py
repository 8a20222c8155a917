import json
import os
import subprocess
import sys

import pytest
from made_reports import usual_report

from course_utils.settings import REPO


def environment(**more):
    return os.environ | {"PYTHONPATH": str(REPO), "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"} | {
        "COLUMNS": "100", "TERM": "dumb",
    } | more  # fmt: skip


def course(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "course_utils.cli", "decide", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        cwd=REPO,
        env=environment(),
        timeout=60,
        **options,
    )


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def test_a_script_gives_answers_and_gets_json(write):
    done = course("--answers", write("a.json", {"change": "weekly", "citations": None}), "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["approach"] == "rag" and result["reasons"][0]["rule"] == "changes-often"


def test_a_bakeoff_counts_before_the_rules(write):
    answers, report = write("a.json", {"style": "yes"}), write("report.json", usual_report())
    done = course("--answers", answers, "--bakeoff", report)
    assert "Recommendation: RAG + fine-tuned" in done.stdout
    assert "43% [39%, 47%]" in done.stdout


def test_brackets_in_a_report_are_text(write):
    report = usual_report()
    report["approaches"][1]["title"] = "RAG [red]v2[/red]"
    done = course("--answers", write("a.json", {}), "--bakeoff", write("report.json", report))
    assert "Recommendation: RAG [red]v2[/red]" in done.stdout


def test_prints_reasons_for_and_against_with_what_was_measured(write):
    team = {"change": "yearly", "style": True, "examples": 200, "prompt_tried": "style"}
    printed = " ".join(course("--answers", write("a.json", team)).stdout.split())
    for part in (
        "Recommendation: Fine-tuning",
        "Confidence: low (4 of 11 questions answered",
        "For it - Your few-shot prompt did not hold the style",
        "holds here: The tuned model kept every rule",
        "Against it",
        "does not hold here: From fifty examples on",
        "What would change it - Knowledge changes: monthly, weekly or daily → RAG",
        "Next step Check 50 to 100 examples with `course check-data FILE`",
        "Cost Days to weeks of work",
    ):
        assert part in printed


@pytest.mark.parametrize(
    ("content", "what", "cure"),
    [
        ({"changes": "weekly"}, "no question changes", "there are: change, private"),
        ({"change": "hourly"}, "'hourly' is no answer", "never, yearly"),
        ({"examples": "120"}, "'120' is no answer", "a number of examples, 0 or more"),
        ('{"change":\n weekly}', "line 2", "ids: change, private"),
        ("[]", "no JSON object", "ids: change"),
        (None, "No such file", "ids: change"),
    ],
)
def test_bad_answers_get_the_file_and_the_cure(write, tmp_path, content, what, cure):
    path = tmp_path / "missing.json" if content is None else write("a.json", content)
    done = course("--answers", path, "--json")
    assert done.returncode == 1 and done.stdout == ""
    problem, hint = done.stderr.split("\n  -> ")
    assert problem.startswith(str(path)) and what in problem and cure in hint


def test_what_is_no_report_is_refused_with_its_name(write):
    path = write("report.json", {"hello": 1})
    done = course("--bakeoff", path, "--answers", write("a.json", {}))
    assert done.returncode == 1
    assert f"{path}: the bake-off's report has no scored approach\n  -> " in done.stderr


def test_without_terminal_and_answers_it_does_not_wait():
    done = course()
    assert done.returncode == 1
    assert "no terminal" in done.stderr and "\n  -> give --answers FILE" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals like these")
def test_asks_in_a_terminal():
    import pty

    keys = ["hourly", "5", "y", "", "n", "", "yes", "1,500", "style", "4", "", ""]
    controller, terminal = pty.openpty()
    os.write(controller, "".join(f"{key}\n" for key in keys).encode())
    done = subprocess.run(
        [sys.executable, "-m", "course_utils.cli", "decide", "--json"],
        stdin=terminal, capture_output=True, encoding="utf-8", cwd=REPO,
        env=environment(), timeout=60,
    )  # fmt: skip
    os.close(controller), os.close(terminal)
    asked = " ".join(done.stderr.split())
    assert "give one of never, yearly, quarterly, monthly, weekly, daily, or nothing" in asked
    assert "1/11 How often does the knowledge behind the answers change?" in asked
    assert "A changed document counts from the next question on." in asked  # why it matters
    assert "11/11" in asked
    # Nothing but the result on standard output.
    result = json.loads(done.stdout)
    assert result["approach"] == "rag_fine_tuned"
    assert "7 of 11 questions answered" in result["confidence_because"]
