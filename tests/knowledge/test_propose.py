import json

import pytest
from langchain_core.documents import Document
from langchain_openai import ChatOpenAI

from course_utils.connection import connect
from course_utils.endpoint import process
from course_utils.errors import CourseError
from course_utils.evaluate.correctness import is_correct
from course_utils.evaluate.own_questions import load_own_questions
from course_utils.knowledge.documents import load_documents
from course_utils.knowledge.propose import (
    DEFINITIONS,
    FIGURES,
    _accepted,
    _is_of_use,
    propose_questions,
    worth_asking,
    write_proposed,
)


def document(source, text):
    return Document(page_content=text, metadata={"source": source, "title": source})


@pytest.fixture
def llm(home, clean_environment):
    """The course's own model on an endpoint of its own."""
    course = connect("local")
    yield ChatOpenAI(model=course.chat_model, temperature=0, seed=0, max_tokens=40)
    process.stop()


def test_figures_come_first_and_every_document_gets_its_turn():
    text = "A voucher is a code that lowers the price. Nothing to see in this sentence.\n\n"
    documents = [document(f"{n}.md", f"{text}- The plan costs ${n} a month.\n- x") for n in "1234"]
    documents.append(document("none.md", "A sensor is a small device that measures something."))
    found = [(doc.metadata["source"], sentence) for doc, sentence in worth_asking(documents)]
    assert sorted(found[:4]) == [(f"{n}.md", f"The plan costs ${n} a month.") for n in "1234"]
    assert found[4] == ("none.md", "A sensor is a small device that measures something.")
    assert {sentence for _, sentence in found[5:]} == {"A voucher is a code that lowers the price."}
    assert len(found) == 9


@pytest.mark.parametrize(
    "sentence",
    [
        "It costs $19 a month, or more.",  # what does?
        "costs $19 a month, or more than that.",
        "Call ``price(19) == {}`` to see what it costs.",
        "See https://example.org/prices for all 19 of them.",
        "The plan costs 19",
        "Version 2.8.3 of the software fixes some bugs.",
        "The Sense T1 likes the cold more than others.",
    ],
)
def test_sentences_that_give_no_question(sentence):
    assert worth_asking([document("a.md", sentence)]) == []


@pytest.mark.parametrize(
    ("question", "of_use"),
    [
        ("How much does the Pro plan cost?", True),
        ("How many sensors are in the plan?", True),
        ("The Pro plan costs $49 a month and includes up to 20 sensors?", False),
        ("Does the Pro plan cost $49 for 20 sensors?", False),
        ("The Pro plan is cheap", False),
        ("How long does the battery of the lamp last?", False),
        ("How many days until the deadline of the project?", False),
        ("What a plan! What does it cost a month?", False),
        ("", False),
        ("Pro plan?", False),
    ],
)
def test_only_questions_about_the_sentence_are_kept(question, of_use):
    sentence = "The Pro plan costs $49 a month and includes up to 20 sensors."
    assert _is_of_use(question, sentence) is of_use


@pytest.mark.parametrize(
    ("sentence", "reply", "accepted"),
    [
        ("A filter for the kettle costs 4 euros.", "€4.", ["4 euros", "€4", "4 €", "4 EUR"]),
        ("It is back within 14 days of delivery.", "Fourteen days.", ["14 days"]),
        ("It is lost after 12 business days.", "After 12 working days.", ["12 business days"]),
        ("The heating element takes 1,200 watts.", "1200 watts", ["1,200 watts"]),
        ("The plan costs $49 a month.", "$49", ["$49"]),
        ("The plan costs $49 a month and includes up to 20 sensors.", "", None),
        ("A voucher is a code that lowers the price.", "", None),
    ],
)
def test_the_figure_that_answers_is_accepted(sentence, reply, accepted):
    assert _accepted("How much is that?", sentence).get("accepted") == accepted
    assert accepted is None or is_correct(reply, [accepted])


def test_a_figure_of_the_question_is_not_its_answer():
    sentence = "The plan costs $49 a month and includes up to 20 sensors."
    asked = "How many sensors does the plan for $49 include?"
    assert _accepted(asked, sentence) == {"accepted": ["20 sensors"]}


def test_the_model_proposes_what_a_person_can_correct(llm, tmp_path):
    documents = load_documents()
    rows = propose_questions(documents, 4, llm)
    assert len(rows) == 4
    texts = {doc.metadata["source"]: " ".join(doc.page_content.split()) for doc in documents}
    examples = {*FIGURES.values(), *DEFINITIONS.values()}
    for row in rows:
        (source,) = row["sources"]
        assert row["answer"] in texts[source]
        assert row["question"].endswith("?")
        assert row["question"] not in examples
        assert row["proposed"] is True
    assert len({row["question"].lower() for row in rows}) == 4
    assert len({row["sources"][0] for row in rows}) == 4

    path = tmp_path / "proposed.jsonl"
    write_proposed(path, rows)
    with pytest.raises(CourseError, match="proposed and not reviewed"):
        load_own_questions(path)
    assert [q.question for q in load_own_questions(path, include_proposed=True)] == [
        row["question"] for row in rows
    ]
    corrected = [{key: value for key, value in row.items() if key != "proposed"} for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in corrected))
    assert len(load_own_questions(path)) == 4
    with pytest.raises(CourseError, match="exists already"):
        write_proposed(path, rows)
    assert len(load_own_questions(path)) == 4


def test_nothing_to_ask_about(llm):
    with pytest.raises(CourseError, match="no question could be proposed") as failure:
        propose_questions([document("a.md", "Hello there.")], 3, llm)
    assert "by hand" in failure.value.cure
