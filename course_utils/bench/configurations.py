"""Two ways to train the same examples: the course's, and the guide's as it stands.

The guide's: float32, LoRA on q and v with dropout, batches of four in random order padded to the
longest, loss on all tokens, three epochs; ported to today's TRL and otherwise unchanged.
"""

from pathlib import Path

from course_utils import registry
from course_utils.finetune.base import prepare_base
from course_utils.finetune.config import TrainingConfig, hyperparameters
from course_utils.finetune.dataset import write_jsonl

GUIDE_RATE = 2e-4
GUIDE_EPOCHS = 3


def ours(folder: Path, rows: list[dict], n_epochs: int | str = "auto"):
    """The trainer of a fine-tuning job on the endpoint, with its defaults.

    Args:
        folder: For what it writes.
        rows: Lines of a training file.
        n_epochs: As in OpenAI's API.
    """
    from course_utils.finetune.trainer import build_trainer

    numbers = hyperparameters(len(rows), n_epochs=n_epochs)
    file = write_jsonl(folder / "training.jsonl", rows)
    config = TrainingConfig(base=registry.local_chat().id, training_file=file, **numbers)
    trainer = build_trainer(config, folder / "trainer", [])
    trainer.args.save_strategy = "no"
    return trainer


def guide(folder: Path, rows: list[dict], n_epochs: int = GUIDE_EPOCHS):
    """The guide's trainer; arguments as for ``ours``."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.trainer_callback import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    base = prepare_base(registry.local_chat())
    on_gpu = torch.cuda.is_available()
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
        processing_class=AutoTokenizer.from_pretrained(base),
        train_dataset=Dataset.from_list(rows),
        peft_config=LoraConfig(
            task_type="CAUSAL_LM",
            r=16,
            lora_alpha=32,
            lora_dropout=0.1,
            target_modules=["q_proj", "v_proj"],
        ),
        args=SFTConfig(
            output_dir=str(folder / "trainer"),
            num_train_epochs=n_epochs,
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
    trainer.remove_callback(PrinterCallback)
    return trainer
