"""``course doctor``: is this machine ready? Each finding that asks for something names its cure."""

import traceback
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from course_utils.doctor import host, machine, models, network, packages
from course_utils.doctor.finding import Finding, fail
from course_utils.errors import CourseError

CHECKS: dict[str, Callable[[], Finding]] = {
    "python": machine.python,
    "packages": packages.core,
    "training packages": packages.training,
    "kernel": packages.kernel,
    "model weights": models.weights,
    "engine": models.engine,
    "gpu": machine.gpu,
    "memory": machine.memory,
    "disk": machine.disk,
    "folders": machine.folders,
    "clock": machine.clock,
    "loopback": network.loopback,
    "endpoint": network.endpoint,
    "proxy": network.proxy,
    "base url": network.base_url,
    "provider and key": host.provider_and_key,
    "hosted models": models.retiring,
}


def examine(only: Collection[str] | None = None) -> dict:
    """Look at this machine, without changing anything.

    Nobody on the network is asked anything, unless ``COURSE_PROVIDER`` names a host: that one is
    asked for its list of models, which is free. A proxy that is set is only knocked at.

    Args:
        only: Names of checks; ``None`` makes all of them.

    Returns:
        ``{"ok": bool, "checks": [{"name", "ok", "detail", "cure"}]}``. ``ok`` is false for what
        stops the course; a check that passed and names a cure has a note.
    """
    chosen = {name: look for name, look in CHECKS.items() if only is None or name in only}
    with ThreadPoolExecutor() as pool:  # two or three of them wait for somebody's answer
        findings = list(pool.map(_outcome, chosen.values()))
    return as_report(zip(chosen, findings, strict=True))


def as_report(findings) -> dict:
    """Pairs of name and finding as what ``examine`` returns."""
    checks = [
        {"name": name, "ok": found.ok, "detail": found.detail, "cure": found.cure}
        for name, found in findings
    ]
    return {"ok": all(check["ok"] for check in checks), "checks": checks}


def _outcome(look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except CourseError as error:  # such as a setting that makes no sense
        return fail(error.what, error.cure)
    except Exception as error:  # a check that breaks must not hide what the others found
        at = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(at.filename).name}:{at.lineno}"
        what = f"could not be looked at ({type(error).__name__} in {where})"
        return fail(what, "report it, with what `course doctor --report` prints")
