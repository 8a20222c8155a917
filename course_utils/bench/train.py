"""Training as the course does it against the guide's configuration, on the same data, in one run.

The guide's: float32, LoRA on q and v with dropout, batches of four in random order padded to the
longest, loss on all tokens; ported to today's TRL and otherwise as it stands. Rounds alternate.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from course_utils import registry
from course_utils.bench.contender import in_own_process
from course_utils.finetune.base import prepare_base, require_train_extra
from course_utils.finetune.config import TrainingConfig, hyperparameters
from course_utils.finetune.dataset import as_example, load_replies, write_jsonl
from course_utils.finetune.memory import peak_mb, return_freed_memory

ROUNDS = 3
EXAMPLES = 40
GUIDE_RATE = 2e-4


def measure(rounds: int = ROUNDS) -> dict:
    """Run the benchmark.

    Args:
        rounds: Epochs timed of each, after one of warm-up.

    Returns:
        ``tokens_per_s`` (real tokens, no padding), ``guide_tokens_per_s``, ``ratio`` (the first
        over the second), ``peak_mb`` and ``guide_peak_mb`` (resident memory of each process),
        ``peak_ratio``, ``spread`` (lowest and highest round of each).

    Raises:
        CourseError: The training packages are not installed.
    """
    require_train_extra()
    prepare_base(registry.local_chat())
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # for both, as in finetune/train.py
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


def _examples() -> list[dict]:
    return [as_example(r.question, r.reply) for r in load_replies("train")[:EXAMPLES]]


def _epoch(make_trainer: Callable[[Path], object]) -> Callable[[], tuple[float, float]]:
    """Tokens per second of one epoch, and the process's peak memory in MB."""
    from transformers.trainer_callback import PrinterCallback

    folder = Path(tempfile.mkdtemp(prefix="course-bench-"))
    trainer = make_trainer(folder)
    trainer.remove_callback(PrinterCallback)
    tokens = sum(map(len, trainer.train_dataset["input_ids"]))

    def epoch() -> tuple[float, float]:
        started = time.perf_counter()
        trainer.train()
        return tokens / (time.perf_counter() - started), peak_mb()

    return epoch


def _ours() -> Callable[[], tuple[float, float]]:
    from course_utils.finetune.trainer import build_trainer

    return_freed_memory()

    def make(folder: Path):
        file = write_jsonl(folder / "training.jsonl", _examples())
        numbers = hyperparameters(EXAMPLES) | {"n_epochs": 1}
        config = TrainingConfig(base=registry.local_chat().id, training_file=file, **numbers)
        trainer = build_trainer(config, folder / "trainer", [])
        trainer.args.save_strategy = "no"
        return trainer

    return _epoch(make)


def _guide() -> Callable[[], tuple[float, float]]:
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    def make(folder: Path) -> SFTTrainer:
        base = prepare_base(registry.local_chat())
        on_gpu = torch.cuda.is_available()
        return SFTTrainer(
            model=AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
            processing_class=AutoTokenizer.from_pretrained(base),
            train_dataset=Dataset.from_list(_examples()),
            peft_config=LoraConfig(
                task_type="CAUSAL_LM",
                r=16,
                lora_alpha=32,
                lora_dropout=0.1,
                target_modules=["q_proj", "v_proj"],
            ),
            args=SFTConfig(
                output_dir=str(folder / "trainer"),
                num_train_epochs=1,
                per_device_train_batch_size=4,
                learning_rate=GUIDE_RATE,
                fp16=on_gpu,
                bf16=False,
                use_cpu=not on_gpu,
                gradient_checkpointing=False,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
            ),
        )

    return _epoch(make)
