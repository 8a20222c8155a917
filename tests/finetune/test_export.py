"""The exported adapter answers in llama.cpp as PEFT's does in transformers.

Not to the last token: the engine multiplies 4-bit weights by 8-bit activations, transformers the
de-quantised ones in float32. The house-style adapter of the repository, 8 questions, 24 greedy
tokens: log-probabilities of the common beginnings differ by 0.03 on average.
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from course_utils import CourseError, registry
from course_utils.finetune import export
from course_utils.finetune.base import prepare_base
from course_utils.finetune.dataset import as_example, load_replies
from course_utils.finetune.export import base_shape, export_gguf
from course_utils.finetune.prepared import STORED
from course_utils.finetune.tokens import TokenCounter
from course_utils.weights import is_damaged

TOKENS = 24
ADAPTER = STORED / "house-style"


@pytest.fixture(scope="module")
def base():
    pytest.importorskip("peft")
    return prepare_base(registry.local_chat())


@pytest.fixture(scope="module")
def questions():
    rows = [as_example(r.question, r.reply) for r in load_replies("test")[:8]]
    return [row["messages"][:-1] for row in rows]


@pytest.fixture(scope="module")
def peft_answers(base, questions):
    """For each question the greedy tokens and their log-probabilities."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, counter = AutoTokenizer.from_pretrained(base), TokenCounter(base)
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = PeftModel.from_pretrained(plain, ADAPTER).merge_and_unload()
    answers = []
    for messages in questions:
        prompt = counter.render(messages, answer_next=True)
        ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            made = model.generate(
                ids,
                max_new_tokens=TOKENS,
                do_sample=False,
                output_logits=True,
                return_dict_in_generate=True,
            )
        tokens = made.sequences[0, ids.shape[1] :].tolist()
        logprobs = [logits[0].log_softmax(-1).max().item() for logits in made.logits]
        answers.append((tokens, logprobs))
    return answers


def engine_answers(gguf, questions):
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from course_utils.endpoint.engine import Engine

    chat = registry.local_chat()
    path = registry.model_path(chat, "gguf")
    engine = Engine(chat.id, path, context_tokens=1024, parallel=1, threads=2, adapter=gguf)
    body = {"max_tokens": TOKENS, "temperature": 0, "logprobs": True, "cache_prompt": False}
    for messages in questions:
        answer = engine.complete({**body, "messages": messages})
        content = answer["choices"][0]["logprobs"]["content"]
        yield [t["id"] for t in content], [t["logprob"] for t in content]


def agreement(theirs, ours):
    """Share of tokens before the first difference, and the mean difference of log-probability."""
    same, differences = 0, []
    for (tokens, logprobs), (our_tokens, our_logprobs) in zip(theirs, ours, strict=True):
        for token, logprob, ours_, our_logprob in zip(
            tokens, logprobs, our_tokens, our_logprobs, strict=False
        ):
            if token != ours_:
                break
            same += 1
            differences.append(abs(logprob - our_logprob))
    total = sum(len(tokens) for tokens, _ in theirs)
    return same / total, sum(differences) / max(1, len(differences))


def test_greedy_answers_agree(base, questions, peft_answers, tmp_path):
    gguf = export_gguf(ADAPTER, base_shape(base), tmp_path / "adapter.gguf")
    share, difference = agreement(peft_answers, engine_answers(gguf, questions))
    assert share > 0.6
    assert difference < 0.1


def test_without_the_permutation_they_would_not(
    base, questions, peft_answers, tmp_path, monkeypatch
):
    monkeypatch.setattr(export, "INTERLEAVED", set())
    gguf = export_gguf(ADAPTER, base_shape(base), tmp_path / "wrong.gguf")
    share, _ = agreement(peft_answers, engine_answers(gguf, questions))
    assert share < 0.6


def test_what_llama_cpp_cannot_take_is_refused(base, tmp_path):
    import numpy as np
    from safetensors.numpy import save_file

    key = "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector"
    save_file({key: np.zeros((4, 4), np.float16)}, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text('{"lora_alpha": 32}')
    target = tmp_path / "adapter.gguf"
    with pytest.raises(CourseError, match=r"no place for .*lora_magnitude_vector"):
        export_gguf(tmp_path, base_shape(Path(base)), target)
    assert not target.exists()


def test_several_at_once_leave_one_whole_file(tmp_path):
    shape = json.loads((ADAPTER / "card.json").read_text())["shape"]
    target = tmp_path / "adapter.gguf"
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: export_gguf(ADAPTER, shape, target), range(8)))
    note = target.with_name("adapter.gguf.sha256")
    assert set(made) == {target} and set(tmp_path.iterdir()) == {target, note}
    assert not is_damaged(target)
    assert target.read_bytes() == export_gguf(ADAPTER, shape, tmp_path / "alone").read_bytes()
