"""Checks of the installed packages: those of the core, those for training, Jupyter's kernel."""

import importlib.metadata
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from course_utils.bootstrap import STAMP, VENV
from course_utils.doctor.finding import (
    SETUP,
    Finding,
    fail,
    fine,
    note,
    python,
    shown,
)
from course_utils.settings import REPO

TRAINING = "train"
KERNEL = "python3"
MOST_NAMED = 6


def core() -> Finding:
    """Are the packages here, in versions that the course allows, and in those it is tested with?"""
    needed = _requirements(None)
    if missing := [one.name for one in needed if installed(one.name) is None]:
        return fail(f"missing: {_listed(missing)}", _install(missing))
    if wrong := _out_of_range([*needed, *_requirements("metrics")]):
        return fail(f"not allowed: {_listed(wrong.values())}", _install(wrong))
    differing = differing_pins()
    if differing:
        detail = f"{len(needed)} core packages allowed; differ from constraints.txt: "
        detail += _listed(differing.values())
        # Elsewhere, as on Colab, other versions are there on purpose.
        return note(detail, _install(differing)) if _own_environment() else fine(detail)
    return fine(f"{len(needed)} core packages, as in constraints.txt")


def training() -> Finding:
    """Are the packages that train here? Without them, lessons 00 to 02 run."""
    needed = _requirements(TRAINING)
    missing = [one.name for one in needed if installed(one.name) is None]
    if len(missing) == len(needed):
        return fine("not installed (lessons 00–02 need none)")
    if missing:
        return fail(f"missing: {_listed(missing)}", _install(missing))
    if wrong := _out_of_range(needed):
        return fail(f"not allowed: {_listed(wrong.values())}", _install(wrong))
    return fine(", ".join(f"{one.name} {installed(one.name)}" for one in needed))


def kernel() -> Finding:
    """Does the kernel of the notebooks run in this environment, and not in somebody else's?"""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        spec = KernelSpecManager().get_kernel_spec(KERNEL)
    except NoSuchKernel:
        return fail(f"JupyterLab has no kernel {KERNEL}", _install(["ipykernel"]))
    program = spec.argv[0]
    own = re.fullmatch(r"python(3(\.\d+)?)?", program) is not None  # Jupyter takes its own
    if own or _same_environment(program):
        return fine(f"{KERNEL} runs in this environment")
    detail = f"{KERNEL} in {spec.resource_dir} starts {program}, another environment"
    if Path(spec.resource_dir).is_relative_to(sys.prefix):
        return fail(detail, f"run {python('-m ipykernel install --sys-prefix')}")
    # Found elsewhere first: only because somebody told Jupyter to look there first.
    names = [name for name in ("JUPYTER_PATH", "JUPYTER_PREFER_ENV_PATH") if name in os.environ]
    if names:
        return fail(detail, f"unset {' and '.join(names)}, then start JupyterLab anew")
    return fail(detail, f"run {python('-m ipykernel install --user')}")


def _same_environment(program: str) -> bool:
    return Path(program).is_absolute() and Path(program).parent == Path(sys.executable).parent


def installed(name: str) -> str | None:
    """The installed version of a package; ``None`` without it."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def differing_pins() -> dict[str, str]:
    """What is installed in another version than constraints.txt pins: name → words on it."""
    found = {}
    for name, pin in _pins():
        here = installed(name)
        # "2.13.0+cpu" is a build of 2.13.0.
        if here is not None and Version(here).public != Version(pin).public:
            found[name] = f"{name} {here} (tested with {pin})"
    return found


def _constraints() -> Path:
    return REPO / "constraints.txt"


def _pins() -> Iterator[tuple[str, str]]:
    for line in _constraints().read_text(encoding="utf-8").splitlines():
        try:
            pin = Requirement(line.partition("#")[0])
        except InvalidRequirement:  # a comment, an empty line
            continue
        if pin.marker is None or pin.marker.evaluate():
            yield canonicalize_name(pin.name), next(iter(pin.specifier)).version


def _requirements(extra: str | None) -> list[Requirement]:
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    found = [Requirement(line) for line in lines]
    return [one for one in found if one.marker is None or one.marker.evaluate()]


def _out_of_range(needed: list[Requirement]) -> dict[str, str]:
    """What is installed in a version outside the range: name → words on it."""
    found = {}
    for one in needed:
        here = installed(one.name)
        if here is not None and not one.specifier.contains(here, prereleases=True):
            found[one.name] = f"{one.name} {here} (needed: {one.specifier})"
    return found


def _own_environment() -> bool:
    """True in the environment that the course's set-up makes."""
    return Path(sys.prefix).resolve() == VENV.resolve()


def _install(names) -> str:
    """How to get these packages in the tested versions; the whole set-up where many are amiss."""
    if len(names) <= MOST_NAMED:
        return f"run {python(f'-m pip install -c {shown(_constraints())} ' + ' '.join(names))}"
    if _own_environment():  # the set-up is skipped while its stamp is there
        return f"delete {shown(STAMP)}, then {SETUP}"
    return f"run {python(f'-m pip install -c {shown(_constraints())} -e {shown(REPO)}')}"


def _listed(words) -> str:
    words = list(words)
    more = len(words) - MOST_NAMED
    return ", ".join(words[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
