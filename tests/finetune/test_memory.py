"""Memory arithmetic against sums done by hand, and the 8B's size against transformers itself."""

import subprocess
import sys

import pytest

from course_utils.finetune.memory import LLAMA_8B, NF4_BYTES, training_memory

BASE, ADAPTERS = 8_030_261_248, 6_815_744


def test_full_fine_tuning_takes_16_bytes_a_parameter():
    memory = training_memory(LLAMA_8B, 0, BASE)
    assert memory.weights == memory.gradients == 4 * BASE
    assert memory.optimiser == 8 * BASE
    assert memory.total == 16 * BASE + memory.activations


def test_full_fine_tuning_in_16_bits_takes_8():
    memory = training_memory(LLAMA_8B, 0, BASE, trained_dtype="bfloat16")
    assert memory.total - memory.activations == 8 * BASE == 64_242_089_984


def test_lora_keeps_gradients_and_moments_of_the_adapters_only():
    memory = training_memory(LLAMA_8B, BASE, ADAPTERS)
    assert memory.weights == 2 * BASE + 4 * ADAPTERS == 16_087_785_472
    assert memory.gradients == 27_262_976
    assert memory.optimiser == 54_525_952


def test_qlora_leaves_embedding_and_head_in_16_bits():
    memory = training_memory(LLAMA_8B, BASE, ADAPTERS, dtype="nf4")
    tables = 2 * 128_256 * 4096
    assert memory.weights == round(2 * tables + (BASE - tables) * NF4_BYTES + 4 * ADAPTERS)
    assert pytest.approx(4.127, abs=5e-4) == 8 * NF4_BYTES
    tied = training_memory(LLAMA_8B | {"tie_word_embeddings": True}, BASE, ADAPTERS, dtype="nf4")
    assert tied.weights < memory.weights


def test_activations_by_hand():
    layer = 2 * (10 * 4096 + 4 * 14_336)
    assert training_memory(LLAMA_8B, BASE, ADAPTERS).activations == 512 * (
        32 * layer + 128_256 * 10
    )
    assert training_memory(LLAMA_8B, BASE, ADAPTERS, checkpointing=True).activations == 512 * (
        32 * 2 * 4096 + layer + 128_256 * 10
    )


def test_activations_grow_with_examples_and_tokens():
    one = training_memory(LLAMA_8B, BASE, ADAPTERS).activations
    assert training_memory(LLAMA_8B, BASE, ADAPTERS, batch=4).activations == 4 * one
    assert training_memory(LLAMA_8B, BASE, ADAPTERS, tokens=1024).activations == 2 * one


def test_the_8b_counted_without_weights():
    torch = pytest.importorskip("torch")
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM, LlamaConfig

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(LlamaConfig(**LLAMA_8B))
        assert model.num_parameters() == BASE
        config = peft.LoraConfig(r=16, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
        trainable, every = peft.get_peft_model(model, config).get_nb_trainable_parameters()
    assert (trainable, every) == (ADAPTERS, 8_037_076_992)


def test_the_peak_counts_what_is_freed_again():
    code = (
        "from course_utils.finetune.memory import peak_mb, return_freed_memory as tidy; tidy();"
        "before = peak_mb(); block = b'x' * 100_000_000; del block; print(peak_mb() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert 80 < float(done.stdout) < 120, done.stderr
