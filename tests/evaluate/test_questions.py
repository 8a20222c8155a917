import json

import pytest

from course_utils.errors import CourseError
from course_utils.evaluate.questions import Question, load_questions

ONE = {
    "id": "q1",
    "question": "What does it cost?",
    "answer": "It costs $19.",
    "accepted": [["$19"]],
    "accepted_v2": [["$24"]],
    "sources": ["plan"],
    "also": ["overview"],
    "kind": "changed_in_v2",
    "difficulty": "easy",
    "split": "dev",
}
TWO = {**ONE, "id": "q2", "accepted": [], "kind": "unanswerable", "sources": [], "split": "test"}
TWO = {key: value for key, value in TWO.items() if key not in ("accepted_v2", "also")}


def write(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_loads_in_order_and_selects(tmp_path):
    path = write(tmp_path / "q.jsonl", json.dumps(ONE), json.dumps(TWO))
    assert [question.id for question in load_questions(path=path)] == ["q1", "q2"]
    assert [question.id for question in load_questions("test", path=path)] == ["q2"]
    assert [q.id for q in load_questions(kinds=["changed_in_v2"], path=path)] == ["q1"]
    assert load_questions("dev", ["unanswerable"], path) == []


def test_versions_relevance_and_answerability():
    one, two = Question(**ONE), Question(**TWO)
    assert one.accepted_in("v1") == (("$19",),)
    assert one.accepted_in("v2") == (("$24",),)
    assert two.accepted_in("v2") == ()
    assert one.relevant == ("plan", "overview")
    assert one.answerable
    assert not two.answerable


@pytest.mark.parametrize(
    "broken", ["{not json", '{"id": "q2"}', json.dumps({**ONE, "surprise": 1})]
)
def test_a_broken_line_is_named(tmp_path, broken):
    path = write(tmp_path / "q.jsonl", json.dumps(ONE), broken)
    with pytest.raises(CourseError, match=r"q\.jsonl, line 2: ") as failure:
        load_questions(path=path)
    assert failure.value.cure


def test_the_course_has_questions_of_both_splits_and_unanswerable_ones():
    assert load_questions("dev")
    assert load_questions("test")
    assert load_questions(kinds=["unanswerable"])
