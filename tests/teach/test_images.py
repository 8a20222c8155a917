"""Images that are files: all others are drawn by the cells that show them."""

from course_utils.settings import NOTEBOOKS, REPO


def test_contributing_says_how_each_image_is_made():
    images = [path for path in (NOTEBOOKS / "images").iterdir() if path.is_file()]
    told = (REPO / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert images and [path.name for path in images if path.name not in told] == []
