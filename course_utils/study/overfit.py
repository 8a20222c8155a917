"""Ten examples, seen again and again: what the loss columns of a result file look like then."""

from pathlib import Path

from course_utils import registry
from course_utils.finetune.base import prepare_base
from course_utils.finetune.config import TrainingConfig, hyperparameters
from course_utils.finetune.dataset import Reply, as_example, load_replies, write_jsonl
from course_utils.settings import settings
from course_utils.study.results import save_result

EXAMPLES, VALIDATION, EPOCHS = 10, 16, 10


def run() -> dict:
    """Train on ten replies with a validation after each epoch, and store the result file.

    Returns:
        ``{"examples", "validation", "n_epochs", "result_file"}``; the last is the CSV text that a
        job's result file would hold.
    """
    from course_utils.finetune.progress import result_csv
    from course_utils.finetune.trainer import build_trainer

    base = registry.local_chat()
    prepare_base(base)
    folder = settings().home / "studies" / "overfit"
    folder.mkdir(parents=True, exist_ok=True)
    config = TrainingConfig(
        base=base.id,
        training_file=_file(folder / "train.jsonl", load_replies("train")[:EXAMPLES]),
        validation_file=_file(folder / "valid.jsonl", load_replies("validation")[:VALIDATION]),
        **hyperparameters(EXAMPLES, n_epochs=EPOCHS),
    )
    trainer = build_trainer(config, folder / "trainer", [])
    trainer.args.eval_strategy, trainer.args.save_strategy = "epoch", "no"
    trainer.train()
    result = {
        "examples": EXAMPLES,
        "validation": VALIDATION,
        "n_epochs": EPOCHS,
        "result_file": result_csv(trainer.state.log_history),
    }
    save_result("overfit", result, "course study overfit", ("torch", "transformers", "peft", "trl"))
    return result


def _file(path: Path, replies: list[Reply]) -> Path:
    return write_jsonl(path, (as_example(reply.question, reply.reply) for reply in replies))
