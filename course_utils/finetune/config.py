"""What a training run is told, as JSON, and what OpenAI's "auto" means here."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

# OpenAI's rule for n_epochs="auto": three epochs, more for few examples, fewer for many.
AUTO_EPOCHS = 3
MIN_AUTO_EXAMPLES, MAX_AUTO_EXAMPLES = 100, 25_000
MAX_AUTO_EPOCHS = 25
AUTO_BATCH = 4
# OpenAI's learning_rate_multiplier multiplies a rate that it does not publish; these are ours. LoRA
# wants about ten times the rate of full fine-tuning ("LoRA Without Regret", 2025).
LEARNING_RATE = {"supervised": 1e-3, "dpo": 1e-4}
AUTO_BETA = 0.1

Method = Literal["supervised", "dpo"]


class TrainingConfig(BaseModel):
    """One training run.

    Attributes:
        base: Registry id of the model to train an adapter for.
        training_file, validation_file: JSONL files in OpenAI's form, already checked.
        method: ``supervised`` (imitate the answers) or ``dpo`` (prefer one answer to another).
        n_epochs: Times that every example is seen.
        batch_size: Examples per optimiser step.
        learning_rate: Highest rate; it falls linearly to 0.
        seed: Makes order and initial weights the same on every run.
        beta: DPO only: how far the model may move from the base; higher stays closer.
        rank, alpha: LoRA's r and alpha.
        targets: Linear layers that get an adapter.
        top_layers: Share of the layers, counted from the output, that get one. The layers below
            need no backward pass: half of them halve its cost.
        max_tokens: Longest example; it bounds the memory.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str
    training_file: Path
    validation_file: Path | None = None
    method: Method = "supervised"
    n_epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    seed: int = 0
    beta: float = AUTO_BETA
    rank: int = 16
    alpha: int = 32
    targets: tuple[str, ...] = (
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    )  # fmt: skip
    top_layers: float = Field(default=0.5, gt=0, le=1)
    max_tokens: int = 2048


def n_epochs_auto(examples: int) -> int:
    """OpenAI's number of epochs for ``"auto"``; see the constants above."""
    if examples * AUTO_EPOCHS < MIN_AUTO_EXAMPLES:
        return min(MAX_AUTO_EPOCHS, MIN_AUTO_EXAMPLES // examples)
    if examples * AUTO_EPOCHS > MAX_AUTO_EXAMPLES:
        return max(1, MAX_AUTO_EXAMPLES // examples)
    return AUTO_EPOCHS


def hyperparameters(
    examples: int,
    method: Method = "supervised",
    n_epochs: int | str | None = "auto",
    batch_size: int | str | None = "auto",
    learning_rate_multiplier: float | str | None = "auto",
    beta: float | str | None = "auto",
) -> dict[str, float]:
    """The numbers behind a request's hyperparameters, for ``TrainingConfig``.

    Args:
        examples: Lines of the training file.
        method: The method that the rate is meant for.
        n_epochs, batch_size, learning_rate_multiplier, beta: As in OpenAI's API.
    """

    def number(value: float | str | None, auto: float) -> float:
        return auto if value in (None, "auto") else value

    return {
        "n_epochs": number(n_epochs, n_epochs_auto(examples)),
        "batch_size": min(number(batch_size, AUTO_BATCH), examples),
        "learning_rate": number(learning_rate_multiplier, 1.0) * LEARNING_RATE[method],
        "beta": number(beta, AUTO_BETA),
    }
