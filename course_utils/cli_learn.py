"""``course progress`` and ``course prepare``: for those who take the course."""

import json
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def progress(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Forget what was done.")] = False,
) -> None:
    """Show what is done of each lesson, and where to go on. Example: course progress"""
    from course_utils.teach import progress as kept

    if reset:
        kept.reset()
    print(json.dumps(kept.report(), indent=2) if as_json else kept.as_text())


@app.command()
def prepare() -> None:
    """Build now what lessons would build on first use; a minute or so. Example: course prepare"""
    from course_utils.teach.prepare import prepare as prepare_all

    prepare_all()
    print("The local endpoint may run on; `course stop` ends it.")
