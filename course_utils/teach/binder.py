"""Writes ``binder/requirements.txt``: all that the lessons need, pinned, but for training.

python -m course_utils.teach.binder
"""

import re
import tomllib

from course_utils.errors import CourseError
from course_utils.settings import REPO, write_atomic

REQUIREMENTS = REPO / "binder" / "requirements.txt"
CONSTRAINTS = REPO / "constraints.txt"
EXTRAS = ("metrics",)
HEADER = """\
# Generated from pyproject.toml and constraints.txt; do not edit. To make it anew:
#   python -m course_utils.teach.binder
# The core and the metrics; postBuild adds torch, in its CPU build, and what trains with it.
"""


def requirements(pyproject: str, constraints: str) -> str:
    """The text of ``binder/requirements.txt``.

    Args:
        pyproject: The text of pyproject.toml.
        constraints: The text of constraints.txt; empty where there is none yet.

    Raises:
        CourseError: ``constraints`` does not pin something that is needed.
    """
    project = tomllib.loads(pyproject)["project"]
    wanted = list(project["dependencies"])
    for extra in EXTRAS:
        wanted += project["optional-dependencies"][extra]
    if not constraints.strip():
        return HEADER + "".join(f"{line}\n" for line in sorted(set(wanted)))
    pins = dict(_pins(constraints))
    names = sorted({_name(line) for line in wanted})
    missing = [name for name in names if name not in pins]
    if missing:
        raise CourseError(
            f"constraints.txt does not pin {', '.join(missing)}",
            "write it anew from an environment with everything installed",
        )
    # What these pull in is pinned by the constraints themselves.
    pinned = "".join(f"{name}=={pins[name]}\n" for name in names)
    return f"{HEADER}-c ../constraints.txt\n{pinned}"


def _pins(constraints: str):
    for line in constraints.splitlines():
        found = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", line)
        if found:
            yield _name(found[1]), found[2]


def _name(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~\[; ]", requirement)[0]).lower()


def current() -> str:
    """The text that ``binder/requirements.txt`` should have now."""
    constraints = CONSTRAINTS.read_text(encoding="utf-8") if CONSTRAINTS.exists() else ""
    return requirements((REPO / "pyproject.toml").read_text(encoding="utf-8"), constraints)


if __name__ == "__main__":
    write_atomic(REQUIREMENTS, current())
    print(f"wrote {REQUIREMENTS.relative_to(REPO)}")
