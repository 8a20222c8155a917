"""No figure of the claims table may drift from what its notebook or file shows."""

import json
import re
import shutil

import pytest

from course_utils.decide.claims import Claim, Evidence, load_claims
from course_utils.settings import REPO
from course_utils.teach.evidence import drift, numbers

CLAIMS = load_claims()
MEASURED = [claim for claim in CLAIMS if claim.evidence]


def test_every_figure_stands_in_its_evidence():
    assert drift(CLAIMS) == []


@pytest.mark.parametrize("claim", MEASURED, ids=lambda claim: claim.id)
def test_every_figure_of_a_row_is_checked(claim):
    """Each number in turn is replaced by one that nothing shows."""
    for field in ("measured", "interval"):
        text = getattr(claim, field)
        for found in re.finditer(r"(?<![A-Za-z\d.,])\d[\d,]*(?:\.\d+)?", text):
            wrong = f"{text[: found.start()]}98765{text[found.end() :]}"
            (complaint,) = drift([claim.model_copy(update={field: wrong})])
            assert complaint.startswith(f"{claim.id}: {field} says")


@pytest.fixture
def copy(tmp_path):
    """The sources of the claims, to be changed."""
    for piece in (piece for claim in CLAIMS for piece in claim.evidence):
        name = piece.file or f"notebooks/{piece.notebook}.ipynb"
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPO / name, tmp_path / name)
    return tmp_path


def test_a_notebook_that_prints_another_figure_turns_red(copy):
    assert drift(CLAIMS, copy) == []
    path = copy / "notebooks" / "03_openai_fine_tuning.ipynb"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("47% [30%, 63%]", "48% [30%, 63%]"), encoding="utf-8")
    complaints = drift(CLAIMS, copy)
    assert "stale-facts: 03_openai_fine_tuning does not show" in "\n".join(complaints)
    assert all("47%" in complaint for complaint in complaints)


def test_a_card_with_another_score_turns_red(copy):
    path = copy / "data" / "adapters" / "house-style" / "card.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    card["scores"]["context_style"]["mean"] = 0.2
    path.write_text(json.dumps(card), encoding="utf-8")
    complaints = "\n".join(drift(CLAIMS, copy))
    assert "card.json at scores.context_style does not show '8% [0%, 18%], n=40'" in complaints


def test_cleared_outputs_turn_every_row_of_the_notebook_red(copy):
    path = copy / "notebooks" / "01_prompting.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell.update(outputs=[]) if cell["cell_type"] == "code" else None
    path.write_text(json.dumps(notebook), encoding="utf-8")
    resting = {c.id for c in CLAIMS if any(e.notebook == path.stem for e in c.evidence)}
    assert {complaint.split(":")[0] for complaint in drift(CLAIMS, copy)} == resting


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("47 % or 47%", ["47%", "47%"]),
        ("6,815,744 of 8B", ["6815744", "8"]),
        ("1,000, 20 and 1,5", ["1000", "20", "1", "5"]),
        ("$4.50 and 0.0848 %.", ["4.50", "0.0848%"]),
        ("+30 points [-15, −2]", ["30", "-15", "-2"]),
        ("8–24 GB, 10-100x, 2027-01-14", ["8", "24", "10", "100", "2027", "01", "14"]),
        ("T1, q003, SmolLM2 and n=24", ["24"]),
    ],
)
def test_numbers(text, found):
    assert numbers(text) == found


OUTPUTS = [
    {"output_type": "stream", "name": "stdout", "text": ["right:   17 of\n", "24 (47 %)\n"]},
    {"output_type": "stream", "name": "stderr", "text": ["5 warnings\n"]},
    {
        "output_type": "execute_result",
        "data": {"text/html": ["<b>3.14</b>&nbsp;&lt; 4"], "image/png": "9999"},
    },
]


@pytest.mark.parametrize(
    ("shows", "there"),
    [
        ("17 of 24 (47%)", True),
        ("3.14 < 4", True),
        ("7 of 24", False),
        ("17 of 2", False),
        ("3.1", False),
        ("14 < 4", False),
        ("5 warnings", False),
        ("9999", False),
    ],
)
def test_what_counts_as_shown(tmp_path, shows, there):
    (tmp_path / "notebooks").mkdir()
    cells = [{"cell_type": "markdown"}, {"cell_type": "code", "source": [], "outputs": OUTPUTS}]
    (tmp_path / "notebooks" / "n.ipynb").write_text(json.dumps({"cells": cells}))
    claim = Claim(
        id="x",
        claim="x",
        topic="x",
        measured="x",
        interval="x",
        verdict="not tested here",
        evidence=(Evidence(notebook="n", shows=shows),),
    )
    assert (drift([claim], tmp_path) == []) is there
