"""A bake-off's report in the shape of a real one, with invented figures that say so."""

import copy

import pytest

NOT_MEASURED = {"command": "pytest", "date": "2000-01-01", "machine": "invented for the tests",
                "python": "3.11.0", "versions": {"test-package": "0.0"}}  # fmt: skip
KINDS = {"single": 12, "two_documents": 5, "changed_in_v2": 3, "unanswerable": 5}


def approach(name, title, correct, style, retrieves, **changes):
    """An approach's row; every figure follows from the two shares."""
    spread = 0.1
    kinds = {
        kind: {"n": n, "mean": correct, "low": max(0, correct - 0.2), "high": min(1, correct + 0.2)}
        for kind, n in KINDS.items()
    }
    row = {
        "name": name, "title": title, "model": "Test model (no such thing)", "n": 25,
        "correct": correct, "ci_low": max(0, correct - spread), "ci_high": min(1, correct + spread),
        "f1": correct / 2, "similarity": 0.5, "grounded": 0.6 if retrieves else 0.1,
        "cites": correct if retrieves else 0.0, "abstains": 0.2, "abstains_precision": None,
        "style": style, "style_low": max(0, style - spread), "style_high": min(1, style + spread),
        "seconds_p50": 1.25, "seconds_p95": 2.5, "retrieval_p50": 0.031 if retrieves else 0.0,
        "tokens_in": 340.4 if retrieves else 120.0, "tokens_out": 48.0,
        "usd_per_1000": 0.08 if retrieves else 0.047, "kinds": kinds,
        "failures": {"right": round(20 * correct), "not found": 4 if retrieves else 0,
                     "wrong": 0 if retrieves else 16, "invented": 4},
    }  # fmt: skip
    return row | changes


REPORT = {
    "about": NOT_MEASURED,
    "documents": {"folder": "tests/handbook", "files": 14, "passages": 60},
    "questions": {"file": "tests/questions.jsonl", "n": 25, "answerable": 20, "kinds": KINDS},
    "provider": "local",
    "model": "Test model (no such thing)",
    "priced_as": "Hosted test model",
    "approaches": [
        approach("prompt", "Prompt with examples", 0.05, 0.85, False),
        approach("rag", "RAG", 0.5, 0.0, True),
        approach("fine_tuned", "Fine-tuned", 0.0, 1.0, False),
        approach("rag_fine_tuned", "RAG + fine-tuned", 0.45, 0.95, True),
        approach("rag_fine_tuned_bare", "RAG + fine-tuned without context", 0.2, 0.1, True),
    ],
    "paired": [
        {"a": "prompt", "b": "rag", "measure": "correct", "difference": -0.45, "low": -0.65,
         "high": -0.25, "p": 0.00025, "n": 20},
        {"a": "rag_fine_tuned", "b": "rag", "measure": "correct", "difference": -0.05,
         "low": -0.2, "high": 0.1, "p": 0.6172, "n": 20},
        {"a": "rag_fine_tuned", "b": "rag", "measure": "style", "difference": 0.95, "low": 0.85,
         "high": 1.0, "p": 0.00025, "n": 25},
    ],
    "recommendation": {
        "approach": "rag_fine_tuned",
        "title": "RAG + fine-tuned",
        "confidence": "medium",
        "confidence_because": "the test says so",
        "reasons": [
            {"text": "RAG + fine-tuned got 45% right.", "support": "measured", "evidence": ""},
            {"text": "Style must be consistent.", "support": "supported",
             "evidence": "Tuned models kept it."},
            "Facts change every month.",
        ],
        "against": [{"text": "Fewer than 500 examples.", "support": "contradicted"}],
        "would_change": ["If style did not matter: RAG."],
        "next_step": "Write 50 examples, run `course bakeoff` again.",
        "cost": "A day of work for the examples.",
    },
    "examples": [
        {
            "question": "How long is the warranty of test item number 7?",
            "kind": "single",
            "gold": "Two test years.",
            "answers": {
                "prompt": {"text": "Hello.\nFive years.", "right": False, "sources": []},
                "rag": {"text": "Two test years.", "right": True, "sources": ["warranty"]},
                "fine_tuned": {"text": "Hello.\nIt varies.", "right": False, "sources": []},
                "rag_fine_tuned": {"text": "", "right": None, "sources": ["a", "b"]},
            },
        }
    ],
    "notes": ["These figures are invented: this report belongs to a test."],
}  # fmt: skip


@pytest.fixture
def report():
    """A report with five approaches; a test may change its own copy."""
    return copy.deepcopy(REPORT)
