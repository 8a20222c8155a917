"""``course bench`` and ``course study``: measurements."""

import json
import sys
from typing import Annotated

import typer

from course_utils.errors import CourseError

study_app = typer.Typer(
    help="Measurements too long for a lesson; results go to data/results/.", no_args_is_help=True
)
bench_app = typer.Typer(help="Measurements, as ratios taken in one run.")

# With fewer, the nearest five are a large part of an index.
LEAST_CHUNKS = 50
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@bench_app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="Every measure with a goal, whole course aside.")
    ] = False,
    lessons: Annotated[
        bool, typer.Option("--lessons", help="The whole course too; 20 minutes and more.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Run this bench; of the others, what is stored.")
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="For the repository: keep it in data/results/.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measurements, as ratios taken in one run; --all takes half an hour on two quiet cores.

    Examples: course bench --all --json, course bench --only quick
    """
    if context.invoked_subcommand:
        return
    if not (everything or lessons or only):
        print(context.get_help())
        return
    from course_utils.bench import measures

    names = [name for name in measures.BENCHES if everything and name != measures.LONG]
    names += [name for name in only or [] if name not in names]
    found, failed = measures.stored(), False
    for name in names + [measures.LONG] * lessons:
        print(f"{name} …", file=sys.stderr)
        try:
            found[name] = measures.run(name)
        except CourseError as error:  # the others took their time
            print(f"{name}: {error}", file=sys.stderr)
            failed = True
        else:
            if save:
                measures.save(found)
    rows = measures.rows(found)
    if as_json:
        print(json.dumps({"measures": rows}, indent=2))
    for row in [] if as_json else rows:
        state = {True: "met", False: "missed", None: "not measured"}[row["met"]]
        print(f"{row['name']:28} {row['value']!s:>8}  {row['is']} {row['goal']}: {state}")
    raise typer.Exit(1 if failed else 0)


@bench_app.command("endpoint")
def bench_endpoint(as_json: Json = False) -> None:
    """The endpoint against transformers and the bare engine. Example: course bench endpoint"""
    from course_utils.bench.endpoint import measure

    _print_result(measure(), as_json)


@bench_app.command("train")
def bench_train(as_json: Json = False) -> None:
    """Training against the guide's configuration; 10 minutes. Example: course bench train --json"""
    from course_utils.bench.train import measure

    _print_result(measure(), as_json)


@bench_app.command("retrieval")
def bench_retrieval(
    as_json: Json = False,
    sizes: Annotated[
        str, typer.Option(help="Chunks in each index; 100,000 take five minutes.")
    ] = "1000,10000",
    embedded: Annotated[
        int, typer.Option(help="Embed so many texts; the other vectors lie between theirs.")
    ] = 10_000,
) -> None:
    """Indexing, queries and recall by size, and re-indexing.

    Example: course bench retrieval --sizes 1000,100000 --json
    """
    from course_utils.bench.retrieval import measure

    numbers = [size.strip() for size in sizes.split(",")]
    if not all(size.isdecimal() and int(size) >= LEAST_CHUNKS for size in numbers):
        raise CourseError(
            f"--sizes {sizes} are no sizes",
            f"give numbers from {LEAST_CHUNKS} on, with commas: 1000,10000",
        )
    _print_result(measure([int(size) for size in numbers], max(embedded, LEAST_CHUNKS)), as_json)


@bench_app.command("quick")
def bench_quick(as_json: Json = False) -> None:
    """The import, and a second `make lab`. Example: course bench quick"""
    from course_utils.bench.quick import measure

    _print_result(measure(), as_json)


@bench_app.command("lessons")
def bench_lessons(as_json: Json = False) -> None:
    """All lessons: minutes and memory; 20 minutes and more. Example: course bench lessons"""
    from course_utils.bench.lessons import measure

    _print_result(measure(), as_json)


@bench_app.command("class")
def bench_class(
    as_json: Json = False,
    learners: Annotated[int, typer.Option(help="How many ask at the same time.")] = 30,
    requests: Annotated[
        int, typer.Option(min=2, help="Questions of each; every second one is streamed.")
    ] = 20,
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
