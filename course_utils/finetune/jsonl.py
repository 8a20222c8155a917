"""Reads JSONL line by line, and knows by name what people send instead."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

from course_utils.finetune.problems import Problem

MOST_BYTES = 1_000_000
HEAD_BYTES = 65_536
BOM = b"\xef\xbb\xbf"
FOREIGN = {
    b"\x1f\x8b": ("gzip", "a gzip archive", "unpack it first: gunzip FILE"),
    b"PK\x03\x04": ("zip", "a zip archive or an Excel sheet", "unpack it, or export it as JSONL"),
    b"BZh": ("bzip2", "a bzip2 archive", "unpack it first: bunzip2 FILE"),
    b"\xfd7zXZ": ("xz", "an xz archive", "unpack it first: unxz FILE"),
    b"\x28\xb5\x2f\xfd": ("zstd", "a Zstandard archive", "unpack it first: unzstd FILE"),
    b"PAR1": ("parquet", "a Parquet table", "export it: to_json(lines=True, orient='records')"),
    b"%PDF": ("pdf", "a PDF document", "write examples as JSONL, one object on each line"),
}
UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"\x00")
SAVE_AS_UTF_8 = 'save it as UTF-8: open(path, "w", encoding="utf-8") in Python'
ONE_PER_LINE = 'write one object on each line: file.write(json.dumps(example) + "\\n")'
# A header such as `question,answer`: short names, no sentence.
TABLE = re.compile(r'"?[\w .-]{1,40}"?([,;\t]"?[\w .-]{1,40}"?)+\r?$')


def read_lines(path: Path) -> Iterator[tuple[int | None, dict | Problem]]:
    """Read a file of any content in bounded memory.

    Yields:
        Line number and its object, or the problem with it; number ``None`` with a problem of the
        whole file or of blank lines. Nothing is raised.
    """
    try:
        with path.open("rb") as file:
            foreign = _foreign(file.read(HEAD_BYTES))
            if foreign:
                yield None, foreign
                return
            file.seek(0)
            yield from _lines(file)
    except OSError as error:
        what = f"{path} cannot be read ({error.strerror or error})"
        yield None, Problem(None, "unreadable", what, "check the path and the permissions")


def _lines(file: BinaryIO) -> Iterator[tuple[int | None, dict | Problem]]:
    number, blank, crlf = 0, None, False
    while raw := file.readline(MOST_BYTES + 1):
        number += 1
        if number == 1 and raw.startswith(BOM):
            raw = raw.removeprefix(BOM)
            what = "the file starts with a byte order mark, which other readers may refuse"
            cure = 'write it with encoding="utf-8", not "utf-8-sig"'
            yield None, Problem(1, "byte_order_mark", what, cure, "warning")
        if raw.endswith(b"\r\n") and not crlf:
            crlf = True
            what = "lines end with CR LF, as Windows writes them; that is harmless here"
            cure = 'open(path, "w", newline="\\n") writes plain line ends'
            yield None, Problem(number, "crlf", what, cure, "warning")
        if len(raw) > MOST_BYTES and not raw.endswith(b"\n"):
            _skip_rest_of_line(file)
            what = f"the line is longer than {MOST_BYTES:,} bytes"
            yield number, Problem(number, "line_too_long", what, "shorten or split the example")
        elif not raw.strip():
            blank = blank or number
        else:
            if blank:
                what = "the line is blank, and examples follow it"
                yield None, Problem(blank, "blank_line", what, "remove blank lines")
                blank = None
            yield number, _parse(raw, number)
    if blank:
        what = "blank lines at the end of the file"
        yield None, Problem(blank, "blank_line", what, "remove them", "warning")


def _skip_rest_of_line(file: BinaryIO) -> None:
    while (piece := file.readline(MOST_BYTES)) and not piece.endswith(b"\n"):
        pass


def _foreign(head: bytes) -> Problem | None:
    """Whether the file's beginning is that of something else than JSONL."""
    for magic, (code, name, cure) in FOREIGN.items():
        if head.startswith(magic):
            return Problem(None, code, f"the file is {name}, not JSONL", cure)
    if head.startswith(UTF_16) or head[1:2] == b"\x00":
        return Problem(None, "utf16", "the file looks like UTF-16, not UTF-8", SAVE_AS_UTF_8)
    text = head.removeprefix(BOM).decode(errors="replace").lstrip()
    if text.startswith("["):
        what = "the file starts with [: one JSON array, not one object on each line"
        return Problem(None, "json_array", what, ONE_PER_LINE)
    if text.startswith("{"):
        try:
            _, end = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError):
            return None
        if "\n" in text[:end]:
            what = "an object goes over several lines (pretty-printed JSON, not JSONL)"
            return Problem(None, "pretty_printed", what, f"{ONE_PER_LINE}, without indent=")
    elif TABLE.match(text.partition("\n")[0]):
        what = "the file looks like a table (CSV), not JSONL"
        cure = "read it with csv.DictReader and write one object with messages on each line"
        return Problem(None, "csv", what, cure)
    return None


class _RefusedError(ValueError):
    """JSON that Python would take, and others would not."""

    def __init__(self, code: str, what: str, cure: str) -> None:
        super().__init__(what)
        self.code, self.what, self.cure = code, what, cure


def _unique_keys(pairs: list[tuple[str, object]]) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        what = f"the key {shown(twice)} stands twice in one object"
        raise _RefusedError("duplicate_key", what, "keep one of the two")
    return found


def _refuse_constant(name: str) -> NoReturn:
    what = f"{name} is not JSON"
    raise _RefusedError("not_json", what, "leave it out; json.dumps(…, allow_nan=False) refuses it")


def _parse(raw: bytes, line: int) -> dict | Problem:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        what = f"byte {error.start + 1} of the line is not UTF-8"
        return Problem(line, "not_utf8", what, SAVE_AS_UTF_8)
    try:
        row = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
        if "\\ud" in text.lower():
            json.dumps(row, ensure_ascii=False).encode()
    except _RefusedError as error:
        return Problem(line, error.code, error.what, error.cure)
    except RecursionError:
        what = "lists or objects are nested hundreds of levels deep"
        return Problem(line, "too_deep", what, "an example needs four levels")
    except UnicodeEncodeError:
        what = "half of a surrogate pair (\\ud800 to \\udfff) stands alone in a text"
        cure = "the text was cut inside a character: cut it elsewhere"
        return Problem(line, "lone_surrogate", what, cure)
    except json.JSONDecodeError as error:
        # The place and not the text: training data may be private, and logs travel.
        what = f"not valid JSON ({error.msg.lower()}, column {error.colno})"
        if text.lstrip().startswith("{'"):
            cure = "write it with json.dumps(example), not str(example): JSON wants double quotes"
        elif error.msg == "Extra data":
            cure = "one object on each line, and nothing after it"
        else:
            cure = "write each line with json.dumps(example)"
        return Problem(line, "not_json", what, cure)
    except ValueError:  # an integer of more than 4,300 digits
        return Problem(line, "not_json", "a number is too long", "write it shorter")
    if not isinstance(row, dict):
        what = f"the line is {shown(row)}, not an object"
        return Problem(line, "not_an_object", what, 'write {"messages": [...]} on each line')
    return row


def shown(value: object) -> str:
    """A value in a few words, for an error message."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, str) and len(value) > 40:
        value = f"{value[:36]}..."
    return json.dumps(value)
