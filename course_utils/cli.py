"""The ``course`` command: thin, each subcommand calls one function of the package."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from course_utils.cli_choose import app as choose_app
from course_utils.cli_doctor import app as doctor_app
from course_utils.cli_learn import app as learn_app
from course_utils.cli_measure import bench_app, study_app
from course_utils.errors import CourseError
from course_utils.settings import refused

app = typer.Typer(
    help="RAG or fine-tuning? A course that decides by measuring.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
models_app = typer.Typer(help="The models of the course.", no_args_is_help=True)
adapters_app = typer.Typer(
    help="The fine-tuned models that lessons start from.", no_args_is_help=True
)
app.add_typer(models_app, name="models")
app.add_typer(adapters_app, name="adapters")
app.add_typer(bench_app, name="bench")
app.add_typer(study_app, name="study")
# Without a name: their commands stand beside the others.
for beside in (choose_app, doctor_app, learn_app):
    app.add_typer(beside)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def main() -> None:
    """Entry point: an expected failure prints what is wrong and the cure, and exits with 1."""
    try:
        app()
    except CourseError as error:
        failure = error
    except OSError as error:
        failure = refused(error)
        if failure is None:
            raise
    else:
        return
    print(failure, file=sys.stderr)
    raise SystemExit(1)


@models_app.command("list")
def models_list() -> None:
    """Show every model of the registry. Example: course models list"""
    from rich.console import Console
    from rich.table import Column, Table

    from course_utils import registry

    # Whole ids even at 80 columns: `course models use` wants them.
    names = ("id", "runs", "MB", "speed", "$ in", "$ out", "retires")
    columns = [Column(name, no_wrap=True, overflow="fold") for name in names]
    table = Table(*columns, box=None, pad_edge=False, collapse_padding=True)
    for entry in registry.models().values():
        table.add_row(
            entry.id,
            entry.runs,
            str(entry.memory_mb or ""),
            f"{entry.speed:g}x" if entry.speed else "",
            f"{entry.usd_input:.2f}" if entry.usd_input is not None else "",
            f"{entry.usd_output:.2f}" if entry.usd_output is not None else "",
            str(entry.retires_on or ""),
        )
    Console().print(table)
    print("MB: memory that it needs; $: per million tokens")
    print(f"local chat model: {registry.local_chat().id}")


@models_app.command("prepare")
def models_prepare(
    names: Annotated[
        list[str] | None, typer.Argument(help="Model ids; default: all needed.")
    ] = None,
) -> None:
    """Fetch and verify model weights. Example: course models prepare"""
    from course_utils import registry, weights

    wanted = [registry.model(name) for name in names or []]
    for entry in wanted or [registry.local_chat(), registry.local_encoder()]:
        fetched = weights.prepare(entry)
        print(f"{entry.id}: {'prepared' if fetched else 'ready'}")


@models_app.command("use")
def models_use(name: Annotated[str, typer.Argument(help="A local chat model's id.")]) -> None:
    """Switch the local chat model. Example: course models use <id from `course models list`>"""
    from course_utils import registry, weights

    entry = registry.model(name)
    weights.use(entry)
    print(f"{entry.name} answers from now on; run connect() again in open notebooks.")


@adapters_app.command("list")
def adapters_list() -> None:
    """Show the prepared adapters. Example: course adapters list"""
    from course_utils.finetune.prepared import found

    told = {
        "bare_style": "in style when asked bare",
        "context_style": "in style with a passage",
        "context_facts": "facts right with a passage",
    }
    for one in found():
        scores = one.card.get("scores", {})
        shown = [f"{score['mean']:.0%} {told.get(name, name)}" for name, score in scores.items()]
        print(f"{one.model_id}: {', '.join(shown) or 'not scored'}")


@adapters_app.command("build")
def adapters_build(
    name: Annotated[str, typer.Argument(help="house-style or house-style-context.")],
    stored: Annotated[
        bool, typer.Option("--stored", help="For the repository: score it, keep it in data/.")
    ] = False,
) -> None:
    """Have an adapter for the local model, trained if need be (10 to 20 minutes).

    Example: course adapters build house-style
    """
    if stored:
        from course_utils.study.adapters import build_stored

        print(build_stored(name).model_id)
    else:
        from course_utils.finetune.prepared import prepared_adapter

        print(prepared_adapter(name))


@adapters_app.command("vllm")
def adapters_vllm(
    adapters: Annotated[list[str], typer.Argument(help="Adapter folders, or prepared adapters.")],
    base: Annotated[
        str | None, typer.Option(help="Hub id or folder of the base; default: what they name.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port on loopback.")] = 8000,
    as_json: Json = False,
) -> None:
    """Print how to serve adapters with vLLM. Example: course adapters vllm house-style"""
    from course_utils.finetune.vllm import as_text, serve_command

    command = serve_command(adapters, base, port)
    print(json.dumps(command, indent=2) if as_json else as_text(command))


@app.command(context_settings=PASS_ON)
def lab(context: typer.Context) -> None:
    """Open the course in JupyterLab; options are passed on. Example: course lab --no-browser"""
    from course_utils.teach.lab import open_lab

    raise typer.Exit(open_lab(context.args))


@app.command()
def run(
    lessons: Annotated[list[str] | None, typer.Argument(help="Numbers, such as 00 02.")] = None,
    as_json: Json = False,
    save: Annotated[
        bool, typer.Option("--save", help="Store the outputs in the notebooks themselves.")
    ] = False,
) -> None:
    """Try notebooks on copies; nothing is kept without --save. Example: course run 00 --json"""
    from course_utils.teach.run import run_notebooks

    report = run_notebooks(lessons or [], save=save, say=lambda text: print(text, file=sys.stderr))
    if as_json:
        print(json.dumps(report, indent=2))
    raise typer.Exit(0 if report["ok"] else 1)


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Port on loopback; 0 takes a free one.")] = 0,
    alias: Annotated[
        list[str] | None,
        typer.Option(help="NAME=ID: answer for NAME with model ID; answers still say ID."),
    ] = None,
    is_class: Annotated[
        bool, typer.Option("--class", help="Serve a class: a key for each learner.")
    ] = False,
    learners: Annotated[int | None, typer.Option(help="How many learners; with --class.")] = None,
    names: Annotated[
        Path | None, typer.Option(help="File with a learner's name on each line; with --class.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on, 0.0.0.0 for all; with --class.")
    ] = "127.0.0.1",
    new_keys: Annotated[
        bool, typer.Option("--new-keys", help="Take all earlier keys back; with --class.")
    ] = False,
) -> None:
    """Run the local endpoint in the foreground.

    Example: course serve --port 8100, and for a room of people
    course serve --class --learners 30 --host 0.0.0.0 --port 8100
    """
    from course_utils.endpoint.classroom import learners as class_list
    from course_utils.endpoint.serve import serve as serve_endpoint

    pairs = dict(pair.split("=", 1) for pair in alias or [] if "=" in pair)
    if len(pairs) != len(alias or []):
        raise CourseError("--alias takes NAME=ID", "for example: --alias my-model=<a local id>")
    if not is_class and (learners is not None or names or new_keys):
        raise CourseError("--learners, --names and --new-keys are for a class", "add --class")
    people = class_list(learners, names) if is_class else []
    serve_endpoint(port=port, aliases=pairs, host=host, learners=people, new_keys=new_keys)


@app.command("check-data")
def check_data(
    file: Annotated[Path, typer.Argument(help="JSONL, one training example on each line.")],
    method: Annotated[str, typer.Option(help="supervised or dpo.")] = "supervised",
    as_json: Json = False,
) -> None:
    """Check a training file: line and cure of each problem. Example: course check-data my.jsonl"""
    from course_utils.finetune.examples import check_for_local_training

    report = check_for_local_training(file, method)
    if as_json:
        print(json.dumps({"ok": report.ok, **asdict(report)}, indent=2))
    else:
        print(f"{report}\n{file.name}: {report.summary()}".lstrip())
    raise typer.Exit(0 if report.ok else 1)


@app.command()
def stop() -> None:
    """Stop the local endpoint of this course home, if one runs. Example: course stop"""
    from course_utils.endpoint.process import stop as stop_endpoint

    print("stopped" if stop_endpoint() else "no endpoint was running")


@app.command()
def test(
    only: Annotated[
        str | None, typer.Option(help="Only one part: lint, unit or notebooks.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Slow tests too.")] = False,
) -> None:
    """Lint, unit tests, and every notebook under nbval. Example: course test --only unit"""
    from course_utils.teach.check import check

    raise typer.Exit(check(only, everything))


if __name__ == "__main__":
    main()
