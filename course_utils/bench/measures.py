"""What the course promises of its speed: each measure, its goal, and where it comes from.

The stored results are in ``data/results/bench.json``; ``python -m course_utils.bench.measures``
writes the table in ``CONTRIBUTING.md`` from them.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import reduce
from pathlib import Path
from typing import Any

from course_utils.blocks import with_block
from course_utils.errors import CourseError
from course_utils.settings import REPO, write_atomic
from course_utils.study.results import RESULTS, about, load_result, save_result

PAGE = REPO / "CONTRIBUTING.md"
STUDY = "bench"


@dataclass(frozen=True)
class Bench:
    """A module of ``course_utils.bench`` whose ``measure(**arguments)`` returns a result.

    Attributes:
        packages: Distributions whose versions matter to the figures.
        arguments: What the goals ask for.
        command: What prints the whole result.
    """

    packages: tuple[str, ...]
    command: str
    arguments: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Measure:
    """A figure with a goal.

    Attributes:
        name: What scripts call it.
        bench: A key of ``BENCHES``.
        says: What the table calls it.
        goal, at_most: The goal; whether less is better.
        shown: How a value is written.
        value, spread: Where they stand in the bench's result, as ``key.key``.
        bound: What keeps it from its goal, filled in from the result; shown where it is missed.
    """

    name: str
    bench: str
    says: str
    goal: float
    at_most: bool
    shown: str
    value: str
    spread: str | None = None
    bound: str = ""


BENCHES = {
    "endpoint": Bench(("xllamacpp", "torch", "transformers"), "course bench endpoint --json"),
    "train": Bench(("torch", "transformers", "peft", "trl"), "course bench train --json"),
    "retrieval": Bench(
        ("chromadb", "langchain-chroma", "onnxruntime"),
        "course bench retrieval --sizes 1000,10000,100000 --json",
        {"sizes": (1_000, 10_000, 100_000)},
    ),
    "quick": Bench(("jupyterlab",), "course bench quick --json"),
    "lessons": Bench(("nbclient", "torch", "xllamacpp"), "course bench lessons --json"),
}
# Run only when asked for: it takes longer than all others together.
LONG = "lessons"

MEASURES = (
    Measure(
        "endpoint_over_transformers", "endpoint", "endpoint tokens/s over transformers `generate`",
        8, False, "{:.1f}×", "ratio", "ratio_spread",
        "ours answers at {tokens_per_s} tokens a second on one thread, so that a core stays free; "
        "transformers at {transformers_tokens_per_s} on all. A token needs all weights once: "
        "llama.cpp reads {weights_mb[endpoint]} MB of them, {weights_gb_per_s[endpoint]} GB a "
        "second, transformers {weights_mb[transformers]} MB, {weights_gb_per_s[transformers]} GB a "
        "second. Where memory is the limit (one thread copies {copied_gb_per_s} GB a second here) "
        "the ratio cannot pass that of the sizes, {weights_ratio}. Below it the limit is "
        "arithmetic: `perf` shows four fifths of the time in dot products of 4-bit and 8-bit "
        "weights, for which the wheel has code for AVX2 alone. `endpoint/engine.py` says why it is "
        "one thread.",
    ),
    Measure(
        "endpoint_overhead", "endpoint", "time that the endpoint adds to the bare engine's",
        0.05, True, "{:.1%}", "overhead", "overhead_spread",
        "HTTP, checks and the hand-over of each token between threads share the cores with the "
        "engine.",
    ),
    Measure(
        "first_token_again", "endpoint", "time to first token, 1,500-token context asked again",
        0.2, True, "{:.3f}×", "ttft_again_ratio", "ttft_again_spread",
    ),
    Measure(
        "training_seconds", "train", "seconds to 90 % style score, guide's configuration over ours",
        3, False, "{:.1f}×", "ratio_to_90", None,
        "ours took {seconds_to_90} s for {to_90[ours][steps]} steps, the guide's "
        "{guide_seconds_to_90} s for {to_90[guide][steps]}; ours reads {tokens_per_s} tokens a "
        "second, the guide's {guide_tokens_per_s}. Forward every token goes through all layers in "
        "both; back through the upper half in ours.",
    ),
    Measure(
        "training_memory", "train", "training peak memory, ours over guide's",
        0.4, True, "{:.2f}", "peak_ratio", None,
        "ours took {peak_mb} MB, the guide's {guide_peak_mb} MB. PyTorch with its libraries and "
        "the base's weights are in both.",
    ),
    Measure(
        "query_growth", "retrieval", "query p95 at 100,000 chunks over 1,000",
        3, True, "{:.1f}×", "p95_ratio", "p95_ratio_spread",
    ),
    Measure(
        "query_recall_gap", "retrieval", "recall@5 lost against exact search, at the worst size",
        0.01, True, "{:.2%}", "recall_gap",
    ),
    Measure(
        "reindex", "retrieval", "indexing again after 1 % of the documents changed, over all",
        0.05, True, "{:.3f}", "reindex.ratio",
    ),
    Measure(
        "course_minutes", "lessons", "whole course, minutes", 20, True, "{:.1f}", "minutes", None,
        "ten cells, which train or ask real models, take {longest_cells[minutes]} minutes of it; "
        "`course bench lessons` names them.",
    ),
    Measure(
        "course_memory", "lessons", "memory of the largest lesson, MB",
        2000, True, "{:,.0f}", "peak_mb", None,
        "in lesson {largest}; kernel, endpoint and a training that it runs are counted together, "
        "libraries that they share for each of them.",
    ),
    Measure(
        "import", "quick", "`import course_utils`, seconds",
        0.2, True, "{:.3f}", "import_s", "import_spread",
    ),
    Measure(
        "lab", "quick", "second `make lab` to a serving JupyterLab, seconds",
        10, True, "{:.1f}", "lab_s", "lab_spread",
    ),
)  # fmt: skip


def stored() -> dict[str, dict]:
    """Bench → ``about`` and ``result`` as they were saved; empty where none were."""
    if not (RESULTS / f"{STUDY}.json").exists():
        return {}
    return load_result(STUDY)["benches"]


def run(name: str) -> dict:
    """Run a bench of ``BENCHES``: ``about`` it, and its ``result``.

    Raises:
        CourseError: There is no such bench, or it cannot run here.
    """
    if name not in BENCHES:
        raise CourseError(f"there is no bench {name!r}", f"there are: {', '.join(BENCHES)}")
    bench = BENCHES[name]
    module = importlib.import_module(f"course_utils.bench.{name}")
    result = module.measure(**(bench.arguments or {}))
    return {"about": about(bench.command, bench.packages), "result": result}


def rows(found: Mapping[str, dict]) -> list[dict]:
    """Each measure's ``name``, ``value``, ``goal``, ``is`` (at least, at most), ``met``,
    ``spread``, ``bound`` (where it is missed) and the day it was ``measured_on``; ``None`` for
    what was not measured."""
    made = []
    for measure in MEASURES:
        bench = found.get(measure.bench)
        result = bench["result"] if bench else {}
        value = _at(result, measure.value)
        met = None
        if value is not None:
            met = value <= measure.goal if measure.at_most else value >= measure.goal
        made.append(
            {
                "name": measure.name,
                "value": value,
                "goal": measure.goal,
                "is": "at most" if measure.at_most else "at least",
                "met": met,
                "spread": _at(result, measure.spread) if measure.spread else None,
                "bound": measure.bound.format(**result) if met is False else None,
                "measured_on": bench["about"]["date"] if value is not None else None,
            }
        )
    return made


def _at(result: Mapping, path: str) -> Any:
    return reduce(lambda part, key: (part or {}).get(key), path.split("."), result)


def save(found: Mapping[str, dict]) -> Path:
    """Store results, and write the table anew."""
    packages = tuple(dict.fromkeys(name for bench in BENCHES.values() for name in bench.packages))
    kept = {name: found[name] for name in BENCHES if name in found}
    result = {"measures": rows(kept), "benches": kept}
    path = save_result(STUDY, result, "course bench --all --save", packages)
    write_table()
    return path


def table() -> str:
    """The stored measures in Markdown, and a sentence for each goal that is missed."""
    found = stored()
    lines = ["| measure | goal | measured | |", "|---|---|---|---|"]
    missed, marks = [], {True: "met", False: "missed", None: "not measured yet"}
    for measure, row in zip(MEASURES, rows(found), strict=True):
        sign = "≤" if measure.at_most else "≥"
        goal = f"{sign} {measure.shown.format(measure.goal)}"
        value = "–" if row["value"] is None else measure.shown.format(row["value"])
        if row["spread"]:
            low, high = (measure.shown.format(end) for end in row["spread"])
            value += f" ({low} to {high})"
        lines.append(f"| {measure.says} | {goal} | {value} | {marks[row['met']]} |")
        if row["met"] is False:
            missed.append(f"- {_capital(measure.says)}: {row['bound']}")
    taken = [f"{name} {_day(bench['about']['date'])}" for name, bench in found.items()]
    machines = sorted({bench["about"]["machine"] for bench in found.values()})
    lines += ["", f"Taken on {'; '.join(machines)}: {', '.join(taken)}."] if found else []
    return "\n".join(lines + (["", *missed] if missed else []))


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _day(iso: str) -> str:
    return f"{date.fromisoformat(iso):%d %B %Y}".lstrip("0")


def write_table() -> None:
    """Write the table into ``CONTRIBUTING.md``.

    Raises:
        CourseError: The page lacks the place for it.
    """
    write_atomic(PAGE, with_block(PAGE.read_text(encoding="utf-8"), STUDY, table()))


if __name__ == "__main__":
    write_table()
