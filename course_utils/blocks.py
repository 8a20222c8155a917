"""Parts of a page that the course writes: what stands between two comments of Markdown."""

from course_utils.errors import CourseError


def with_block(text: str, name: str, block: str) -> str:
    """A page's text with another block between its two comments, which stay.

    Args:
        text: The page.
        name: As in ``<!-- claims: begin -->`` and ``<!-- claims: end -->``.
        block: What is to stand between them.

    Raises:
        CourseError: A comment is gone.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found and found_end):
        raise CourseError(f"the page lacks {begin} or {end}", "put both back, in this order")
    return f"{before}{begin}\n{block}\n{end}{after}"
