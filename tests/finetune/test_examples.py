"""The check of training files: every kind of mistake is named, with its line and its cure."""

import gzip
import json
import sys
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from course_utils import registry
from course_utils.cli import main
from course_utils.errors import CourseError
from course_utils.finetune.base import base_folder
from course_utils.finetune.examples import (
    MOST_ERRORS,
    Problem,
    Report,
    check_examples,
    overlap,
    read_examples,
)
from course_utils.finetune.jsonl import MOST_BYTES
from course_utils.finetune.problems import MOST_LISTED


def turn(role, content, **more):
    return {"role": role, "content": content, **more}


def example(question="Where is my order?", answer="On its way.", **more):
    return {"messages": [turn("user", question), turn("assistant", answer, **more)]}


def preference(question="Where is my order?", good="On its way.", bad="No idea."):
    return {
        "input": {"messages": [turn("user", question)]},
        "preferred_output": [turn("assistant", good)],
        "non_preferred_output": [turn("assistant", bad)],
    }


TEN = [example(f"Question {n}?", f"Answer {n}.") for n in range(10)]
TEN_PAIRS = [preference(f"Question {n}?", f"Good {n}.") for n in range(10)]


@pytest.fixture
def write(tmp_path):
    """``write(lines or bytes)`` → a file; what is no text yet is written as JSON."""

    def write(content, name="train.jsonl"):
        if not isinstance(content, bytes):
            lines = (row if isinstance(row, str) else json.dumps(row) for row in content)
            content = "".join(f"{line}\n" for line in lines).encode()
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def words(messages):
    """Counts as a tokenizer would, but so that a reader can check it."""
    return sum(len(message["content"].split()) for message in messages)


def codes(report):
    return [(problem.line, problem.code) for problem in report.problems]


# ------------------------------------------------------------------------------------ right files


def test_a_right_file_has_no_problems(write):
    report = check_examples(write(TEN), count=words, max_tokens=4)
    assert report.ok
    assert report == Report((), examples=10, tokens=40, longest=4)
    assert str(report) == ""


def test_lengths_are_unknown_without_a_counter(write):
    report = check_examples(write(TEN))
    assert (report.tokens, report.longest) == (None, None)


def test_everything_that_openai_takes_is_taken(write):
    rich = {
        "messages": [
            turn("developer", "Be brief."),
            turn("user", [{"type": "text", "text": "Is it "}, {"type": "text", "text": "open?"}]),
            turn("assistant", "Perhaps.", weight=0),
            turn("user", "Well?", name="Ann"),
            turn("assistant", "Yes.", weight=1, refusal=None, tool_calls=None),
        ],
        "tools": None,
    }
    path = write([*TEN, rich])
    assert check_examples(path).problems == ()
    assert read_examples(path)[-1] == {
        "messages": [
            turn("system", "Be brief."),
            turn("user", "Is it open?"),
            turn("assistant", "Perhaps.", weight=0),
            turn("user", "Well?"),
            turn("assistant", "Yes.", weight=1),
        ]
    }


def test_right_preferences(write):
    path = write(TEN_PAIRS)
    report = check_examples(path, method="dpo", count=words)
    assert report.problems == ()
    # Both answers pass through the model.
    assert (report.tokens, report.longest) == (80, 4)
    assert read_examples(path) == TEN_PAIRS


def test_the_count_sees_what_will_be_trained(write):
    seen = []
    parts = [{"type": "text", "text": "Hi"}]
    rows = [
        {"messages": [turn("developer", "Be kind."), turn("user", parts), turn("assistant", "Hi")]}
    ]
    check_examples(write(rows), count=lambda messages: seen.append(messages) or 1)
    assert seen == [[turn("system", "Be kind."), turn("user", "Hi"), turn("assistant", "Hi")]]


# ------------------------------------------------------------------------------- no JSONL at all

PRETTY = "\n".join(json.dumps(row, indent=2) for row in TEN)
FOREIGN = [
    ("gzip", gzip.compress(json.dumps(TEN[0]).encode()), "gunzip"),
    ("zip", b"PK\x03\x04rest", "unpack"),
    ("parquet", b"PAR1rest", "to_json"),
    ("pdf", b"%PDF-1.7", "JSONL"),
    ("utf16", json.dumps(TEN[0]).encode("utf-16"), "UTF-8"),
    ("utf16", json.dumps(TEN[0]).encode("utf-16-le"), "UTF-8"),
    ("utf16", json.dumps(TEN[0]).encode("utf-32-be"), "UTF-8"),
    ("json_array", json.dumps(TEN).encode(), "json.dumps(example)"),
    ("json_array", json.dumps(TEN, indent=2).encode(), "json.dumps(example)"),
    ("json_array", b"\xef\xbb\xbf [\n", "json.dumps(example)"),
    ("pretty_printed", PRETTY.encode(), "without indent="),
    ("csv", b"question,answer\nWhere?,There.\n", "csv.DictReader"),
    ("csv", b'"prompt";"completion"\r\n"a";"b"\r\n', "csv.DictReader"),
    ("csv", b"prompt\tcompletion\na\tb\n", "csv.DictReader"),
    ("empty_file", b"", "one object"),
]


@pytest.mark.parametrize(("code", "content", "cure"), FOREIGN)
def test_what_people_send_instead_is_known_by_name(write, code, content, cure):
    report = check_examples(write(content))
    assert codes(report) == [(None, code)]
    assert cure in report.problems[0].cure
    assert not report.ok


def test_a_file_that_is_not_there(tmp_path):
    report = check_examples(tmp_path / "none.jsonl")
    assert codes(report) == [(None, "unreadable")]
    assert "none.jsonl" in report.problems[0].message
    assert codes(check_examples(tmp_path)) == [(None, "unreadable")]


def test_blank_lines(write):
    lines = [json.dumps(row) for row in TEN]
    report = check_examples(write([*lines[:3], "", "  ", *lines[3:], "", ""]))
    assert codes(report) == [(4, "blank_line"), (13, "blank_line")]
    assert [problem.severity for problem in report.problems] == ["error", "warning"]
    assert report.examples == 10
    assert codes(check_examples(write(["", ""]))) == [(None, "empty_file"), (1, "blank_line")]


def test_windows_files_train(write):
    content = "\r\n".join(json.dumps(row) for row in TEN).encode("utf-8-sig")
    report = check_examples(write(content))
    assert report.ok
    assert codes(report) == [(1, "byte_order_mark"), (1, "crlf")]
    assert len(read_examples(write(content))) == 10


# ------------------------------------------------------------------------------------- wrong lines

LINES = [
    ("not_json", '{"messages": [', "json.dumps"),
    ("not_json", str(TEN[0]), "double quotes"),
    ("not_json", json.dumps(TEN[0]) + json.dumps(TEN[1]), "one object on each line"),
    ("not_json", '{"messages": NaN}', "allow_nan"),
    ("not_json", '{"messages": -Infinity}', "allow_nan"),
    ("not_json", f'{{"messages": {"9" * 5000}}}', "shorter"),
    ("not_an_object", '"messages"', "messages"),
    ("not_an_object", "3.5", "messages"),
    ("too_deep", f'{{"messages": {"[" * 100_000}{"]" * 100_000}}}', "four levels"),
    ("duplicate_key", '{"messages": [], "messages": []}', "keep one"),
    ("lone_surrogate", json.dumps(example(answer="\ud83d")), "cut"),
    ("line_too_long", json.dumps(example(answer="x" * 1_000_000)), "shorten"),
]


@pytest.mark.parametrize(("code", "line", "cure"), LINES)
def test_a_line_that_is_no_json_object(write, code, line, cure):
    report = check_examples(write([*TEN, line, example("Really?")]))
    assert codes(report) == [(11, code)]
    assert cure in report.problems[0].cure
    assert report.examples == 12


def test_the_longest_line_that_is_read(write):
    room = MOST_BYTES - len(json.dumps(example(answer="")))
    rows = [*TEN, example(answer="x" * room), "{"]
    assert codes(check_examples(write(rows))) == [(12, "not_json")]
    rows[10] = example(answer="x" * (room + 1))
    assert codes(check_examples(write(rows))) == [(11, "line_too_long"), (12, "not_json")]


def test_text_that_is_not_utf_8(write):
    lines = [json.dumps(row).encode() for row in TEN]
    lines[4] = json.dumps(example("Café?"), ensure_ascii=False).encode("latin-1")
    report = check_examples(write(b"\n".join(lines)))
    assert codes(report) == [(5, "not_utf8")]
    place = lines[4].index(b"\xe9") + 1
    assert f"byte {place} of the line" in report.problems[0].message
    assert 'encoding="utf-8"' in report.problems[0].cure


def messages(*turns):
    return {"messages": list(turns)}


USER, ANSWER = turn("user", "Hi"), turn("assistant", "Hello.")
ROWS = [
    ("no_messages", {}, "messages"),
    ("no_messages", {"text": "Hi"}, "messages"),
    ("no_messages", {"messages": []}, "list"),
    ("no_messages", {"messages": "Hi"}, "list"),
    ("no_messages", {"messages": None}, "list"),
    ("other_format", {"prompt": "Hi", "completion": "Hello."}, "assistant"),
    ("other_format", {"prompt": "Hi", "chosen": "a", "rejected": "b"}, "dpo"),
    ("other_format", {"conversations": []}, "content"),
    ("other_format", {"instruction": "Hi", "input": "", "output": "Hello."}, "assistant"),
    ("wrong_method", preference(), "--method dpo"),
    ("not_a_message", messages("Hi", ANSWER), "role"),
    ("role", messages({"content": "Hi"}, ANSWER), "user"),
    ("role", messages(turn("bot", "Hi"), ANSWER), "assistant"),
    ("role", messages(turn(["user"], "Hi"), ANSWER), "assistant"),
    ("role", messages(turn("User", "Hi"), ANSWER), "assistant"),
    ("tools", messages(USER, turn("tool", "42"), ANSWER), "local models"),
    ("tools", messages(USER, turn("function", "42"), ANSWER), "local models"),
    ("tools", messages(USER, turn("assistant", None, tool_calls=[{}])), "local models"),
    ("tools", {**example(), "tools": [{}]}, "local models"),
    ("unknown_key", messages(USER, turn("assistant", "Hello.", weights=0)), "weight"),
    ("empty_assistant", messages(USER, turn("assistant", "")), "text"),
    ("empty_assistant", messages(USER, turn("assistant", " \n")), "text"),
    ("empty_assistant", messages(USER, turn("assistant", None)), "text"),
    ("empty_assistant", messages(USER, turn("assistant", [])), "text"),
    ("empty_assistant", messages(USER, {"role": "assistant"}), "text"),
    ("empty_content", messages(turn("user", ""), ANSWER), "text"),
    ("content", messages(turn("user", 42), ANSWER), "string"),
    ("content", messages(turn("user", {"text": "Hi"}), ANSWER), "string"),
    ("content", messages(turn("user", [{"type": "image_url"}]), ANSWER), "text"),
    ("content", messages(turn("user", [{"type": "text"}]), ANSWER), "text"),
    ("content", messages(turn("user", ["Hi"]), ANSWER), "text"),
    ("weight", messages(turn("user", "Hi", weight=0), ANSWER), "remove it"),
    ("weight", messages(USER, turn("assistant", "Hello.", weight=2)), "use 1"),
    ("weight", messages(USER, turn("assistant", "Hello.", weight=0.5)), "use 1"),
    ("weight", messages(USER, turn("assistant", "Hello.", weight=True)), "use 1"),
    ("weight", messages(USER, turn("assistant", "Hello.", weight="1")), "use 1"),
    ("no_weight", messages(USER, turn("assistant", "Hello.", weight=0)), "weight 1"),
    ("no_assistant", messages(USER), "answer"),
    ("last_not_assistant", messages(USER, ANSWER, USER), "end with"),
    ("no_user", messages(ANSWER), "question"),
    ("no_user", messages(turn("system", "Be kind."), ANSWER), "question"),
    ("assistant_first", messages(ANSWER, USER, ANSWER), "weight 0"),
    ("system_not_first", messages(USER, turn("system", "Be kind."), ANSWER), "first"),
]


@pytest.mark.parametrize(("code", "row", "cure"), ROWS)
def test_a_wrong_example(write, code, row, cure):
    report = check_examples(write([*TEN, row]))
    assert codes(report) == [(11, code)]
    assert cure in report.problems[0].cure
    assert not report.ok


PAIRS = [
    ("no_messages", {}, "preferred_output"),
    ("no_messages", {"input": {}, "preferred_output": []}, "preferred_output"),
    ("wrong_method", example(), "supervised"),
    ("other_format", {"prompt": "Hi", "chosen": "a", "rejected": "b"}, "preferred_output"),
    ("no_messages", {**preference(), "input": []}, "messages"),
    ("no_messages", {**preference(), "input": {"messages": []}}, "list"),
    ("tools", {**preference(), "input": {"messages": [USER], "tools": [{}]}}, "local models"),
    ("last_not_user", {**preference(), "input": {"messages": [USER, ANSWER]}}, "question"),
    ("output", {**preference(), "preferred_output": "Hello."}, "list"),
    ("output", {**preference(), "preferred_output": []}, "one assistant"),
    ("output", {**preference(), "non_preferred_output": [ANSWER, ANSWER]}, "one assistant"),
    ("output", {**preference(), "non_preferred_output": [USER]}, "assistant"),
    ("empty_assistant", {**preference(), "preferred_output": [turn("assistant", "")]}, "text"),
    ("equal_outputs", preference(bad="On its way."), "better"),
]


@pytest.mark.parametrize(("code", "row", "cure"), PAIRS)
def test_a_wrong_preference(write, code, row, cure):
    report = check_examples(write([*TEN_PAIRS, row]), method="dpo")
    assert codes(report) == [(11, code)]
    assert cure in report.problems[0].cure


def test_an_unknown_method(write):
    with pytest.raises(CourseError, match="no method 'reinforcement'") as failure:
        check_examples(write(TEN), method="reinforcement")
    assert "supervised, dpo" in failure.value.cure


def test_a_greeting_that_is_not_trained_may_stand_first(write):
    greeting = turn("assistant", "Hello, how can I help?", weight=0)
    assert check_examples(write([*TEN, messages(greeting, USER, ANSWER)])).problems == ()


# ----------------------------------------------------------------------------------- whole files


def test_too_few(write):
    report = check_examples(write(TEN[:2]))
    assert codes(report) == [(None, "too_few_examples")]
    assert "has 2 example(s), and training needs at least 10" in str(report)
    assert report.error()["code"] == "invalid_n_examples"
    assert check_examples(write(TEN[:2]), min_examples=2).ok


def test_too_long(write):
    rows = [*TEN, example("Why?", "Because it is so.")]
    report = check_examples(write(rows), count=words, max_tokens=4)
    assert codes(report) == [(11, "too_long")]
    assert "5 tokens, and 4 fit" in report.problems[0].message
    assert report.longest == 5


def test_repetitions_are_warnings(write):
    rows = [*TEN, TEN[3], example("Question 4?", "Another."), example("Question 4?", "Another.")]
    report = check_examples(write(rows))
    assert report.ok
    assert codes(report) == [(11, "duplicate"), (12, "conflict"), (13, "duplicate")]
    assert "line 4" in report.problems[0].message
    assert "line 5" in report.problems[1].message
    assert "line 12" in report.problems[2].message


def test_other_warnings(write):
    report = check_examples(write([*TEN, example("Really?", " Yes.")]))
    assert report.ok
    assert codes(report) == [(11, "white_space")]
    same = [example(f"Question {n}?", "I do not know.") for n in range(10)]
    report = check_examples(write(same))
    assert report.ok
    assert codes(report) == [(None, "identical_answers")]


def test_a_key_that_stands_in_every_line_is_told_once(write):
    report = check_examples(write([{**row, "id": n} for n, row in enumerate(TEN)]))
    assert report.ok
    assert codes(report) == [(1, "unused_key")]


def test_overlap_of_training_and_validation(write):
    train = write(TEN)
    validation = write([example("New?"), TEN[2], example("Question 7?", "Other.")], "valid.jsonl")
    report = overlap(train, validation)
    assert report.ok
    assert codes(report) == [(2, "overlap"), (3, "overlap")]
    assert "line 3 of the training file" in report.problems[0].message


# ------------------------------------------------------------------------------------- the report


def test_a_problem_reads_as_line_what_cure():
    assert str(Problem(7, "c", "this is wrong", "do that")) == "line 7: this is wrong -> do that"
    assert str(Problem(None, "c", "this is wrong", "do that")) == "this is wrong -> do that"


def test_twenty_are_listed_and_the_rest_counted(write):
    rows = [*TEN, *[example(f"{n}", "Yes. ") for n in range(30)], *[{"messages": []}] * 50]
    report = check_examples(write(rows))
    assert len(report.problems) == len(report.errors) == MOST_LISTED
    assert (report.more_errors, report.more_warnings) == (30, 30)
    assert str(report).endswith("and 60 more")
    assert report.error()["message"].endswith("and 47 more")


def test_the_error_of_a_failed_job(write):
    path = write([*TEN, {"messages": []}])
    error = check_examples(path).error()
    assert error == {
        "code": "invalid_training_file",
        "message": "The job failed due to an invalid training file. line 11: messages is an empty "
        'list -> make it a list of {"role": ..., "content": ...}',
        "param": "training_file",
    }
    error = check_examples(path, param="validation_file").error()
    assert (error["code"], error["param"]) == ("invalid_validation_file", "validation_file")
    assert "an invalid validation file" in error["message"]
    with pytest.raises(ValueError, match="no errors"):
        check_examples(write(TEN)).error()


def test_reading_a_file_that_was_not_checked(write):
    with pytest.raises(CourseError, match=r"train\.jsonl, line 11: not valid JSON"):
        read_examples(write([*TEN, "{"]))


def test_a_large_file_needs_little_memory(write):
    # 40 MB in lines that are each too long, blank, or no JSON.
    path = write((b"x" * 2_000_000 + b"\n" + b"\n" * 1000 + b"{\n" * 400) * 20)
    tracemalloc.start()
    report = check_examples(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12_000_000
    assert len(report.problems) == MOST_LISTED
    assert report.examples == 20 * 401


def test_a_file_that_is_all_wrong_is_not_read_to_its_end(write):
    report = check_examples(write(b"{\n" * (MOST_ERRORS + 1000)))
    assert report.examples == len(report.errors) + report.more_errors == MOST_ERRORS


# ------------------------------------------------------------------------------------ the command


def check_data(monkeypatch, capsys, *arguments):
    """``course check-data ...`` → exit status, what was printed."""
    monkeypatch.setattr(sys, "argv", ["course", "check-data", *map(str, arguments)])
    with pytest.raises(SystemExit) as ending:
        main()
    printed = capsys.readouterr()
    return ending.value.code, printed.out + printed.err


def test_the_command_prints_counts_and_problems(home, write, monkeypatch, capsys):
    status, printed = check_data(monkeypatch, capsys, write([*TEN, TEN[0]]))
    assert status == 0
    assert printed.startswith("warning: line 11: the same example stands in line 1 -> keep one")
    assert "11 examples, lengths not checked (`course prepare` once, for that)" in printed
    assert printed.endswith("; 0 errors, 1 warning\n")
    status, printed = check_data(monkeypatch, capsys, write([]))
    assert status == 1
    assert printed.endswith("train.jsonl: 0 examples; 1 error, 0 warnings\n")
    status, printed = check_data(monkeypatch, capsys, write([*TEN, "{"]), "--json")
    assert status == 1
    report = json.loads(printed)
    assert (report["ok"], report["examples"], report["tokens"]) == (False, 11, None)
    assert report["problems"][0]["line"] == 11
    assert report["problems"][0]["cure"]


def test_the_command_takes_the_method(home, write, monkeypatch, capsys):
    assert check_data(monkeypatch, capsys, write(TEN_PAIRS), "--method", "dpo")[0] == 0
    assert check_data(monkeypatch, capsys, write(TEN_PAIRS))[0] == 1
    status, printed = check_data(monkeypatch, capsys, write(TEN), "--method", "grpo")
    assert status == 1
    assert "no method 'grpo'\n  -> use one of" in printed


def test_the_command_counts_with_a_prepared_base(home, write, monkeypatch, capsys):
    folder = base_folder(registry.local_chat())
    folder.mkdir(parents=True)
    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text("{}")
    template = "{% for message in messages %}{{ message.content }} {% endfor %}"
    (folder / "chat_template.jinja").write_text(template)
    rows = [*TEN, example("Why?", "word " * 3000 + "end")]
    status, printed = check_data(monkeypatch, capsys, write(rows))
    assert status == 1
    assert "line 11: the example has 3,002 tokens, and " in printed
    assert "11 examples, 3,042 tokens, the longest 3,002; 1 error," in printed


# ------------------------------------------------------------------------------------ any content

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["messages", "role", "content", "weight", "type", "text", "input", "tools"]
            )
            | st.sampled_from(["preferred_output", "non_preferred_output"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)
NEAR_MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["system", "user", "assistant", "tool", 1, None]),
        "content": st.text(max_size=4) | ANY_JSON,
        "weight": st.sampled_from([0, 1, 2, None, True, "1"]),
    },
)
NEAR_LIST = st.lists(NEAR_MESSAGE | ANY_JSON, max_size=3) | ANY_JSON
NEAR_ROW = st.fixed_dictionaries({"messages": NEAR_LIST}) | st.fixed_dictionaries(
    {
        "input": st.fixed_dictionaries({"messages": NEAR_LIST}) | ANY_JSON,
        "preferred_output": NEAR_LIST,
        "non_preferred_output": NEAR_LIST,
    }
)
NEAR_LINE = (NEAR_ROW | ANY_JSON).map(lambda row: json.dumps(row).encode())


@given(
    st.binary(max_size=300)
    | st.lists(NEAR_LINE | st.binary(max_size=30), max_size=6).map(b"\n".join),
    st.sampled_from(["supervised", "dpo"]),
)
def test_any_bytes_give_a_report(content, method):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any"
        path.write_bytes(content)
        report = check_examples(path, method=method, count=words, min_examples=1)
        assert isinstance(report, Report)
        assert all(problem.message and problem.cure for problem in report.problems)
        if report.ok:
            assert len(read_examples(path)) == report.examples > 0
        else:
            assert report.error()["message"]
