"""The one exception that a learner may see: what is wrong, and the cure."""


class CourseError(Exception):
    """An expected failure.

    Args:
        what: What is wrong and where, in one line.
        cure: What to do about it, in one line.
    """

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(what, cure)
        self.what = what
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.what}\n  -> {self.cure}"
