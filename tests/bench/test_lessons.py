from course_utils.bench.lessons import LONGEST, longest_cells


def _run(*seconds):
    return {"slowest": [{"seconds": one, "begins": f"cell {one}"} for one in seconds]}


def test_the_longest_cells_of_all_lessons_come_first():
    found = longest_cells({"00": _run(60, 1), "01": _run(90, 30)})
    assert found["minutes"] == 3.0
    assert found["cells"][:2] == ["01, 90 s: cell 90", "00, 60 s: cell 60"]


def test_no_more_than_so_many():
    assert len(longest_cells({"00": _run(*range(1, 2 * LONGEST))})["cells"]) == LONGEST
