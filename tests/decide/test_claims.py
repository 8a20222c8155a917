"""The claims table: what is in the file, and that a malformed one is refused with its row."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib

import pytest
import typer

from course_utils.cli import app
from course_utils.decide import claims as module
from course_utils.decide.claims import UNMEASURED, VERDICTS, as_markdown, load_claims, readme, tally
from course_utils.errors import CourseError
from course_utils.settings import DATA, NOTEBOOKS, REPO

CLAIMS = load_claims()
# Other parts of the course refer to these.
REFERRED = {
    "change-means-rag",
    "citations-need-rag",
    "under-500-examples",
    "prompting-first",
    "rag-latency",
    "hallucination-grounding",
    "combine-best",
    "style-by-tuning",
    "stale-facts",
    "tuned-cheaper-per-call",
    "vocabulary",
}
ROW = """
[[claim]]
id = "cats-are-soft"
claim = "Cats are soft"
topic = "Animals"
measured = "9 of 10 were."
interval = "none: counted"
verdict = "holds"
command = "course run 00"
lesson = "00"
evidence = [{ notebook = "00_start_here", shows = "9 of 10" }]
"""


def written(tmp_path, text):
    path = tmp_path / "claims.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_guide_is_covered():
    assert len(CLAIMS) >= 25
    assert {claim.id for claim in CLAIMS} >= REFERRED
    assert {claim.verdict for claim in CLAIMS} == set(VERDICTS)


def test_the_decision_tool_refers_to_claims_that_exist():
    rules = tomllib.loads((DATA / "decide.toml").read_text(encoding="utf-8"))["rule"]
    assert {rule["claim"] for rule in rules} <= {claim.id for claim in CLAIMS}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_lessons_and_commands_exist(claim):
    if claim.lesson:
        assert len(list(NOTEBOOKS.glob(f"{claim.lesson}_*.ipynb"))) == 1
    if claim.command:
        program, *words = shlex.split(claim.command)
        assert program == "course"
        command = typer.main.get_command(app)
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        command.make_context("course", words)  # options and arguments are known
    lessons = re.fullmatch(r"course run ([\d ]+)", claim.command)
    for number in lessons[1].split() if lessons else ():
        assert list(NOTEBOOKS.glob(f"{number}_*.ipynb"))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_an_interval_or_the_reason_for_none(claim):
    assert re.search(r"\[.+, .+\]|^none: \w", claim.interval)


def test_a_good_row_is_read(tmp_path):
    (claim,) = load_claims(written(tmp_path, ROW))
    assert claim.evidence[0].shows == "9 of 10"
    assert tally([claim]) == "1 claims: holds 1."


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('"holds"', '"true"', "row cats-are-soft: verdict"),
        ('"Cats are soft"', "7", "row cats-are-soft: claim"),
        ('"Cats are soft"', f'"{"so " * 50}soft"', "row cats-are-soft: claim"),
        ('lesson = "00"', 'leson = "00"', "row cats-are-soft: leson"),
        ('lesson = "00"', "", None),
        ('lesson = "00"', 'lesson = "0"', "row cats-are-soft: lesson"),
        ('command = "course run 00"', "", "row cats-are-soft: .* needs evidence and a command"),
        ('"9 of 10" }', '"9 of 10", file = "x.json" }', "row cats-are-soft: evidence.0: .*either"),
        ('notebook = "00_start_here", ', "", "row cats-are-soft: evidence.0: .*either"),
        ('id = "cats-are-soft"', "", "row 1: id: field required"),
        ('id = "cats-are-soft"', 'id = "Cats are soft"', "row Cats are soft: id"),
        ("[[claim]]", "[[claims]]", "malformed: 'claim'"),
        ('"Animals"', '"Animals', "malformed: .*line 5"),
    ],
)
def test_a_malformed_row_is_named(tmp_path, old, new, what):
    path = written(tmp_path, ROW.replace(old, new, 1))
    if what is None:
        assert load_claims(path)[0].lesson == ""
        return
    with pytest.raises(CourseError, match=what) as failure:
        load_claims(path)
    assert failure.value.cure


def test_an_id_stands_once(tmp_path):
    with pytest.raises(CourseError, match="2 rows have the id cats-are-soft"):
        load_claims(written(tmp_path, ROW + ROW))


def test_what_was_not_measured_needs_no_evidence(tmp_path):
    text = re.sub("(?m)^(evidence|command|lesson) .*\n", "", ROW)
    for verdict in UNMEASURED:
        (claim,) = load_claims(written(tmp_path, text.replace('"holds"', f'"{verdict}"')))
        assert as_markdown([claim]).endswith(f"| {verdict} | – |")


def test_the_markdown_table(tmp_path):
    text = ROW.replace("9 of 10 were.", "$9 | of $10.")
    table = as_markdown(load_claims(written(tmp_path, text))).splitlines()
    assert table[-1] == (r"| Cats are soft | \$9 \| of \$10. | holds | [00](00_start_here.ipynb) |")
    assert "(notebooks/03_openai_fine_tuning.ipynb)" in as_markdown(CLAIMS, "notebooks/")
    assert len(as_markdown(CLAIMS).splitlines()) == len(CLAIMS) + 2


def test_the_readme_is_up_to_date():
    text = module.README.read_text(encoding="utf-8")
    assert readme(text, CLAIMS) == text, "run `python -m course_utils.decide.claims`"


def test_an_outdated_readme_is_seen_and_only_the_table_written(tmp_path):
    (claim,) = load_claims(written(tmp_path, ROW))
    old = "# Title\n<!-- claims: begin -->\nold\n<!-- claims: end -->\nmore\n"
    new = readme(old, [claim])
    assert new.startswith(f"# Title\n<!-- claims: begin -->\n\n{module.HEADING}")
    assert "Cats are soft" in new
    assert new.endswith("<!-- claims: end -->\nmore\n")
    assert readme(new, [claim]) == new
    assert readme(new, CLAIMS) != new
    with pytest.raises(CourseError, match="lacks"):
        readme("# Title\n", [claim])


def course(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "course_utils.cli", *arguments],
        capture_output=True,
        encoding="utf-8",
        cwd=REPO,
        env=os.environ | {"PYTHONIOENCODING": "utf-8", "COLUMNS": "400"},
        timeout=60,
    )


def test_the_command_prints_json():
    done = course("claims", "--json")
    assert done.returncode == 0
    rows = json.loads(done.stdout)
    assert [row["id"] for row in rows] == [claim.id for claim in CLAIMS]
    wanted = {"id", "claim", "measured", "interval", "verdict", "command"}
    assert set(rows[0]) == wanted | {"topic", "lesson", "literature"}


def test_the_command_prints_a_table():
    done = course("claims")
    assert done.returncode == 0
    assert done.stdout.rstrip().endswith(tally(CLAIMS))
    assert "[-15, -2]" in done.stdout.replace("\n", " ")  # no mark of rich's
