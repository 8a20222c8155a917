"""``course doctor`` and ``course update-check``: is the machine ready, is the course up to date?"""

import json
from typing import Annotated

import typer

app = typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.command()
def doctor(
    as_json: Json = False,
    as_markdown: Annotated[
        bool, typer.Option("--report", help="Print text to paste into an issue: no key, no name.")
    ] = False,
) -> None:
    """Check this machine; each failed check names its cure. Example: course doctor --report"""
    from course_utils.doctor import examine
    from course_utils.doctor.report import lines, markdown, verdict

    report = examine()
    if as_json:
        print(json.dumps(report, indent=2))
    elif as_markdown:
        print(markdown(report))
    else:
        print(f"{lines(report)}\n{verdict(report)}")
    raise typer.Exit(0 if report["ok"] else 1)


@app.command("update-check")
def update_check(
    as_json: Json = False,
    repository: Annotated[
        str | None, typer.Option(help="Ask this address or folder for releases.")
    ] = None,
) -> None:
    """Look for a newer release and for stale models; exits with 1 when something needs doing.

    Example: course update-check
    """
    from course_utils.doctor.report import lines
    from course_utils.doctor.updates import check_updates

    report = check_updates(repository)
    print(json.dumps(report, indent=2) if as_json else lines(report))
    raise typer.Exit(0 if report["ok"] else 1)
