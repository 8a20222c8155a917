"""Training as the course does it against the guide's configuration, on the same data, in one run.

Speed and memory: epochs of the two alternate. Then each trains, from the beginning and alone, until
90 % of its replies to held-out questions keep the house style.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from course_utils import registry
from course_utils.bench import configurations
from course_utils.bench.contender import in_own_process
from course_utils.bench.style_score import train_to_goal
from course_utils.finetune.base import prepare_base, require_train_extra
from course_utils.finetune.dataset import as_example, load_replies
from course_utils.finetune.memory import peak_mb, return_freed_memory

ROUNDS = 3
EXAMPLES = 40


def measure(rounds: int = ROUNDS, to_90: bool = True) -> dict:
    """Run the benchmark; ten minutes or so on two cores, two without ``to_90``.

    Args:
        rounds: Epochs timed of each, after one of warm-up.
        to_90: Also train each to a style score of 90 %.

    Returns:
        ``tokens_per_s`` (real tokens, no padding), ``guide_tokens_per_s``, ``ratio`` (the first
        over the second), ``peak_mb`` and ``guide_peak_mb`` (resident memory of each process),
        ``peak_ratio``, ``spread`` (lowest and highest round of each). With ``to_90`` also
        ``seconds_to_90`` and ``guide_seconds_to_90`` (of training), ``ratio_to_90`` (the second
        over the first) and ``to_90``, which says of each whether it got there, after how many
        steps, and its score at the end. Where the guide's did not, its seconds and the ratio are
        least values; where ours did not, it has none.

    Raises:
        CourseError: The training packages are not installed.
    """
    require_train_extra()
    prepare_base(registry.local_chat())
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # for both, as in finetune/train.py
    result = _speed_and_memory(rounds)
    return result | _seconds_to_90() if to_90 else result


def _speed_and_memory(rounds: int) -> dict:
    with ExitStack() as stack:
        contenders = {
            "ours": stack.enter_context(in_own_process(_ours)),
            "guide": stack.enter_context(in_own_process(_guide)),
        }
        for contender in contenders.values():
            contender()  # warm-up
        results = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, contender in contenders.items():
                results[name].append(contender())
    rates = {name: [rate for rate, _ in found] for name, found in results.items()}
    median = {name: statistics.median(found) for name, found in rates.items()}
    peak = {name: max(mb for _, mb in found) for name, found in results.items()}
    return {
        "tokens_per_s": round(median["ours"], 1),
        "guide_tokens_per_s": round(median["guide"], 1),
        "ratio": round(median["ours"] / median["guide"], 2),
        "peak_mb": round(peak["ours"]),
        "guide_peak_mb": round(peak["guide"]),
        "peak_ratio": round(peak["ours"] / peak["guide"], 2),
        "spread": {name: [round(min(v), 1), round(max(v), 1)] for name, v in rates.items()},
    }


def _seconds_to_90() -> dict:
    found = {}
    for name, make in {"ours": _ours_to_90, "guide": _guide_to_90}.items():
        with in_own_process(make) as train:
            found[name] = train()
    seconds = {name: one["seconds"] for name, one in found.items()}
    there = found["ours"]["reached"]
    return {
        "seconds_to_90": round(seconds["ours"], 1) if there else None,
        "guide_seconds_to_90": round(seconds["guide"], 1),
        "ratio_to_90": round(seconds["guide"] / seconds["ours"], 2) if there else None,
        "to_90": {
            name: {key: one[key] for key in ("reached", "steps", "share")}
            for name, one in found.items()
        },
    }


def _epoch(make_trainer: Callable) -> Callable[[], tuple[float, float]]:
    """Tokens per second of one epoch, and the process's peak memory in MB."""
    folder = Path(tempfile.mkdtemp(prefix="course-bench-"))
    rows = [as_example(r.question, r.reply) for r in load_replies("train")[:EXAMPLES]]
    trainer = make_trainer(folder, rows, n_epochs=1)
    tokens = sum(map(len, trainer.train_dataset["input_ids"]))

    def epoch() -> tuple[float, float]:
        started = time.perf_counter()
        trainer.train()
        return tokens / (time.perf_counter() - started), peak_mb()

    return epoch


def _ours() -> Callable[[], tuple[float, float]]:
    return_freed_memory()  # as the worker does
    return _epoch(configurations.ours)


def _guide() -> Callable[[], tuple[float, float]]:
    return _epoch(configurations.guide)


def _ours_to_90() -> Callable[[], dict]:
    return_freed_memory()
    return lambda: train_to_goal(configurations.ours)


def _guide_to_90() -> Callable[[], dict]:
    return lambda: train_to_goal(configurations.guide)
