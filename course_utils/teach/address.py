"""Where the course is published: address, release, and the links that open it elsewhere.

The address stands in ``pyproject.toml`` under ``[project.urls]`` and nowhere else; what is written
from it is kept in step by ``python -m course_utils.teach.badges``.
"""

import re
import tomllib
from urllib.parse import quote

from course_utils.errors import CourseError
from course_utils.settings import REPO

PYPROJECT = REPO / "pyproject.toml"


def repository() -> str:
    """The repository's address, such as ``https://github.com/owner/name``.

    Raises:
        CourseError: ``pyproject.toml`` names none, or one that Colab could not open.
    """
    address = _project().get("urls", {}).get("Repository", "")
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", address):
        raise CourseError(
            f"pyproject.toml: Repository under [project.urls] is {address!r}",
            "write https://github.com/OWNER/NAME: Colab opens notebooks from there",
        )
    return address


def release() -> str:
    """The tag that links and clones point at: ``v`` and the version in ``pyproject.toml``."""
    return f"v{_project()['version']}"


def binder_url(path: str = "") -> str:
    """A link that opens the release on Binder, in JupyterLab.

    Args:
        path: A notebook to open, from the repository's root; empty opens JupyterLab alone.
    """
    opened = f"lab/tree/{path}" if path else "lab"
    return f"https://mybinder.org/v2/gh/{_slug()}/{release()}?urlpath={quote(opened)}"


def colab_url(path: str) -> str:
    """A link that opens one notebook of the release on Google Colab.

    Args:
        path: The notebook, from the repository's root.
    """
    opened = f"{_slug()}/blob/{release()}/{quote(path)}"
    return f"https://colab.research.google.com/github/{opened}"


def _slug() -> str:
    """Owner and name, as in ``owner/name``."""
    return repository().removeprefix("https://github.com/")


def _project() -> dict:
    return tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
