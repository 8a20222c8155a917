"""``course doctor``: is this machine ready? Each check names its cure."""

import importlib.metadata
import os
import platform
import re
import shutil
import sys
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

from course_utils import registry
from course_utils.bootstrap import OLDEST_PYTHON
from course_utils.errors import CourseError
from course_utils.settings import REPO, own_key, settings

NEEDED_MEMORY_MB = 1200
NEEDED_DISK_MB = 1000
WARN_BEFORE = timedelta(days=60)


@dataclass(frozen=True)
class Check:
    """One line of the report; ``cure`` says what to do when ``ok`` is false."""

    name: str
    ok: bool
    detail: str
    cure: str = ""


def examine() -> dict:
    """Run every check.

    Returns:
        ``{"ok": bool, "checks": [{"name", "ok", "detail", "cure"}]}``
    """
    checks = [_outcome(check) for check in CHECKS]
    return {"ok": all(c.ok for c in checks), "checks": [asdict(c) for c in checks]}


def _outcome(check: Callable[[], Check]) -> Check:
    try:
        return check()
    except CourseError as error:  # such as a setting that makes no sense: report the others too
        return Check(check.__name__.strip("_"), False, error.what, error.cure)


def _python() -> Check:
    return Check(
        "python",
        sys.version_info >= OLDEST_PYTHON,
        f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "install Python 3.11 or newer, delete .venv and run `make lab` again",
    )


def _packages() -> Check:
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.split(r"[<>=\[ ]", line)[0] for line in project["dependencies"]]
    missing = [name for name in names if not _installed(name)]
    return Check(
        "packages",
        not missing,
        f"missing: {', '.join(missing)}" if missing else f"{len(names)} core packages installed",
        "run `make setup`",
    )


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _training() -> Check:
    found = [name for name in ("torch", "transformers", "peft", "trl") if _installed(name)]
    # Not a failure: lessons 00 to 02 run without.
    detail = (
        f"installed: {', '.join(found)}" if found else "not installed (lessons 00–02 need none)"
    )
    return Check("training packages", True, detail)


def _models() -> Check:
    from course_utils import weights

    wanted = [registry.local_chat(), registry.local_encoder()]
    broken = [
        f"{entry.id}/{file.filename}"
        for entry in wanted
        for file in entry.files
        if not weights.is_sound(entry, file)
    ]
    return Check(
        "model weights",
        not broken,
        f"missing or damaged: {', '.join(broken)}"
        if broken
        else f"{' and '.join(entry.name for entry in wanted)}, checksums right",
        "run `course models prepare`",
    )


def _engine() -> Check:
    try:
        import xllamacpp
    except ImportError as error:
        return Check(
            "engine",
            False,
            f"llama.cpp does not load: {error}",
            "run `make setup`; on a slim Linux also `apt install libgomp1`",
        )
    return Check("engine", True, f"llama.cpp in xllamacpp {xllamacpp.__version__}")


def _memory() -> Check:
    import psutil

    free_mb = psutil.virtual_memory().available / 1e6
    return Check(
        "memory",
        free_mb >= NEEDED_MEMORY_MB,
        f"{free_mb:.0f} MB free, {NEEDED_MEMORY_MB} MB needed",
        "close other programs; `course stop` ends an endpoint that is no longer used",
    )


def _nearest_existing(folder: Path) -> Path:
    """The folder in which a course home that does not exist yet would be made."""
    while not folder.exists():
        folder = folder.parent
    return folder


def _disk() -> Check:
    home = _nearest_existing(settings().home)
    free_mb = shutil.disk_usage(home).free / 1e6
    return Check(
        "disk",
        free_mb >= NEEDED_DISK_MB,
        f"{free_mb:.0f} MB free at {home}",
        "free some space, or point COURSE_HOME at another disk",
    )


def _home() -> Check:
    home = settings().home
    return Check(
        "course home",
        os.access(_nearest_existing(home), os.W_OK),
        str(home),
        "set COURSE_HOME to a folder that you may write to",
    )


def _endpoint() -> Check:
    from course_utils.endpoint.process import running

    endpoint = running()
    detail = f"running at {endpoint.base_url}" if endpoint else "not running (connect() starts it)"
    return Check("endpoint", True, detail)


def _key() -> Check:
    found = own_key() is not None
    provider = settings().provider
    return Check(
        "provider and key",
        provider == "local" or found,
        f"provider {provider}; OPENAI_API_KEY is {'set' if found else 'not set'}"
        + ("" if provider != "local" or not found else ", and stays unused"),
        "set OPENAI_API_KEY, or unset COURSE_PROVIDER to use the local model",
    )


def _retirements() -> Check:
    soon = date.today() + WARN_BEFORE
    used = (registry.hosted_chat(), registry.hosted_encoder())
    leaving = [f"{m.id} on {m.retires_on}" for m in used if m.retires_on and m.retires_on <= soon]
    # Only hosted use is concerned, and the registry already names the replacement.
    detail = f"its host retires {', '.join(leaving)}" if leaving else "none within 60 days"
    return Check("hosted models", True, detail)


CHECKS: tuple[Callable[[], Check], ...] = (
    _python,
    _packages,
    _training,
    _models,
    _engine,
    _memory,
    _disk,
    _home,
    _endpoint,
    _key,
    _retirements,
)
