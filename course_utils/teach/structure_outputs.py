"""Rules for the stored outputs of notebooks: kept, readable, nobody's machine in them."""

import ast
import json
import re
from collections.abc import Iterator

from course_utils.settings import REPO
from course_utils.teach.cells import code_cells, source

MAX_LINE = 400  # a paragraph of a document or a reply is one line and is wrapped; more is a dump
ABSOLUTE_PATH = re.compile(
    r"(?<![\w.:/-])/(?:home|Users|root|tmp|var|mnt|opt|private|content)/[\w.]"
    r"|\b[A-Za-z]:\\{1,2}[\w.]"
)
SECRET = re.compile(
    r"\bsk-[\w-]{16,}|\bhf_\w{16,}|\bgh[pousr]_\w{16,}|\bheld-by-the-course-[\w-]{8,}"
    r"|\bBearer [\w.-]{16,}"
)
SHOWS = ("print", "show", "display")


def outputs(notebook: dict) -> Iterator[str]:
    """What is wrong with the outputs of a notebook's cells, and with its counts."""
    cells = code_cells(notebook)
    counts = [cell.get("execution_count") for cell in cells]
    if counts != list(range(1, len(cells) + 1)):
        yield f"the execution counts are not 1 to {len(cells)}: `make notebooks`, `make exercises`"
    for number, cell in enumerate(cells, start=1):
        if any(output["output_type"] == "error" for output in cell["outputs"]):
            yield f"code cell {number} ended with an error"
        if not cell["outputs"] and _shows_something(source(cell)):
            yield f"code cell {number} shows something, and no output is stored"
        for problem in dict.fromkeys(_unreadable(cell)):
            yield f"code cell {number} shows {problem}"
        for problem in _without_alt(cell):
            yield f"code cell {number} {problem}"


def traces(notebook: dict) -> Iterator[str]:
    """Paths and keys of one machine, in outputs and in what is written."""
    for cell in notebook["cells"]:
        for text in (source(cell), *_texts(cell)):
            if path := ABSOLUTE_PATH.search(text) or re.search(re.escape(str(REPO)), text):
                shown = text[path.start() : path.start() + 40].splitlines()[0]
                yield f"a path of one machine: {shown}"
            if SECRET.search(text):
                yield "a key or a token"


def _shows_something(code: str) -> bool:
    """Whether a cell prints or draws whenever it runs: not under an ``if``, not in a function."""
    try:
        statements = ast.parse(code).body
    except SyntaxError:  # ruff says where
        return False
    while statements:
        match statements.pop():
            case ast.For(body=body) | ast.AsyncFor(body=body) | ast.With(body=body):
                statements += body
            case ast.Expr(value=ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name))):
                if name in SHOWS:
                    return True
    return False


def _unreadable(cell: dict) -> Iterator[str]:
    for text in _texts(cell, plain_only=True):
        if "\x1b[" in text:
            yield "escape codes of a terminal"
        if found := re.search(r"<[\w.]+(?: object)? at 0x[0-9a-f]+>", text, re.IGNORECASE):
            yield f"an object's address: {found[0]}"
        longest = max(map(len, text.splitlines()), default=0)
        if longest > MAX_LINE:
            yield f"a line of {longest} characters, {MAX_LINE} at most"


def _texts(cell: dict, plain_only: bool = False) -> Iterator[str]:
    """A cell's outputs as text, pictures aside."""
    for output in cell.get("outputs", ()):
        yield "".join(output.get("text", ""))
        yield "\n".join(output.get("traceback", ()))
        for kind, content in output.get("data", {}).items():
            if kind == "text/plain" or not (plain_only or kind.startswith("image/")):
                yield "".join(content) if isinstance(content, list | str) else json.dumps(content)


def _without_alt(cell: dict) -> Iterator[str]:
    for output in cell["outputs"]:
        for kind in output.get("data", {}):
            alt = output.get("metadata", {}).get(kind, {}).get("alt", "")
            if kind.startswith("image/") and len(alt.split()) < 3:
                yield "draws without alt text: course_utils.plots.show"
