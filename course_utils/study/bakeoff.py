"""Every approach on all questions of the case: what lessons 05 and 06 show."""

from course_utils.bakeoff.approaches import KINDS
from course_utils.bakeoff.case import acme
from course_utils.bakeoff.run import run_bakeoff
from course_utils.settings import settings
from course_utils.study.results import save_result

COMMAND = "course study bakeoff"


def run() -> dict:
    """Run the bake-off, or go on with it, and store its report.

    Returns:
        The report.
    """
    out = settings().home / "bakeoff" / "study"
    report = run_bakeoff(acme(), out, list(KINDS), "local", command=COMMAND)
    save_result("bakeoff", report, COMMAND, ())
    return report
