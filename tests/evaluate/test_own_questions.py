import json

import pytest
from langchain_core.documents import Document

from course_utils.errors import CourseError
from course_utils.evaluate.own_questions import check_sources, load_own_questions
from course_utils.evaluate.questions import Question

FULL = {
    "id": "warranty",
    "question": "How long is the warranty?",
    "answer": "The warranty lasts two years.",
    "accepted": [["two years", "2 years"], ["sensor"]],
    "sources": ["b/terms.pdf#page=3"],
    "kind": "how_to",
    "proposed": False,
}
SHORT = {"question": "What does it cost?", "answer": "It costs $19."}
NONE = {"question": "Who is the owner?", "kind": "unanswerable"}


@pytest.fixture
def write(tmp_path):
    """``write(*lines, name=…)`` → a file; objects become JSON."""

    def write(*lines, name="questions.jsonl", encoding="utf-8"):
        path = tmp_path / name
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path.write_bytes("".join(f"{text}\n" for text in texts).encode(encoding))
        return path

    return write


def refusal(path, **options):
    with pytest.raises(CourseError) as failure:
        load_own_questions(path, **options)
    assert failure.value.cure
    return failure.value.what


# -------------------------------------------------------------------------------- what it reads


def test_only_the_question_and_an_answer_are_needed(write):
    path = write(FULL, SHORT, NONE)
    full, short, none = load_own_questions(path)
    assert all(isinstance(question, Question) for question in (full, short, none))
    assert (full.id, full.kind, full.accepted) == (
        "warranty",
        "how_to",
        (("two years", "2 years"), ("sensor",)),
    )
    assert full.relevant == ("b/terms.pdf#page=3",)
    assert (short.id, short.kind, short.accepted) == ("q002", "single", ())
    assert (short.answer, short.sources) == ("It costs $19.", ())
    assert [question.answerable for question in (full, short, none)] == [True, True, False]


@pytest.mark.parametrize(
    ("given", "groups"),
    [
        ("19", (("19",),)),
        (19, (("19",),)),
        (["19", "nineteen"], (("19", "nineteen"),)),
        ([["19", "nineteen"], ["USD"]], (("19", "nineteen"), ("USD",))),
        ([["19"], "USD"], (("19",), ("USD",))),
        ([], ()),
    ],
)
def test_accepted_may_be_written_in_three_ways(write, given, groups):
    (question,) = load_own_questions(write({**SHORT, "accepted": given}))
    assert question.accepted == groups


def test_without_an_answer_the_accepted_texts_stand_for_it(write):
    row = {"question": "How much?", "accepted": [["$19", "19 dollars"], ["a month"]]}
    (question,) = load_own_questions(write(row))
    assert question.answer == "$19, a month"
    assert question.answerable


def test_sources_are_named_as_folders_name_them(write):
    rows = [{**SHORT, "sources": r".\sub\a.md"}, {**SHORT, "sources": ["./b.md", "c.pdf"]}]
    first, second = load_own_questions(write(*rows))
    assert first.sources == ("sub/a.md",)
    assert second.sources == ("b.md", "c.pdf")


def test_proposed_questions_wait_for_a_review(write):
    path = write(SHORT, {**NONE, "proposed": True})
    assert [question.id for question in load_own_questions(path)] == ["q001"]
    assert [q.id for q in load_own_questions(path, include_proposed=True)] == ["q001", "q002"]
    path = write({**SHORT, "proposed": True})
    assert "all questions are proposed and not reviewed (1)" in refusal(path)
    assert len(load_own_questions(path, include_proposed=True)) == 1


def test_blank_lines_a_mark_and_windows_line_ends_do_no_harm(write):
    path = write(SHORT, "", SHORT, "", encoding="utf-8-sig")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert [question.id for question in load_own_questions(path)] == ["q001", "q003"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table(write, separator):
    rows = [
        ["question", "accepted", "sources", "kind", "answer", "proposed"],
        ["How much?", "$19|19 dollars", "a.md|b.md", "", "", ""],
        ['"Wie lange?\nBitte."', '"[[""2"", ""two""], [""years""]]"', "", "how_to", "", "no"],
        ["Who?", "", "", "unanswerable", "", ""],
        ["", "", "", "", "", ""],
        ["Why?", "", "", "", "Because.", "true"],
    ]
    lines = [separator.join(row) for row in rows]
    path = write(*lines, name="Q.CSV", encoding="utf-8-sig")
    first, second, third, last = load_own_questions(path, include_proposed=True)
    assert first.accepted == (("$19", "19 dollars"),)
    assert first.sources == ("a.md", "b.md")
    assert (first.id, first.kind) == ("q002", "single")
    assert second.accepted == (("2", "two"), ("years",))
    assert second.question == "Wie lange?\nBitte."
    assert (third.id, third.answerable) == ("q005", False)
    assert last.proposed
    assert len(load_own_questions(path)) == 3


# --------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{not json", "not valid JSON"),
        ('["a"]', "not an object"),
        ({"answer": "Yes."}, "there is no question"),
        ({"question": " ", "answer": "Yes."}, "there is no question"),
        ({"question": 5, "answer": "Yes."}, "question: input should be a valid string"),
        ({"question": "How?"}, "neither answer nor accepted"),
        ({"question": "How?", "answer": ""}, "neither answer nor accepted"),
        ({"question": "How?", "answer": None}, '"kind": "unanswerable"'),
        ({"question": "How?", "accepted": [""]}, "empty text"),
        ({"question": "How?", "accepted": [["a"], []]}, "empty text"),
        ({"question": "How?", "accepted": {"a": 1}}, "accepted: input should be"),
        ({**NONE, "answer": "Nobody."}, "unanswerable and has an answer"),
        ({**SHORT, "proposed": "perhaps"}, "proposed: input should be"),
        ({**SHORT, "answers": "x"}, "unknown 'answers'; allowed are question, answer, accepted"),
        ({**SHORT, "id": "q001"}, "the id 'q001' stands in line 1 too"),
    ],
)
def test_a_bad_line_is_named(write, line, what):
    message = refusal(write(SHORT, line, SHORT))
    assert "questions.jsonl: 1 problem:" in message
    assert "\n  line 2: " in message
    assert what in message


def test_all_problems_are_named_up_to_ten(write):
    message = refusal(write(*[{"question": f"Why {number}?"} for number in range(13)]))
    assert "13 problems" in message
    assert "line 10:" in message
    assert "line 11:" not in message
    assert message.endswith("and 3 more")


def test_files_that_are_no_questions(write, tmp_path):
    assert "there is no file" in refusal(tmp_path / "nothing.jsonl")
    assert "there is no file" in refusal(tmp_path)
    assert "has no questions" in refusal(write())
    assert "has no questions" in refusal(write("", " "))
    assert "not UTF-8" in refusal(
        write({**SHORT, "answer": "x"}, '{"question": "Größe?"}', encoding="cp1252")
    )
    assert "UTF-16" in refusal(write(SHORT, encoding="utf-16"))
    assert "name it .csv" in refusal(write("question,answer", "How?,So."))
    assert "one JSON array" in refusal(write("[", json.dumps(SHORT), "]"))


def test_tables_that_are_no_questions(write):
    def of(*lines, encoding="utf-8"):
        return refusal(write(*lines, name="q.csv", encoding=encoding))

    assert "has no questions" in of("question,answer")
    assert "has no questions" in of()
    assert "line 2: not UTF-8" in of("question,answer", "Größe?,Ja", encoding="cp1252")
    assert "line 1: unknown column 'frage'" in of("frage,answer", "Wie?,So.")
    assert "line 2: there is no question" in of("answer", "So.")
    assert "line 3: more cells than columns" in of("question,answer", "a,b", "How?,So, and so")
    assert "line 2: accepted starts with [" in of("question,accepted", "How?,[oops")


# ----------------------------------------------------------------------------------- sources

DOCUMENTS = [
    Document(page_content="text", metadata={"source": source})
    for source in ("guide/a.md", "guide/b.md", "paper.pdf#page=1", "paper.pdf#page=3")
]


def test_sources_are_found_among_the_documents(write):
    rows = [{**SHORT, "sources": [source]} for source in ("guide/a.md", "paper.pdf")]
    rows += [{**SHORT, "sources": ["paper.pdf#page=3"]}, NONE]
    check_sources(load_own_questions(write(*rows)), DOCUMENTS)


def test_a_source_that_is_no_document_is_named_with_the_nearest(write):
    wrong = ("a.md", "guide/bb.md", "paper.pdf#page=2", "elsewhere")
    rows = [{**SHORT, "sources": [source]} for source in wrong]
    with pytest.raises(CourseError) as failure:
        check_sources(load_own_questions(write(*rows)), DOCUMENTS)
    _, *lines = failure.value.what.split("\n")
    assert lines[0].strip() == "q001 names 'a.md' (did you mean 'guide/a.md'?)"
    assert "did you mean 'guide/b.md'?" in lines[1]
    assert "did you mean 'paper.pdf#page=" in lines[2]
    assert lines[3].strip() == "q004 names 'elsewhere'"
    assert "guide/a.md" in failure.value.cure
