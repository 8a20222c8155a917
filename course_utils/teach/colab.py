"""What the second cell of a notebook does on Google Colab: installs the course beside Colab's own.

Standard library only until the packages are there. What Colab brings (torch, numpy, Jupyter and its
widgets) keeps its version: the kernel has loaded some of it, and Colab's pages expect the rest.
"""

import importlib
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from course_utils.errors import CourseError

REPO = Path(__file__).resolve().parents[2]
EXTRAS = ("metrics", "train")
# Never asked for, and held at the version that is there. JupyterLab itself has no use on Colab.
COLABS_OWN = (
    "google-colab", "huggingface-hub", "ipykernel", "ipython", "ipywidgets", "jupyter-client",
    "jupyter-core", "jupyter-server", "jupyterlab", "nbclient", "nbconvert", "nbformat",
    "notebook", "numpy", "pandas", "pyzmq", "tokenizers", "torch", "torchaudio", "torchvision",
    "tornado", "traitlets", "transformers",
)  # fmt: skip
# Loaded in one version and installed in another, these fail in ways that nobody can read.
COMPILED = ("numpy", "pandas", "pyarrow", "pydantic", "pydantic_core", "torch")
KEY = "OPENAI_API_KEY"


def set_up(say: Callable[[str], None] = print) -> None:
    """Install the course for this session, prepare its models, take the key from the secrets.

    Run again it only looks.

    Args:
        say: Called with one line per step.

    Raises:
        CourseError: Packages or models could not be had, or the session has to be restarted.
    """
    started = time.monotonic()
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    _import_from_clone()
    refuse_swapped()
    # The course itself comes last, so where it is installed, so is all that it needs.
    if installed(project["name"]) != project["version"]:
        say(f"Installing the course beside Colab's {_own_in_short()}; this takes minutes …")
        install(wanted(project))
        refuse_swapped()
    _prepare_models(say)
    key = take_key()
    say(f"The course is ready, after {time.monotonic() - started:.0f} s.")
    if key:
        say(f"Colab's secrets hold a key ({KEY}). It is used only when you ask for it by name.")
    say("What you make lies in course/.course and goes when the session ends.")


def wanted(project: dict) -> list[str]:
    """What the course needs and Colab does not bring, as in ``pyproject.toml``."""
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for extra in EXTRAS for line in extras[extra])]
    return [line for line in lines if re.split(r"[<>=!~\[; ]", line)[0] not in COLABS_OWN]


def constraints(pins: str = "") -> str:
    """pip constraints that hold what Colab brings at the versions that it has.

    Args:
        pins: Lines such as ``name==1.0``, which count for packages that are not here yet.
    """
    held = [f"{name}=={installed(name)}" for name in COLABS_OWN if installed(name)]
    lines = [line for line in pins.splitlines() if "==" in line]
    absent = [line for line in lines if not installed(line.split("==")[0])]
    return "\n".join([*held, *absent]) + "\n"


def install(requirements: list[str]) -> None:
    """Install packages beside Colab's own, and then the clone itself.

    Raises:
        CourseError: pip failed; its last lines are in the message.
    """
    pins = (REPO / "constraints.txt").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        held = Path(folder) / "held.txt"
        held.write_text(constraints(pins), encoding="utf-8")
        try:
            _pip("-c", str(held), *requirements)
        except CourseError:  # Colab moves on, and some day the release's pins fit no longer
            held.write_text(constraints(), encoding="utf-8")
            _pip("-c", str(held), *requirements)
    _pip("--no-deps", "--editable", str(REPO))
    importlib.invalidate_caches()


def swapped() -> dict[str, tuple[str, str]]:
    """Packages that this session has loaded in one version while another is installed now."""
    found = {}
    for name in COMPILED:
        loaded = str(getattr(sys.modules.get(name), "__version__", ""))
        there = installed(name) or loaded
        # After the "+" stands how it was built, and not every build says so in both places.
        if loaded and loaded.split("+")[0] != there.split("+")[0]:
            found[name] = (loaded, there)
    return found


def refuse_swapped() -> None:
    """Raise a ``CourseError`` that says to restart, where a loaded package was swapped."""
    pairs = [f"{name} {loaded} is loaded, {there} installed" for name, (loaded, there)
             in swapped().items()]  # fmt: skip
    if pairs:
        raise CourseError(
            f"packages were swapped under this session ({'; '.join(pairs)})",
            "restart: menu Runtime → Restart session, then run this cell again",
        )


def take_key() -> bool:
    """Put ``OPENAI_API_KEY`` from Colab's secrets into the environment, unless one is there.

    A key alone spends nothing: ``connect()`` leaves it aside until a hosted model is asked for.

    Returns:
        True when the secrets held one.
    """
    if os.environ.get(KEY):
        return False
    try:
        from google.colab import userdata

        key = userdata.get(KEY)
    except Exception:  # Colab's own kinds: no such secret, access not granted, no answer
        return False
    if key:
        os.environ[KEY] = key
    return bool(key)


def installed(name: str) -> str | None:
    """The installed version of a package, or ``None``."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _import_from_clone() -> None:
    """Let this kernel import the course from the clone, whatever its working folder becomes."""
    if str(REPO) not in sys.path:
        sys.path.insert(0, str(REPO))


def _own_in_short() -> str:
    return " and ".join(f"{name} {installed(name) or '(missing)'}" for name in ("torch", "numpy"))


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    # Captured, since a notebook does not show what a child process writes.
    done = subprocess.run([*command, *arguments], capture_output=True, text=True)
    if done.returncode:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-6:])
        raise CourseError(
            f"the packages could not be installed; pip's last words:\n{last}",
            "run this cell again; if that fails too, Runtime → Disconnect and delete runtime",
        )


def _prepare_models(say: Callable[[str], None]) -> None:
    from course_utils import registry, weights

    for model in (registry.local_chat(), registry.local_encoder()):
        weights.prepare(model, say)
