"""The training itself: TRL's trainers on a LoRA-wrapped base, sized for the machine found."""

import math
import os
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from peft.helpers import disable_input_dtype_casting
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_pt_utils import LengthGroupedSampler
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from course_utils import registry
from course_utils.errors import CourseError
from course_utils.finetune.base import prepare_base
from course_utils.finetune.config import TrainingConfig
from course_utils.finetune.examples import read_examples
from course_utils.finetune.hardware import probe
from course_utils.finetune.loss import answer_loss, without_head
from course_utils.finetune.rules import conversations
from course_utils.finetune.tokens import TokenCounter, message_text

# Activations grow with the tokens of a micro-batch: 512 keep a 135M model's run near 1.2 GB.
MICRO_BATCH_TOKENS = {"cpu": 512, "cuda": 16_384}
LOGGED_STEPS = 50
# Once per epoch would cost more than the training where a small file is trained for many.
VALIDATIONS = 3


def model_folder(base: str) -> Path:
    """The base's weights and tokenizer: de-quantised here, or from the hub where it is no GGUF."""
    model = registry.model(base)
    if model.runs == "local":
        return prepare_base(model)
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(model.hub_id))


def best_dtype() -> torch.dtype:
    """The fastest dtype that this machine computes in."""
    return getattr(torch, probe().dtype)


class AnswerTrainer(SFTTrainer):
    """SFT whose logits are made only where there is something to learn, and a few at a time.

    TRL skips ignored positions on GPUs but not on CPUs. The head is a fifth of a 135M model's work
    and most of its memory, and two thirds of the positions are prompt.
    """

    def _get_train_sampler(self, train_dataset=None):
        """Order the examples as one process would, however many share each batch."""
        sampler = super()._get_train_sampler(train_dataset)
        if isinstance(sampler, LengthGroupedSampler):
            sampler.batch_size *= self.accelerator.num_processes
        return sampler

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """Mean cross-entropy over the labelled tokens; see ``Trainer.compute_loss``."""
        if inputs["input_ids"].device.type != "cpu" or return_outputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        targets = inputs.pop("labels")[:, 1:]
        learned = targets != -100
        head = self.accelerator.unwrap_model(model).get_output_embeddings()
        # Autocast gives the adapters 16-bit inputs; PEFT would first make 32-bit ones of them.
        with without_head(head), disable_input_dtype_casting(model, active=self.args.bf16):
            hidden = model(**inputs, use_cache=False).logits
        # As in Trainer: the count is over all processes, and DDP averages their gradients.
        processes = self.accelerator.num_processes
        scale = 1 / learned.sum() if num_items_in_batch is None else processes / num_items_in_batch
        with self.accelerator.autocast():
            loss, correct = answer_loss(head, hidden[:, :-1][learned], targets[learned], scale)
        counts = self.accelerator.gather(torch.stack([correct, learned.sum()]))
        correct, labelled = counts.view(-1, 2).sum(0)
        mode = "train" if model.training else "eval"
        self._metrics[mode]["mean_token_accuracy"].append((correct / labelled).item())
        return loss


def build_trainer(config: TrainingConfig, output: Path, callbacks: list) -> SFTTrainer | DPOTrainer:
    """A trainer that is ready to train.

    Args:
        config: What to train.
        output: Folder for the trainer's checkpoints.
        callbacks: Trainer callbacks.

    Raises:
        CourseError: The base is not there, or its chat template cannot be used.
    """
    folder = model_folder(config.base)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    counter = TokenCounter(folder)
    train = _dataset(config, config.training_file, counter)
    valid = config.validation_file and _dataset(config, config.validation_file, counter)
    dtype = best_dtype()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")
    torch.manual_seed(config.seed)  # LoRA's A starts from random numbers
    model = get_peft_model(model, lora_config(config, model.config.num_hidden_layers))
    trainer_class, arguments = _arguments(config, output, dtype, train)
    trainer = trainer_class(
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=valid,
        processing_class=tokenizer,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    if valid:
        trainer.add_callback(_Validations())
    return trainer


class _Validations(TrainerCallback):
    """A few validations evenly over the run, the last one at its end."""

    def on_step_end(self, args, state, control, **kwargs) -> None:
        every = math.ceil(state.max_steps / VALIDATIONS)
        if state.global_step % every == 0 or state.global_step == state.max_steps:
            control.should_evaluate = True


def lora_config(config: TrainingConfig, layers: int) -> LoraConfig:
    """LoRA on the chosen linear layers of the top layers.

    Args:
        config: What to train.
        layers: Transformer layers of the base.
    """
    top = max(1, round(layers * config.top_layers))
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=config.rank,
        lora_alpha=config.alpha,
        target_modules=list(config.targets),
        layers_to_transform=None if top == layers else list(range(layers - top, layers)),
    )


def trained_tokens(config: TrainingConfig) -> int:
    """Tokens that OpenAI would charge for: all of the training file's, once per epoch."""
    counter = TokenCounter(model_folder(config.base))
    rows = read_examples(config.training_file)
    lengths = (counter.count(messages) for row in rows for messages in conversations(row))
    return sum(lengths) * config.n_epochs


def _dataset(config: TrainingConfig, path: Path, counter: TokenCounter) -> Dataset:
    rows = read_examples(path)
    if config.method == "supervised":
        return Dataset.from_list([counter.encode(row["messages"]) for row in rows])
    return Dataset.from_list(
        [
            {
                "prompt": _plain(row["input"]["messages"]),
                "chosen": _plain(row["preferred_output"]),
                "rejected": _plain(row["non_preferred_output"]),
            }
            for row in rows
        ]
    )


def _plain(messages: list[dict]) -> list[dict[str, str]]:
    return [{"role": m["role"], "content": message_text(m)} for m in messages]


def _share_of_batch(batch_size: int) -> int:
    """Examples of a batch that fall to this process, one of those that a launcher started."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if batch_size % processes:
        raise CourseError(
            f"{processes} processes cannot share a batch of {batch_size} evenly",
            f"take a batch_size that {processes} divides, or other --num_processes",
        )
    return batch_size // processes


def _longest(train: Dataset) -> int | None:
    return max(map(len, train["input_ids"])) if "input_ids" in train.column_names else None


def _arguments(
    config: TrainingConfig, output: Path, dtype: torch.dtype, train: Dataset
) -> tuple[type, SFTConfig | DPOConfig]:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    share = _share_of_batch(config.batch_size)
    # One optimiser step may be several micro-batches: same result, less memory.
    fitting = max(1, MICRO_BATCH_TOKENS[device] // (_longest(train) or config.max_tokens // 2))
    micro = max(n for n in range(1, share + 1) if share % n == 0 and n <= fitting)
    steps = math.ceil(len(train) / config.batch_size) * config.n_epochs
    common: dict[str, Any] = {
        "output_dir": str(output),
        "num_train_epochs": config.n_epochs,
        "per_device_train_batch_size": micro,
        "per_device_eval_batch_size": micro,
        "gradient_accumulation_steps": share // micro,
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": "linear",
        "warmup_steps": 0.05,
        "seed": config.seed,
        "max_length": config.max_tokens,
        # Few different shapes: oneDNN keeps kernels and buffers for each (500 MB less at the peak).
        "pad_to_multiple_of": 32,
        "use_cpu": device == "cpu",
        "bf16": dtype == torch.bfloat16,
        "fp16": dtype == torch.float16,
        "gradient_checkpointing": False,
        "logging_steps": max(1, steps // LOGGED_STEPS),
        "save_strategy": "epoch",
        "save_total_limit": 3,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": device == "cuda",
    }
    if config.method == "dpo":
        return DPOTrainer, DPOConfig(**common, beta=config.beta)
    # Neighbours of the same length: no work on padding.
    return AnswerTrainer, SFTConfig(**common, train_sampling_strategy="group_by_length")
