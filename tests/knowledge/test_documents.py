import pytest

from course_utils.errors import CourseError
from course_utils.knowledge.documents import load_documents

PAGE = """---
id: plan
title: A plan
category: plan
valid_from: 2026-01-15
---

# A plan

It costs $19.
"""


def test_reads_text_and_front_matter(tmp_path):
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "plan.md").write_text(PAGE, encoding="utf-8")
    (document,) = load_documents("v1", tmp_path)
    assert document.page_content.startswith("# A plan")
    assert "---" not in document.page_content
    assert document.metadata == {
        "source": "plan",
        "title": "A plan",
        "category": "plan",
        "valid_from": "2026-01-15",
    }


def test_an_unknown_version_names_the_known_ones():
    with pytest.raises(CourseError) as failure:
        load_documents("v9")
    assert "v1, v2" in failure.value.cure


def test_a_missing_key_is_named(tmp_path):
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "plan.md").write_text(PAGE.replace("title:", "name:"), encoding="utf-8")
    with pytest.raises(CourseError, match=r"plan\.md: no 'title'"):
        load_documents("v1", tmp_path)


def test_both_versions_hold_the_same_documents():
    old, new = load_documents("v1"), load_documents("v2")
    assert [d.metadata["source"] for d in old] == sorted(d.metadata["source"] for d in new)
    assert any(a.page_content != b.page_content for a, b in zip(old, new, strict=True))
