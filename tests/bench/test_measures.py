import json

import pytest
from typer.testing import CliRunner

from course_utils.bench import measures
from course_utils.cli import app
from course_utils.errors import CourseError

ABOUT = {
    "date": "2026-01-02",
    "machine": "a machine",
    "command": "c",
    "python": "3",
    "versions": {},
}
GOOD = {
    "endpoint": {"ratio": 9.0, "ratio_spread": [8.5, 9.5], "overhead": 0.01, "ttft_again_ratio": 1},
    "retrieval": {"p95_ratio": 3.0, "recall_gap": 0.0101, "reindex": {"ratio": 0.02}},
}


def found(**results):
    return {name: {"about": ABOUT, "result": result} for name, result in results.items()}


def by_name(rows):
    return {row["name"]: row for row in rows}


def test_a_value_is_held_against_its_goal():
    rows = by_name(measures.rows(found(**GOOD)))
    assert set(rows) == {measure.name for measure in measures.MEASURES}
    assert rows["endpoint_over_transformers"]["met"] is True
    assert rows["endpoint_over_transformers"]["spread"] == [8.5, 9.5]
    assert rows["first_token_again"]["met"] is False
    assert rows["query_growth"]["met"] is True  # at most three, and it is three
    assert rows["query_recall_gap"]["met"] is False
    assert rows["reindex"]["value"] == 0.02
    assert rows["reindex"]["measured_on"] == "2026-01-02"
    assert rows["lab"]["value"] is rows["lab"]["met"] is rows["lab"]["measured_on"] is None


def test_a_bench_that_there_is_not():
    with pytest.raises(CourseError, match="cocktail"):
        measures.run("cocktail")


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A folder for results, with a page for their table."""
    monkeypatch.setattr(measures, "RESULTS", tmp_path)
    monkeypatch.setattr("course_utils.study.results.RESULTS", tmp_path)
    monkeypatch.setattr(measures, "PAGE", tmp_path / "page.md")
    measures.PAGE.write_text("before\n<!-- bench: begin -->\n<!-- bench: end -->\nafter\n")
    return tmp_path


def bench(*options):
    return CliRunner().invoke(app, ["bench", *options])


def test_a_run_takes_the_others_from_what_is_stored(results, monkeypatch):
    assert measures.stored() == {}
    measures.save(found(**GOOD))
    monkeypatch.setattr("course_utils.bench.quick.measure", lambda: {"import_s": 0.1, "lab_s": 11})
    done = bench("--only", "quick", "--save", "--json")
    assert done.exit_code == 0
    printed = by_name(json.loads(done.stdout)["measures"])
    assert printed["lab"]["met"] is False
    assert printed["query_growth"]["measured_on"] == "2026-01-02" < printed["lab"]["measured_on"]
    kept = json.loads((results / "bench.json").read_text())
    assert kept["about"]["command"] == "course bench --all --save"
    assert kept["benches"]["retrieval"]["result"] == GOOD["retrieval"]
    assert by_name(kept["measures"]) == printed
    written = measures.PAGE.read_text()
    assert "serving JupyterLab, seconds | ≤ 10.0 | 11.0 | missed |" in written
    assert "whole course, minutes | ≤ 20.0 | – | not measured yet |" in written
    assert "retrieval 2 January 2026" in written
    assert written.startswith("before\n") and written.endswith("after\n")


def test_nothing_is_stored_unless_asked_for(results, monkeypatch):
    monkeypatch.setattr("course_utils.bench.quick.measure", lambda: {"import_s": 0.1, "lab_s": 9})
    assert "lab " in bench("--only", "quick").stdout
    assert [path.name for path in results.iterdir()] == ["page.md"]


def test_a_bench_that_fails_does_not_cost_the_others(results, monkeypatch):
    def refuses():
        raise CourseError("no room", "make room")

    monkeypatch.setattr("course_utils.bench.quick.measure", refuses)
    monkeypatch.setattr("course_utils.bench.lessons.measure", lambda: {"minutes": 1, "peak_mb": 2})
    done = bench("--only", "quick", "--lessons", "--save", "--json")
    assert done.exit_code == 1
    assert "make room" in done.stderr
    assert by_name(json.loads(done.stdout)["measures"])["course_minutes"]["value"] == 1
    assert list(measures.stored()) == ["lessons"]


def test_the_page_shows_what_is_stored():
    assert f"<!-- bench: begin -->\n{measures.table()}\n<!-- bench: end -->" in (
        measures.PAGE.read_text(encoding="utf-8")
    ), "python -m course_utils.bench.measures writes it"


def test_what_is_missed_says_what_bounds_it():
    missed = [row for row in measures.rows(measures.stored()) if row["met"] is False]
    assert all(row["bound"] for row in missed), [row["name"] for row in missed]


def test_the_stored_measures_are_those_of_the_results():
    path = measures.RESULTS / "bench.json"
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        assert kept["measures"] == measures.rows(kept["benches"])
