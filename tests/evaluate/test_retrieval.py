import pytest

from course_utils.evaluate.questions import Question
from course_utils.evaluate.retrieval import retrieval_scores


def ask(name, *sources, also=()):
    return Question(
        id=name, question="?", answer="!", accepted=(("!",),), sources=sources, also=also,
        kind="single", difficulty="easy", split="dev",
    )  # fmt: skip


def test_known_rankings_get_their_known_scores():
    questions = [ask("first", "a"), ask("third", "a"), ask("never", "a"), ask("two", "a", "b")]
    retrieved = [["a", "x", "y"], ["x", "y", "a"], ["x", "y", "z"], ["a", "x", "y"]]
    scores = retrieval_scores(questions, retrieved, ["R@1", "R@3", "RR"])
    assert scores["R@1"] == [1, 0, 0, 0.5]
    assert scores["R@3"] == [1, 1, 0, 0.5]
    assert scores["RR"] == pytest.approx([1, 1 / 3, 0, 1])


def test_several_chunks_of_one_document_count_once_at_their_best_place():
    scores = retrieval_scores([ask("q", "b")], [["a", "a", "b", "b"]], ["RR"])
    assert scores["RR"] == [0.5]


def test_another_document_that_states_the_fact_is_right_too():
    scores = retrieval_scores([ask("q", "a", also=("b",))], [["b", "x"]], ["R@1"])
    assert scores["R@1"] == [1]
