"""Checks of the machine: Python, GPU, memory, disk, folders, clock."""

import ast
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

from course_utils import registry
from course_utils.bootstrap import OLDEST_PYTHON
from course_utils.doctor.finding import Finding, course, fail, fine, note
from course_utils.settings import NOTEBOOKS, settings

NEEDED_MEMORY_MB = 1200
TRAINING_MEMORY_MB = 3000
NEEDED_DISK_MB = 1000
NVIDIA_SMI = ["nvidia-smi", "--query-gpu=name,memory.total,compute_cap", "--format=csv,noheader"]
SMI_TIMEOUT_S = 5
CGROUP = Path("/sys/fs/cgroup")
CPU_FLAGS = Path("/proc/cpuinfo")


def python() -> Finding:
    """Is this Python new enough?"""
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info >= OLDEST_PYTHON:
        return fine(detail)
    oldest = ".".join(map(str, OLDEST_PYTHON))
    return fail(
        f"{detail}; {oldest} or newer is needed",
        f"install Python {oldest} or newer, delete .venv and run `make lab` again",
    )


def gpu() -> Finding:
    """Which GPU is here, in which precision would training compute, and can torch use the GPU?"""
    from course_utils.finetune.hardware import Machine

    found, trouble = _gpu()
    machine = Machine(os.cpu_count() or 1, 0, _cpu_bf16(), found)
    if not found:
        detail = f"none: training computes on the CPU in {machine.dtype}"
        if trouble:
            detail = f"nvidia-smi fails ({trouble}); training computes on the CPU"
            return note(detail, "restart, or install NVIDIA's driver again, to use the GPU")
        return fine(detail)
    detail = f"{found.name}, {found.memory_gb:.0f} GB: training computes in {machine.dtype}"
    if _torch_cuda() == "":
        cure = "take the command for CUDA that pytorch.org shows under Get Started"
        return note(f"{detail}, but the installed torch is the CPU's", cure)
    return fine(detail)


def _gpu():
    """The first GPU that the driver names, and what went wrong if it names none."""
    from course_utils.finetune.hardware import Gpu

    if not shutil.which(NVIDIA_SMI[0]):
        return None, ""
    try:
        done = subprocess.run(NVIDIA_SMI, capture_output=True, text=True, timeout=SMI_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, type(error).__name__
    line = (done.stdout.strip().splitlines() or [""])[0]
    parts = re.fullmatch(r"(.+), (\d+) MiB, (\d+)\.(\d+)", line)
    if done.returncode or not parts:
        return None, line or f"exit code {done.returncode}"
    compute = (int(parts[3]), int(parts[4]))
    return Gpu(parts[1], int(parts[2]) * 2**20 / 1e9, compute), ""


def _torch_cuda() -> str | None:
    """torch's CUDA version, empty for a CPU build, ``None`` without torch; torch is not loaded."""
    found = importlib.util.find_spec("torch")
    if found is None or not found.origin:
        return None
    file = Path(found.origin).with_name("version.py")
    if not file.exists():
        return None
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "cuda":
            return ast.literal_eval(node.value) or ""
    return None


def _cpu_bf16() -> bool:
    """Whether the CPU computes in bfloat16 itself, as torch would say."""
    if not CPU_FLAGS.exists():
        return False
    return bool(re.search(r"\b(avx512_bf16|amx_tile)\b", CPU_FLAGS.read_text()))


def memory() -> Finding:
    """Is there memory for a model, and for training?"""
    free_mb = free_memory_mb()
    cure = f"close other programs; {course('stop')} ends an endpoint that is no longer used"
    if free_mb < NEEDED_MEMORY_MB:
        return fail(f"{free_mb:.0f} MB free, {NEEDED_MEMORY_MB} MB needed", cure)
    if free_mb < TRAINING_MEMORY_MB:
        detail = f"{free_mb:.0f} MB free; lessons that train need {TRAINING_MEMORY_MB} MB"
        return note(detail, cure)
    return fine(f"{free_mb:.0f} MB free")


def free_memory_mb() -> float:
    """Memory that may still be used, in MB (1e6 bytes), a container's limit counted."""
    import psutil

    free = psutil.virtual_memory().available
    for limit, used, cached in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ):
        files = CGROUP / limit, CGROUP / used
        if all(file.exists() for file in files) and (most := files[0].read_text().strip()) != "max":
            stat = (CGROUP / used).with_name("memory.stat").read_text()
            # Pages of files that are only kept for speed count as used, and are given up first.
            kept = re.search(rf"^{cached} (\d+)", stat, re.MULTILINE)
            inside = int(most) - int(files[1].read_text()) + int(kept[1] if kept else 0)
            free = min(free, inside)
    return free / 1e6


def disk() -> Finding:
    """Is there space where the course writes?"""
    home = _nearest_existing(settings().home)
    free_mb = shutil.disk_usage(home).free / 1e6
    detail = f"{free_mb:.0f} MB free at {home}"
    if free_mb < NEEDED_DISK_MB:
        cure = "free some space, or point COURSE_HOME at another disk"
        return fail(f"{detail}, {NEEDED_DISK_MB} MB needed", cure)
    return fine(detail)


def folders() -> Finding:
    """Can the course, and JupyterLab, write where they have to?"""
    home = settings().home
    if trouble := _cannot_write(_nearest_existing(home)):
        cure = "set COURSE_HOME to a folder that you may write to"
        return fail(f"the course cannot write to {home} ({trouble})", cure)
    if trouble := _cannot_write(None):
        return fail(
            f"no folder for temporary files ({trouble})", "set TMPDIR to a folder with space"
        )
    if trouble := _cannot_write(NOTEBOOKS):
        cure = "copy the course to a folder of your own to keep what you change"
        return note(f"{home} is writable, {NOTEBOOKS} is not ({trouble})", cure)
    return fine(f"{home}, notebooks and temporary files are writable")


def _cannot_write(folder: Path | None) -> str:
    """Why no file can be made there; empty if one can. Permissions alone do not tell."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


def _nearest_existing(folder: Path) -> Path:
    """The folder in which a course home that does not exist yet would be made."""
    while not folder.exists():
        folder = folder.parent
    return folder


def clock() -> Finding:
    """Is the date plausible? With a wrong one, certificates of the web look invalid."""
    today = date.today()
    known = max(entry.verified_on for entry in registry.models().values())
    # Somewhere it is still yesterday.
    if today < known - timedelta(days=2):
        cure = "set the clock: the web's certificates are checked against it"
        return fail(f"{today} lies before {known}, when this course was made", cure)
    return fine(str(today))
