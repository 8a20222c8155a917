"""``course bakeoff``, ``course decide`` and ``course claims``: choosing an approach."""

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from course_utils.errors import CourseError

app = typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.command()
def bakeoff(
    docs: Annotated[
        Path | None, typer.Option(help="Folder of .md, .txt, .rst, .html, .pdf; default: Acme's.")
    ] = None,
    questions: Annotated[
        Path | None, typer.Option(help="JSONL or CSV; left out, some are proposed.")
    ] = None,
    train: Annotated[
        Path | None, typer.Option(help="JSONL of training examples: lets fine-tuning take part.")
    ] = None,
    approaches: Annotated[
        str, typer.Option(help="Names with commas between them; `all` for every one.")
    ] = "prompt,rag,fine_tuned,rag_fine_tuned",
    provider: Annotated[
        str | None, typer.Option(help="local, openai, or a base URL; default: COURSE_PROVIDER.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for answers and report; default: in COURSE_HOME.")
    ] = None,
    k: Annotated[int | None, typer.Option(help="Passages in the prompt.", min=1)] = None,
    concurrency: Annotated[
        int | None,  # at most as many as the relay keeps connections for
        typer.Option(help="Questions in flight; default: 1 locally, 4 elsewhere.", min=1, max=100),
    ] = None,
    style: Annotated[
        Path | None, typer.Option(help="Style guide, TOML like data/acme/style.toml.")
    ] = None,
    include_proposed: Annotated[
        bool, typer.Option(help="Score proposed questions that nobody has reviewed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare prompting, RAG, fine-tuning and both on the same questions; write a report.

    Interrupted, the same command goes on where it stopped.

    Example: course bakeoff --docs manuals/ --questions asked.jsonl --out result/
    """
    from course_utils.bakeoff import case as cases
    from course_utils.bakeoff.approaches import KINDS
    from course_utils.bakeoff.run import check_names, propose, run_bakeoff
    from course_utils.settings import settings

    names = list(KINDS) if approaches == "all" else approaches.replace(" ", "").split(",")
    check_names(names)
    if not docs and (questions or train or style):
        raise CourseError("questions, training file or style guide without --docs", "add --docs")
    folder = out or settings().home / "bakeoff" / (docs.resolve().name if docs else "acme")
    if docs and not questions:
        path = propose(docs, folder, provider)
        print(
            f"Proposed questions: {path}\nThey were written by a machine: correct them, take out "
            '"proposed" in those that you keep,\nand give each one "accepted": the figure or name, '
            'with every spelling you would accept. "answer" alone\nasks for most of its words, so '
            "that a short right reply counts as wrong. Add questions that the documents do\nnot "
            'answer ("kind": "unanswerable"); none is proposed. Then run again with\n'
            f"--questions {path}"
        )
        return
    case = cases.own(docs, questions, train, style, include_proposed) if docs else cases.acme()
    command = shlex.join(["course", *sys.argv[1:]])
    report = run_bakeoff(case, folder, names, provider, k, command, _say, concurrency)
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        _print_report(report)


def _print_report(report: dict) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("approach", "right", "cites", "refuses*", "style", "seconds", "tokens in", "out")
    for row in report["approaches"]:
        interval = f"{_percent(row['correct'])} [{_percent(row['ci_low'])}, "
        table.add_row(
            row["title"],
            f"{interval}{_percent(row['ci_high'])}]",
            _percent(row["cites"]),
            _percent(row["abstains"]),
            _percent(row["style"]),
            f"{row['seconds_p50']:.2f}",
            f"{row['tokens_in']:.0f}",
            f"{row['tokens_out']:.0f}",
        )
    Console().print(table)
    print("* of the questions that the documents do not answer")
    advice = report["recommendation"]
    print(f"Recommended: {advice['title']} (confidence: {advice['confidence']})")
    print(f"Because: {advice['confidence_because']}")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _say(text: str) -> None:
    print(text, file=sys.stderr)


@app.command()
def decide(
    answers: Annotated[
        Path | None, typer.Option(help="JSON of question ids and answers; left out, you are asked.")
    ] = None,
    bakeoff: Annotated[
        Path | None, typer.Option(help="report.json of `course bakeoff`: counts before the rules.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Recommend an approach for your project, with its reasons.

    A file of answers: {"change": "weekly", "citations": true, "examples": 120}. What is left out
    counts as not known; a wrong id or value is answered with the possible ones.

    Example: course decide --bakeoff result/report.json
    """
    from dataclasses import asdict

    from rich.console import Console

    from course_utils.decide import recommend
    from course_utils.decide.files import read_answers, read_report
    from course_utils.decide.terminal import ask_all, show

    measured = read_report(bakeoff) if bakeoff else None
    if answers:
        given = read_answers(answers)
    elif sys.stdin.isatty():
        given = ask_all(Console(stderr=as_json))
    else:
        raise CourseError(
            "there is no terminal to ask the questions in", "give --answers FILE (see --help)"
        )
    result = recommend(given, measured)
    if as_json:
        print(json.dumps(asdict(result), indent=2))
    else:
        show(Console(), result)


@app.command()
def claims(as_json: Json = False) -> None:
    """The guide's claims and what the course measured. Example: course claims --json"""
    from course_utils.decide.claims import load_claims, tally

    rows = load_claims()
    if as_json:
        print(json.dumps([row.as_dict() for row in rows], indent=2))
        return
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    widths = {"the guide says": 3, "measured here": 7, "verdict": 2, "command": 2}
    columns = [Column(name, ratio=ratio, overflow="fold") for name, ratio in widths.items()]
    table = Table(*columns, show_lines=True, expand=True)
    for row in rows:
        measured = Text.assemble(row.measured, "\n", (row.interval, "dim"))
        table.add_row(row.claim, measured, row.verdict, row.command or "–")
    Console().print(table)
    print(tally(rows))
