"""``course bench`` and ``course study``: measurements."""

import json
from typing import Annotated

import typer

study_app = typer.Typer(
    help="Measurements too long for a lesson; results go to data/results/.", no_args_is_help=True
)
bench_app = typer.Typer(help="Measurements, as ratios taken in one run.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@bench_app.command("endpoint")
def bench_endpoint(as_json: Json = False) -> None:
    """The endpoint against transformers and the bare engine. Example: course bench endpoint"""
    from course_utils.bench.endpoint import measure

    _print_result(measure(), as_json)


@bench_app.command("train")
def bench_train(as_json: Json = False) -> None:
    """Training against the guide's configuration. Example: course bench train --json"""
    from course_utils.bench.train import measure

    _print_result(measure(), as_json)


@bench_app.command("class")
def bench_class(
    as_json: Json = False,
    learners: Annotated[int, typer.Option(help="How many ask at the same time.")] = 30,
    requests: Annotated[int, typer.Option(help="Questions of each.")] = 20,
) -> None:
    """A room of learners at one endpoint, beside a training; 10 to 20 minutes.

    Example: course bench class --learners 10 --requests 5
    """
    from course_utils.bench.classroom import measure

    _print_result(measure(learners, requests), as_json)


def _print_result(result: dict, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        for name, value in result.items():
            print(f"{name:28} {value}")


@study_app.command("reading")
def study_reading() -> None:
    """How many passages can the model read? 20 minutes or so. Example: course study reading"""
    from course_utils.study.reading import run as run_study

    for setting in run_study()["settings"]:
        print(
            f"{setting['prompt']:8} k={setting['k']} {setting['order']:10} "
            f"{setting['mean']:.0%} [{setting['low']:.0%}, {setting['high']:.0%}]"
        )


@study_app.command("learning-curve")
def study_learning_curve() -> None:
    """How many examples does a style need? 40 minutes. Example: course study learning-curve"""
    from course_utils.study.learning_curve import run as run_study

    for size in run_study()["sizes"]:
        held, seen = size["held_out"], size["seen"]
        print(
            f"{size['n']:4} examples: held out {held['mean']:.0%} "
            f"[{held['low']:.0%}, {held['high']:.0%}], seen {seen['mean']:.0%}"
        )


@study_app.command("overfit")
def study_overfit() -> None:
    """When does a model learn ten examples by heart? 2 minutes. Example: course study overfit"""
    from course_utils.study.overfit import run as run_study

    print(run_study()["result_file"], end="")


@study_app.command("lora")
def study_lora() -> None:
    """LoRA against full fine-tuning on the small model; 10 minutes. Example: course study lora"""
    from course_utils.study.lora import run as run_study

    for row in run_study():
        print(
            f"{row['name']:26}{row['seconds_per_step']:6.1f} s/step {row['peak_mb']:6} MB "
            f"validation loss {row['valid_loss']:.2f}, perfect {sum(row['perfect'])}, "
            f"general facts {row['general_right']}"
        )


@study_app.command("hosted-use")
def study_hosted_use() -> None:
    """What do the lessons ask of a hosted model? 6 minutes. Example: course study hosted-use"""
    from course_utils.study.hosted_use import run as run_study

    for lesson, counts in run_study()["lessons"].items():
        print(lesson, ", ".join(f"{name} {count:,}" for name, count in counts.items()))


@study_app.command("bakeoff")
def study_bakeoff() -> None:
    """Every approach on all questions of the case; 25 minutes. Example: course study bakeoff"""
    from course_utils.study.bakeoff import run as run_study

    for row in run_study()["approaches"]:
        print(
            f"{row['title']:32} right {row['correct']:.0%} "
            f"[{row['ci_low']:.0%}, {row['ci_high']:.0%}], style {row['style']:.0%}"
        )
