"""LoRA against full fine-tuning on the small model: memory, time, held-out quality, forgetting.

Same data, batches, epochs and seed as lesson 04. Each variant trains in a process of its own, so
that its peak memory is its own.
"""

import json
import os
import subprocess
import sys
import time

from course_utils import registry
from course_utils.errors import CourseError
from course_utils.evaluate.general import FACTS, knows
from course_utils.evaluate.style import score_style
from course_utils.finetune.base import prepare_base
from course_utils.finetune.dataset import Reply, as_example, load_replies
from course_utils.finetune.hardware import probe
from course_utils.finetune.inference import complete, mean_loss
from course_utils.finetune.memory import peak_mb, return_freed_memory
from course_utils.settings import REPO, settings
from course_utils.study.results import save_result

EXAMPLES, VALIDATION, QUESTIONS = 64, 16, 40
EPOCHS, BATCH, MICRO_BATCH = 2, 4, 2
MAX_NEW_TOKENS = 90
# Name → LoRA's target layers (None: all weights are trained), weights in 16 bits, learning rate.
# Full fine-tuning wants about a tenth of LoRA's rate.
VARIANTS = {
    "base": None,
    "LoRA, q and v": (["q_proj", "v_proj"], True, 1e-3),
    "LoRA, all linear layers": ("all-linear", True, 1e-3),
    "full, 16-bit weights": (None, True, 1e-4),
    "full, 32-bit weights": (None, False, 1e-4),
}


def run() -> list[dict]:
    """Measure every variant and store the result.

    Returns:
        Per variant ``{"name", "trainable", "seconds_per_step", "peak_mb", "valid_loss", "perfect":
        [0/1 per question], "general_loss", "general_right"}``.

    Raises:
        CourseError: One of them failed.
    """
    measured = [_in_own_process(name) for name in VARIANTS]
    result = {
        "model": registry.local_chat().id,
        "examples": EXAMPLES,
        "epochs": EPOCHS,
        "general_facts": len(FACTS),
        "variants": measured,
    }
    save_result("lora", result, "course study lora", ("torch", "transformers", "trl", "peft"))
    return measured


def _in_own_process(name: str) -> dict:
    command = [sys.executable, "-m", "course_utils.study.lora", name]
    quiet = os.environ | {"OMP_WAIT_POLICY": "passive", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, cwd=REPO, env=quiet, capture_output=True, text=True)
    if done.returncode:
        raise CourseError(f"{name!r} failed:\n{done.stderr[-800:]}", "run the study again")
    return {"name": name, **json.loads(done.stdout.splitlines()[-1])}


def measure(name: str) -> dict:
    """Train one variant in this process and score it; see ``run``."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return_freed_memory()
    targets, half, rate = VARIANTS[name] or (None, True, None)
    folder = prepare_base(registry.local_chat())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    dtype = probe().dtype if half else "float32"
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    trainer = _trainer(targets, rate, model, tokenizer)
    trainable, seconds = 0, 0.0
    if rate:
        trainable = sum(p.numel() for p in trainer.model.parameters() if p.requires_grad)
        started = time.perf_counter()
        trainer.train()
        seconds = (time.perf_counter() - started) / trainer.state.global_step
    peak = peak_mb()  # of the training, not of the scoring
    valid_loss = trainer.evaluate()["eval_loss"]
    model = trainer.model.eval()
    asked = [_row(reply)["prompt"] for reply in load_replies("test")[:QUESTIONS]]
    prompts = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    replies = complete(model, tokenizer, prompts, MAX_NEW_TOKENS)
    return {
        "trainable": trainable,
        "seconds_per_step": round(seconds, 3),
        "peak_mb": round(peak),
        "valid_loss": round(valid_loss, 4),
        "perfect": [int(score_style(reply).perfect) for reply in replies],
        **general_knowledge(model, tokenizer),
    }


def general_knowledge(model, tokenizer) -> dict[str, float]:
    """Loss on the general facts, and how many of them a model completes.

    Returns:
        ``{"general_loss": nats per token, "general_right": count}``
    """
    loss = mean_loss(model, tokenizer, [f"{beginning} {end}." for beginning, end in FACTS])
    texts = complete(model, tokenizer, [beginning for beginning, _ in FACTS], max_new_tokens=8)
    right = sum(knows(text, end) for text, (_, end) in zip(texts, FACTS, strict=True))
    return {"general_loss": round(loss, 4), "general_right": right}


def _trainer(targets: list[str] | str | None, rate: float | None, model, tokenizer):
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import set_seed
    from trl import SFTConfig

    from course_utils.finetune.trainer import AnswerTrainer

    lora = targets and LoraConfig(
        task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules=targets
    )
    arguments = SFTConfig(
        output_dir=str(settings().home / "study" / "lora"),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=MICRO_BATCH,
        per_device_eval_batch_size=MICRO_BATCH,
        gradient_accumulation_steps=BATCH // MICRO_BATCH,
        learning_rate=rate or 0.0,
        warmup_steps=0.05,
        max_length=512,
        pad_to_multiple_of=32,
        bf16=probe().dtype == "bfloat16",
        use_cpu=True,
        gradient_checkpointing=False,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    set_seed(0)  # LoRA's A starts from random numbers
    return AnswerTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list([_row(r) for r in load_replies("train")[:EXAMPLES]]),
        eval_dataset=Dataset.from_list([_row(r) for r in load_replies("validation")[:VALIDATION]]),
        processing_class=tokenizer,
        peft_config=lora,
    )


def _row(reply: Reply) -> dict:
    *prompt, answer = as_example(reply.question, reply.reply)["messages"]
    return {"prompt": prompt, "completion": [answer]}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
