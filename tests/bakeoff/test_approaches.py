import pytest
from langchain_core.documents import Document

from course_utils.bakeoff.approaches import KINDS, build
from course_utils.bakeoff.case import OWN_SYSTEM, Case, acme, own
from course_utils.errors import CourseError
from course_utils.evaluate.questions import load_questions
from course_utils.finetune.dataset import load_replies


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "unused")


def case(*texts, **changes):
    chunks = tuple(Document(text, metadata={"source": f"{i}.md"}) for i, text in enumerate(texts))
    return Case("docs", "questions.jsonl", chunks, tuple(load_questions("dev")[:2]), **changes)


def digest(name, made, model="model", k=1, prompt="guide"):
    return build(name, made, model, None, k, prompt).digest


def test_an_answer_is_asked_again_only_when_something_it_depends_on_changes(key):
    one, other = case("The lamp costs $35."), case("The lamp costs $41.")
    assert digest("prompt", one) == digest("prompt", other), "it never sees the documents"
    assert digest("rag", one) != digest("rag", other)
    assert digest("rag", one) == digest("rag", case("The lamp costs $35."))
    assert digest("rag", one) != digest("rag", one, k=2)
    assert digest("rag", one) != digest("rag", one, prompt="rewrite")
    assert digest("prompt", one) == digest("prompt", one, k=2)
    assert digest("prompt", one) != digest("prompt", one, model="another")
    styled = case("The lamp costs $35.", style={"prompt": "Say ahoy."})
    assert digest("prompt", one) != digest("prompt", styled)


def test_every_approach_can_be_built_whatever_braces_texts_hold(key):
    row = {
        "messages": [
            {"role": "system", "content": "Use {curly} words."},
            {"role": "user", "content": "What is {x}?"},
            {"role": "assistant", "content": "{x} is a set."},
        ]
    }
    made = case("A {brace} in a passage.", train=(row,), style={"prompt": "Write {like this}."})
    for name in KINDS:
        chain = build(name, made, "model", None, 1, "guide").chain
        prompts = [p for p in chain.get_prompts() if "question" in p.input_variables]
        shown = prompts[0].invoke({"question": "Why?", "context": "c", "passages": "p"}).to_string()
        assert "Why?" in shown and "{{" not in shown
        if name == "prompt":
            assert "Write {like this}." in shown and "{x} is a set." in shown


def test_the_case_of_the_course():
    made = acme()
    assert len(made.questions) >= 200
    assert made.instructions.startswith("You are a customer support agent for Acme Corp.")
    assert made.prepared and len(made.chunks) > 300
    # The examples in the prompt are training data, and no question is among them.
    asked = {question.question for question in made.questions}
    assert not asked & {reply.question for reply in load_replies("train")[:3]}


def test_a_case_of_your_own(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "lamp.md").write_text("# Lamp\n\nIt costs $35.", encoding="utf-8")
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"question": "Price?", "accepted": "$35", "sources": "lamp.md"}\n')
    made = own(tmp_path / "docs", questions)
    assert made.system == made.instructions == OWN_SYSTEM
    assert not made.prepared and made.style is None
    questions.write_text('{"question": "Price?", "accepted": "$35", "sources": "lump.md"}\n')
    with pytest.raises(CourseError, match=r"lump\.md.*did you mean 'lamp\.md'"):
        own(tmp_path / "docs", questions)
