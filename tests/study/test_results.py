import numpy as np
import pytest

from course_utils.errors import CourseError
from course_utils.evaluate.questions import load_questions
from course_utils.evaluate.stats import mean_interval
from course_utils.study import results
from course_utils.study.reading import settings_of_study


def test_a_result_comes_back_with_its_provenance(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    results.save_result("x", {"value": 1}, "course study x", ("numpy",))
    loaded = results.load_result("x")
    assert loaded["value"] == 1
    assert loaded["about"]["versions"] == {"numpy": np.__version__}
    assert loaded["about"]["command"] == "course study x"


def test_a_missing_result_names_its_command(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    with pytest.raises(CourseError, match="course study reading"):
        results.load_result("reading")


def test_the_stored_reading_study_is_whole_and_of_todays_questions():
    study = results.load_result("reading")
    dev = [q.id for q in load_questions("dev") if q.answerable]
    assert study["questions"] == dev, "the questions changed: run `course study reading` again"
    found = [(s["prompt"], s["k"], s["order"]) for s in study["settings"]]
    assert found == settings_of_study()
    for setting in study["settings"]:
        assert len(setting["right"]) == len(dev)
        assert setting["mean"] == pytest.approx(mean_interval(setting["right"]).mean)
