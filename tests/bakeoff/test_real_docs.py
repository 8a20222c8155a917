"""The questions on real documentation have their answers in it, and it is read as it comes."""

import pytest
from real_docs import QUESTIONS, real_docs

from course_utils.evaluate.correctness import is_correct
from course_utils.evaluate.grounding import likeness
from course_utils.evaluate.own_questions import check_sources, load_own_questions
from course_utils.knowledge.own import file_of, load_folder, split


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return load_folder(real_docs(tmp_path_factory.mktemp("real")))


def test_a_folder_of_real_documentation_is_read_as_it_comes(folder):
    assert folder.problems == []
    assert folder.files > 200
    assert folder.skipped[".png"] > 0
    titles = {
        document.metadata["source"]: document.metadata["title"] for document in folder.documents
    }
    assert titles["reference/exit-codes.rst"] == "Exit codes"
    assert all(len(chunk.page_content) < 450 for chunk in split(folder.documents))


def test_every_answer_stands_in_one_passage_of_its_source(folder):
    questions = load_own_questions(QUESTIONS)
    answerable = [question for question in questions if question.answerable]
    assert (len(questions), len(answerable)) == (20, 16)
    check_sources(questions, folder.documents)
    passages = split(folder.documents)
    for question in answerable:
        assert is_correct(question.answer, question.accepted), question.id
        for source in question.sources:
            assert any(
                is_correct(passage.page_content, question.accepted)
                and likeness(question.answer, passage.page_content) > 0.4
                for passage in passages
                if file_of(passage.metadata["source"]) == source
            ), question.id
