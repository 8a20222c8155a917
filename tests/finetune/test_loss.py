"""The loss in pieces is the loss, and no logits for all tokens exist on the way."""

from contextlib import nullcontext

import pytest

from course_utils.finetune.config import TrainingConfig
from course_utils.finetune.dataset import as_example, write_jsonl

torch = pytest.importorskip("torch")
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

VOCABULARY, HIDDEN = 211, 24


class Largest(TorchDispatchMode):
    """Notes the largest tensor that an operation makes."""

    numbers = 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        made = function(*arguments, **(options or {}))
        for one in made if isinstance(made, (tuple, list)) else [made]:
            if isinstance(one, torch.Tensor):
                self.numbers = max(self.numbers, one.numel())
        return made


@pytest.fixture
def head():
    torch.manual_seed(0)
    return torch.nn.Linear(HIDDEN, VOCABULARY, bias=False).requires_grad_(False)


def plain(head, hidden, targets, scale):
    logits = head(hidden)
    loss = torch.nn.functional.cross_entropy(logits, targets, reduction="sum") * scale
    return loss, (logits.argmax(-1) == targets).sum()


def loss_and_gradient(function, head, hidden, targets, scale):
    hidden = hidden.clone().requires_grad_()
    loss, correct = function(head, hidden, targets, scale)
    (3 * loss).backward()
    return loss.item(), correct.item(), hidden.grad


@pytest.mark.parametrize("rows", [1, 31, 32, 33, 100])
def test_pieces_add_up_to_the_whole(head, rows):
    from course_utils.finetune.loss import answer_loss

    hidden = torch.randn(rows, HIDDEN)
    targets = head(hidden).argmax(-1)
    targets[::2] = torch.randint(VOCABULARY, (len(targets[::2]),))
    expected = loss_and_gradient(plain, head, hidden, targets, 1 / rows)
    found = loss_and_gradient(answer_loss, head, hidden, targets, 1 / rows)
    assert found[:2] == pytest.approx(expected[:2], rel=1e-5)
    torch.testing.assert_close(found[2], expected[2], rtol=1e-4, atol=1e-5)


def test_a_head_that_learns_gets_its_gradient(head):
    from course_utils.finetune.loss import answer_loss

    hidden, targets = torch.randn(50, HIDDEN), torch.randint(VOCABULARY, (50,))
    head.requires_grad_(True)
    gradients = []
    for function in (plain, answer_loss):
        head.weight.grad = None
        loss_and_gradient(function, head, hidden, targets, 0.02)
        gradients.append(head.weight.grad)
    torch.testing.assert_close(*gradients)


@pytest.fixture
def trainer(tiny_base, tmp_path, monkeypatch, request):
    """A trainer, in 32 bits so that rounding hides nothing; short answers beside long ones."""
    from course_utils.finetune import trainer as module

    monkeypatch.setattr(module, "best_dtype", lambda: getattr(request, "param", torch.float32))
    rows = [as_example(f"Question {i}?", f"Answer {i}. " * (1 + 5 * i)) for i in range(12)]
    config = TrainingConfig(
        base=tiny_base.id,
        training_file=write_jsonl(tmp_path / "data.jsonl", rows),
        n_epochs=1,
        batch_size=4,
        learning_rate=1e-3,
        top_layers=1,
    )
    return module.build_trainer(config, tmp_path / "trainer", [])


def gradients_of(trainer, loss):
    trainer.model.zero_grad()
    loss.backward()
    learning = {n: p.grad for n, p in trainer.model.named_parameters() if p.requires_grad}
    assert any(gradient.abs().max() > 0 for gradient in learning.values())
    return learning


def test_the_trainer_takes_the_loss_that_trl_takes(trainer):
    from trl import SFTTrainer

    trainer.model.train()
    for batch in trainer.get_train_dataloader():
        count = (batch["labels"][:, 1:] != -100).sum()
        theirs = SFTTrainer.compute_loss(trainer, trainer.model, dict(batch), False, count)
        expected = gradients_of(trainer, theirs)
        ours = trainer.compute_loss(trainer.model, dict(batch), False, count)
        found = gradients_of(trainer, ours)
        assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
        for name, gradient in expected.items():
            torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-5, msg=name)
    accuracies = trainer._metrics["train"]["mean_token_accuracy"]
    assert accuracies[::2] == pytest.approx(accuracies[1::2])


def test_no_table_of_logits_for_all_tokens(trainer):
    from course_utils.finetune.loss import CHUNK

    batch = max(trainer.get_train_dataloader(), key=lambda batch: batch["input_ids"].numel())
    vocabulary = trainer.model.get_output_embeddings().weight.shape[0]
    assert (batch["labels"] != -100).sum() > 3 * CHUNK
    with Largest() as largest:
        trainer.compute_loss(trainer.model, dict(batch)).backward()
    assert largest.numbers == max(CHUNK, 64) * vocabulary  # 64: the hidden size of the tiny base


@pytest.mark.parametrize("trainer", [torch.bfloat16], indirect=True)
def test_adapters_learn_the_same_without_a_detour_by_32_bits(trainer, monkeypatch):
    from course_utils.finetune import trainer as module

    trainer.model.train()
    trainer.model = trainer.accelerator.prepare(trainer.model)
    batch = next(iter(trainer.get_train_dataloader()))
    found = gradients_of(trainer, trainer.compute_loss(trainer.model, dict(batch)))
    monkeypatch.setattr(module, "disable_input_dtype_casting", lambda *_, **__: nullcontext())
    expected = gradients_of(trainer, trainer.compute_loss(trainer.model, dict(batch)))
    for name, gradient in expected.items():
        assert gradient.equal(found[name]), name
