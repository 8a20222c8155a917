"""What a training run writes down while it runs: one JSON line per event."""

import csv
import io
import json
import time
from pathlib import Path
from typing import Any

from accelerate.utils import gather_object
from transformers import TrainerCallback

from course_utils.settings import write_atomic

RESULT_COLUMNS = (
    "step",
    "train_loss",
    "train_mean_token_accuracy",
    "valid_loss",
    "valid_mean_token_accuracy",
)
# Trainer's names → OpenAI's.
_NAMES = {
    "loss": "train_loss",
    "mean_token_accuracy": "train_mean_token_accuracy",
    "rewards/accuracies": "train_mean_token_accuracy",
    "eval_loss": "valid_loss",
    "eval_mean_token_accuracy": "valid_mean_token_accuracy",
    "eval_rewards/accuracies": "valid_mean_token_accuracy",
}


def append_line(path: Path, entry: dict[str, Any]) -> None:
    """Add one JSON line and hand it to the system at once: a killed process loses none."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def openai_metrics(logs: dict[str, Any]) -> dict[str, float]:
    """Trainer's log entry in the names of OpenAI's metric events."""
    return {new: round(logs[old], 5) for old, new in _NAMES.items() if old in logs}


def result_csv(history: list[dict[str, Any]]) -> str:
    """OpenAI's result file from Trainer's log history.

    Args:
        history: ``trainer.state.log_history``.
    """
    rows: dict[int, dict[str, float]] = {}
    for logs in history:
        rows.setdefault(logs["step"], {"step": logs["step"]}).update(openai_metrics(logs))
    text = io.StringIO()
    writer = csv.DictWriter(text, RESULT_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for _, row in sorted(rows.items()) if len(row) > 1)
    return text.getvalue()


class Progress(TrainerCallback):
    """Appends events to ``events.jsonl``, and stops the run after the current step when asked.

    Args:
        folder: The job's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stop_requested = False
        self._begun: tuple[float, int] | None = None

    def say(self, message: str, level: str = "info") -> None:
        """Write a message event."""
        self._event("message", message, level)

    def on_step_begin(self, args, state, control, **kwargs) -> None:
        """The first step is left out of the speed: it compiles kernels."""
        if self._begun is None and state.global_step > 0:
            self._begun = (time.monotonic(), state.global_step)

    def on_step_end(self, args, state, control, **kwargs) -> None:
        """Stop here, with a checkpoint, when that was asked for."""
        if any(gather_object([self.stop_requested])):  # all processes after the same step
            control.should_save = control.should_training_stop = True

    def on_log(self, args, state, control, logs: dict[str, Any], **kwargs) -> None:
        """One metrics event every few steps, and one per validation."""
        metrics = openai_metrics(logs)
        if not (metrics and state.is_world_process_zero):
            return
        data = {
            "step": state.global_step,
            "total_steps": state.max_steps,
            "epoch": round(state.epoch or 0, 3),
            **metrics,
        }
        left = self._seconds_left(state)
        if left is not None:
            data["seconds_left"] = left
        figures = ", ".join(f"{name.replace('_', ' ')}={metrics[name]:.2f}" for name in metrics)
        self._event("metrics", f"Step {state.global_step}/{state.max_steps}: {figures}", data=data)

    def _seconds_left(self, state) -> float | None:
        if self._begun is None or state.global_step <= self._begun[1]:
            return None
        then, step = self._begun
        pace = (time.monotonic() - then) / (state.global_step - step)
        return round(pace * (state.max_steps - state.global_step), 1)

    def _event(
        self, type: str, message: str, level: str = "info", data: dict[str, Any] | None = None
    ) -> None:
        event = {"created_at": int(time.time()), "level": level, "type": type}
        append_line(self.folder / "events.jsonl", {**event, "message": message, "data": data})


def save_result(folder: Path, history: list[dict[str, Any]]) -> None:
    """Write ``metrics.csv``."""
    write_atomic(folder / "metrics.csv", result_csv(history))
