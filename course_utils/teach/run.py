"""Executes the lessons on copies, and says for each: ok, seconds, peak memory, error."""

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from course_utils.errors import CourseError
from course_utils.settings import NOTEBOOKS, write_atomic
from course_utils.teach.cells import lesson_files
from course_utils.teach.tidy import tidy

CELL_TIMEOUT_S = 600
SLOWEST = 5
# The same for the stored outputs and for the check, so that the two can be compared.
QUIET = {
    "PYTHONWARNINGS": "ignore",
    "TQDM_DISABLE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "RAGAS_DO_NOT_TRACK": "true",
    "ANONYMIZED_TELEMETRY": "false",
    "COURSE_RECORD_PROGRESS": "false",  # a solution that is run for a check is no learner's work
}


@dataclass(frozen=True)
class NotebookRun:
    """How one notebook went: wall-clock seconds, peak MB of the whole process tree.

    ``slowest`` are the cells that took longest: ``{"seconds", "begins"}`` of each, its first line
    but for imports.
    """

    name: str
    ok: bool
    seconds: float
    peak_mb: float
    error: str | None
    slowest: list[dict]


def lessons(numbers: Sequence[str] = ()) -> list[Path]:
    """The lessons' notebooks in order, all or those with the given numbers.

    Raises:
        CourseError: No lesson has such a number.
    """
    every = lesson_files(NOTEBOOKS)
    wanted = {number.zfill(2) for number in numbers}
    unknown = wanted - {path.name[:2] for path in every}
    if unknown:
        known = ", ".join(path.name[:2] for path in every)
        raise CourseError(f"no lesson {', '.join(sorted(unknown))}", f"there are: {known}")
    return [path for path in every if not wanted or path.name[:2] in wanted]


def run_notebooks(
    numbers: Sequence[str], save: bool = False, say: Callable[[str], None] = print
) -> dict:
    """Run lessons, each in a kernel of its own.

    Args:
        numbers: Lesson numbers such as ``02``; none means all.
        save: Store the outputs in the notebooks themselves (only of those that ran through).
        say: Called with one line per notebook.

    Returns:
        ``{"ok": bool, "notebooks": [{"name", "ok", "seconds", "peak_mb", "error", "slowest"}]}``
    """
    runs = []
    for path in lessons(numbers):
        say(f"{path.name} …")
        result = execute(path, save)
        runs.append(result)
        outcome = "ok" if result.ok else f"FAILED: {result.error}"
        say(f"{path.name}: {outcome} ({result.seconds:.0f} s, {result.peak_mb:.0f} MB)")
    return {"ok": all(result.ok for result in runs), "notebooks": [asdict(run) for run in runs]}


def execute(path: Path, save: bool = False) -> NotebookRun:
    """Run one notebook on a copy, in a kernel and an empty folder of its own.

    Args:
        path: The notebook.
        save: Store the outputs in it, if it ran through.
    """
    os.environ.update(QUIET)
    notebook = nbformat.read(path, as_version=4)
    error = None
    begun: dict[int, float] = {}
    spent: dict[int, float] = {}  # of the cells that came to an end

    def begins(cell_index: int, **_: object) -> None:
        begun[cell_index] = time.perf_counter()

    def ends(cell_index: int, **_: object) -> None:
        spent[cell_index] = time.perf_counter() - begun[cell_index]

    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, PeakMemory() as memory:
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT_S,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            record_timing=False,
            extra_arguments=["--log-level=40"],  # no warning that loopback is not encrypted
            coalesce_streams=True,  # what one cell prints is one output
            on_cell_execute=begins,
            on_cell_executed=ends,
        )
        try:
            client.execute()
        except CellExecutionError as failure:
            error = f"{failure.ename}: {failure.evalue}"
        except (TimeoutError, RuntimeError) as failure:  # a cell, or the kernel itself
            error = " ".join(str(failure).split())[:300]
    if save and error is None:
        _save(notebook, path)
    seconds = round(time.perf_counter() - started, 1)
    peak_mb = round(memory.peak_mb)
    return NotebookRun(path.name, error is None, seconds, peak_mb, error, _slowest(notebook, spent))


def _slowest(notebook: nbformat.NotebookNode, spent: dict[int, float]) -> list[dict]:
    """The cells that took longest; ``spent`` has the seconds of each by its place."""
    return [
        {"seconds": round(spent[at], 1), "begins": _first_line(notebook.cells[at].source)}
        for at in sorted(spent, key=spent.get, reverse=True)[:SLOWEST]
    ]


def _first_line(source: str) -> str:
    """The first line that tells a cell from others: many begin with imports."""
    lines = [line for line in source.splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith(("import ", "from "))), lines[0])


def _save(notebook: nbformat.NotebookNode, path: Path) -> None:
    tidy(notebook)
    write_atomic(path, nbformat.writes(notebook) + "\n")


class PeakMemory(contextlib.AbstractContextManager):
    """Peak resident memory, in MB, of this process, its children and the local endpoint."""

    def __init__(self, every_s: float = 0.25) -> None:
        self.peak_mb = 0.0
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak_mb = max(self.peak_mb, _tree_mb())
            if self._stop.wait(self._every_s):
                return


def _tree_mb() -> float:
    from course_utils.endpoint.process import running

    here = psutil.Process()
    tree = {here.pid: here} | {child.pid: child for child in here.children(recursive=True)}
    endpoint = running()
    if endpoint is not None:
        # The endpoint outlives the notebook that started it, so it is nobody's child.
        with contextlib.suppress(psutil.NoSuchProcess):
            server = psutil.Process(endpoint.pid)
            tree |= {server.pid: server}
            tree |= {child.pid: child for child in server.children(recursive=True)}
    total = 0
    for process in tree.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total / 1e6
