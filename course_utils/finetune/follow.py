"""Waits for a fine-tuning job and shows its loss curve while it grows."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from openai import OpenAI
from openai.types.fine_tuning import FineTuningJob

from course_utils.errors import CourseError

if TYPE_CHECKING:
    from IPython.display import DisplayHandle

UNFINISHED = {"validating_files", "queued", "running"}
POLL_S = 1.0
# Drawing costs time that the training on the same cores would like to have.
REDRAW_S = 5.0


def follow(
    client: OpenAI,
    job: FineTuningJob,
    quiet: bool = False,
    say: Callable[[str], None] | None = None,
) -> FineTuningJob:
    """Poll a job until it ends, with its status and its loss curve in the notebook.

    Args:
        client: Who created the job; any host that speaks OpenAI's API.
        job: The job.
        quiet: Show nothing.
        say: Called with a line now and then, instead of showing anything: for a terminal.

    Returns:
        The finished job.

    Raises:
        CourseError: It failed, was cancelled or is paused; the message is the host's.
    """
    from IPython.display import display

    shown = None if quiet or say else display("waiting …", display_id=True)
    drawn = 0.0
    while (job := client.fine_tuning.jobs.retrieve(job.id)).status in UNFINISHED:
        if time.monotonic() > drawn + REDRAW_S:
            if shown:
                _draw(client, job, shown)
            if say:
                say(_in_words(job))
            drawn = time.monotonic()
        time.sleep(POLL_S)
    if job.status != "succeeded":
        reason = job.error.message if job.error and job.error.message else "it did not say why"
        raise CourseError(
            f"the job {job.id} is {job.status}: {reason}",
            "client.fine_tuning.jobs.list_events(job.id) tells the steps; correct the file and "
            "create a new job",
        )
    if shown:
        _draw(client, job, shown)
    return job


def _in_words(job: FineTuningJob) -> str:
    if not job.estimated_finish:
        return job.status
    return f"{job.status}, {max(0, job.estimated_finish - time.time()):.0f} s left"


def metrics(client: OpenAI, job: FineTuningJob) -> list[dict[str, Any]]:
    """The metrics that a job has reported so far, oldest first.

    Returns:
        One ``{"step", "total_steps", "train_loss", …}`` per metrics event.
    """
    events = client.fine_tuning.jobs.list_events(job.id, limit=100)
    by_step: dict[int, dict] = {}
    for event in events:  # fetches further pages as needed; newest first
        if event.type == "metrics" and event.data:
            step = event.data["step"]
            by_step[step] = event.data | by_step.get(step, {})
    return [by_step[step] for step in sorted(by_step)]


def _draw(client: OpenAI, job: FineTuningJob, place: "DisplayHandle") -> None:
    from course_utils import plots

    curve = metrics(client, job)
    if curve:
        title = f"Job {job.id[:16]}…: {job.status}"
        plots.show(plots.loss_curve(curve, title), _described(curve), place)
    else:
        place.update(f"{job.status} …")


def _described(curve: list[dict]) -> str:
    losses = [point["train_loss"] for point in curve if "train_loss" in point]
    if not losses:
        return "Loss curve without a point yet."
    return (
        f"Training loss by step: from {losses[0]:.2f} at the start to {losses[-1]:.2f} at step "
        f"{curve[-1]['step']} of {curve[-1].get('total_steps', curve[-1]['step'])}."
    )
