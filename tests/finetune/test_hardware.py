"""What to train on which machine, for machines that are only described."""

import subprocess
import sys

import pytest

from course_utils import registry
from course_utils.finetune.hardware import Gpu, Machine, choose, probe

LAPTOP = Machine(cores=4, memory_gb=8, cpu_bf16=False)
T4 = Gpu("Tesla T4", 15.8, (7, 5))
BASES = sorted(
    (m for m in registry.models().values() if m.runs == "gpu"),
    key=lambda model: model.parameters,
    reverse=True,
)
GUIDE, UNGATED, SMALL = BASES


def with_gpu(memory_gb, compute=(8, 6)):
    return Machine(8, 64, cpu_bf16=True, gpu=Gpu("A GPU", memory_gb, compute))


def everything(model):
    return True


def no_login(model):
    return model.license == "Apache-2.0"


def test_a_laptop_trains_the_local_chat_model():
    choice = choose(LAPTOP)
    assert choice.base == registry.local_chat()
    assert (choice.dtype, choice.qlora) == ("float32", False)


def test_a_cpu_that_has_bfloat16_uses_it():
    assert choose(Machine(2, 16, cpu_bf16=True)).dtype == "bfloat16"


@pytest.mark.parametrize("cpu_bf16", [True, False])
def test_a_t4_never_trains_in_bfloat16(cpu_bf16):
    choice = choose(Machine(2, 13, cpu_bf16, gpu=T4), everything)
    assert choice.base == SMALL
    assert (choice.dtype, choice.qlora, choice.micro_batch) == ("float16", False, 4)


@pytest.mark.parametrize("memory_gb", [23.6, 25.7, 42.4, 85, 150])
def test_from_24_gb_on_the_guides_model_where_the_hub_grants_it(memory_gb):
    choice = choose(with_gpu(memory_gb), everything)
    assert (choice.base, choice.dtype, choice.qlora) == (GUIDE, "bfloat16", False)


def test_without_a_login_its_ungated_equal():
    assert choose(with_gpu(25.7), no_login).base == UNGATED


@pytest.mark.parametrize("memory_gb", [8.5, 12.6, 16.9])
def test_8b_in_8_to_16_gb_takes_qlora(memory_gb):
    choice = choose(with_gpu(memory_gb), everything)
    assert (choice.base, choice.qlora) == (GUIDE, True)


def test_a_small_card_takes_the_small_base():
    assert choose(with_gpu(6.2), everything).base == SMALL
    assert choose(with_gpu(2.0), everything).base == registry.local_chat()


def test_a_hub_out_of_reach_leaves_the_packaged_model():
    choice = choose(with_gpu(25.7), lambda model: False)
    assert (choice.base, choice.dtype) == (registry.local_chat(), "bfloat16")


def test_more_memory_takes_more_examples_at_once():
    batches = [choose(with_gpu(gb), everything).micro_batch for gb in (24, 42, 85, 150)]
    assert batches == sorted(batches)
    assert batches[0] == 1 and batches[-1] == 16


def test_the_advice_names_the_menu_only_where_there_is_no_gpu():
    assert "Change runtime type → T4 GPU" in LAPTOP.advice
    assert with_gpu(16).advice == ""


def test_this_machine_is_described():
    machine = probe()
    assert machine.cores >= 1 and machine.memory_gb > 1
    assert "CPU" in str(machine) and machine.dtype in ("float32", "bfloat16", "float16")


@pytest.mark.parametrize(
    "network",
    [{"HF_HUB_OFFLINE": "1"}, {"HTTPS_PROXY": "http://127.0.0.1:9"}],
    ids=["asked to stay offline", "a proxy that nobody serves"],
)
def test_without_a_network_a_gpu_trains_the_packaged_model(network):
    code = (
        "from course_utils.finetune.hardware import Gpu, Machine, choose;"
        "print(choose(Machine(8, 64, True, Gpu('A GPU', 16.9, (8, 6)))).base.id)"
    )
    environment = {"HF_HOME": "nowhere", "PATH": ""} | network
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    *said, base = done.stdout.splitlines() or [""]
    assert base == registry.local_chat().id, done.stderr
    assert [line.split(" stays out: the hub is out of reach")[0] for line in said] == [
        model.name for model in BASES
    ]


def test_choosing_needs_no_torch():
    code = (
        "import sys; from course_utils.finetune import hardware as h;"
        "h.choose(h.Machine(2, 8, True)); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr
