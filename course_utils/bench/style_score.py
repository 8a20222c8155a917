"""Seconds of training until replies to held-out questions keep the house style.

The adapter is exported every few steps and answers in the engine, as it would on the endpoint;
that time does not count. A configuration that ends below the goal has no such figure: what it
trained is then less than it would need.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from course_utils import registry
from course_utils.evaluate.style import score_style
from course_utils.finetune.base import prepare_base
from course_utils.finetune.dataset import Reply, as_example, load_replies
from course_utils.finetune.export import base_shape, export_gguf

EXAMPLES, QUESTIONS = 100, 20
GOAL = 0.9
CHECK_EVERY = 5  # steps
MAX_TOKENS = 90


def train_to_goal(make_trainer: Callable, every: int = CHECK_EVERY) -> dict:
    """Train on the case's replies until the goal is reached, or the configuration's epochs end.

    Args:
        make_trainer: ``configurations.ours`` or ``configurations.guide``.
        every: Steps between two checks.

    Returns:
        ``{"reached": bool, "seconds": of training, "steps", "share": of held-out replies that keep
        every rule at the last check}``
    """
    from transformers import TrainerCallback

    folder = Path(tempfile.mkdtemp(prefix="course-bench-"))
    rows = [as_example(r.question, r.reply) for r in load_replies("train")[:EXAMPLES]]
    held_out = [r for r in load_replies("test") if r.kind in ("fact", "how_to")][:QUESTIONS]
    found = {"reached": False, "seconds": 0.0, "steps": 0, "share": 0.0}

    class Checks(TrainerCallback):
        def on_train_begin(self, args, state, control, **kwargs) -> None:
            self.since = time.perf_counter()

        def on_step_end(self, args, state, control, model=None, **kwargs) -> None:
            last = state.global_step == state.max_steps
            if state.global_step % every and not last:
                return
            found["seconds"] += time.perf_counter() - self.since
            found["steps"] = state.global_step
            model.save_pretrained(folder / "adapter")
            found["share"] = style_share(folder / "adapter", held_out, to_the_end=last)
            if found["share"] >= GOAL:
                found["reached"] = control.should_training_stop = True
            self.since = time.perf_counter()

    trainer = make_trainer(folder, rows)
    trainer.add_callback(Checks())
    trainer.train()
    return found


def style_share(adapter: Path, asked: list[Reply], to_the_end: bool = True) -> float:
    """Share of the replies of a trained adapter that keep every rule of the house style.

    Args:
        adapter: A PEFT folder.
        asked: Held-out questions.
        to_the_end: Ask all, even when the goal is out of reach; otherwise those that were not
            asked count as failed.
    """
    from course_utils.endpoint.catalog import load_engine

    base = registry.local_chat()
    gguf = export_gguf(adapter, base_shape(prepare_base(base)), adapter.with_suffix(".gguf"))
    engine = load_engine(replace(base, adapter=gguf))
    kept = 0
    for place, reply in enumerate(asked):
        if not to_the_end and (kept + len(asked) - place) / len(asked) < GOAL:
            break
        messages = as_example(reply.question, "")["messages"][:-1]
        body = {"messages": messages, "max_tokens": MAX_TOKENS, "temperature": 0, "seed": 0}
        answer = engine.complete(body)["choices"][0]["message"]["content"]
        kept += score_style(answer).perfect
    return kept / len(asked)
