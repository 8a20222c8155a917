"""Training files that nobody should train on, by name.

``WRONG`` may not pass the check; where a line is at fault it is ``LINE``. ``HARMLESS`` must pass.
"""

import bz2
import functools
import gzip
import io
import json
import lzma
import zipfile

LINE = 11


def _example(number: int) -> bytes:
    messages = [
        {"role": "user", "content": f"What is the warranty of product {number}?"},
        {"role": "assistant", "content": f"It is {number} years."},
    ]
    return json.dumps({"messages": messages}).encode()


GOOD = [_example(number) for number in range(10)]


def _behind_good(line: bytes) -> bytes:
    return b"\n".join([*GOOD, line, b""])


def _messages(*messages: str) -> str:
    return f'{{"messages":[{",".join(messages)}]}}'


USER, ANSWER = '{"role":"user","content":"a"}', '{"role":"assistant","content":"b"}'

# What stands in place of a line, a message list, a message, a content.
VALUES = {
    "null": "null",
    "true": "true",
    "a number": "1",
    "2**70": str(2**70),
    "1e400": "1e400",
    "5,000 digits": "9" * 5000,
    "a text": '"x"',
    "an empty text": '""',
    "an empty list": "[]",
    "a list in a list": "[[]]",
    "nulls": "[null,null]",
    "an empty object": "{}",
    "NaN": "NaN",
    "a lone surrogate": '"\\ud800"',
}
LINES = {
    "no JSON": b"hello world",
    "half an object": b'{"messages":[',
    "single quotes": b"{'messages': []}",
    "a trailing comma": b'{"messages":[],}',
    "a comment": b'{"messages":[]} // yes',
    "two objects": _messages(USER, ANSWER).encode() * 2,
    "a closing bracket": b"]",
    "NUL bytes": b"\0" * 100,
    "NUL in a text": b'{"messages":"\0"}',
    "a control character": b'{"messages":"\x01"}',
    "not UTF-8": b'{"messages":"\xff\xfe"}',
    "UTF-8 cut": b'{"messages":"\xe2\x82"}',
    "UTF-8 surrogate": b'{"messages":"\xed\xa0\x80"}',
    "UTF-8 overlong": b'{"messages":"\xc0\xaf"}',
    "UTF-16": '{"messages":[]}'.encode("utf-16-le"),
    "gzip": gzip.compress(b"{}", mtime=0),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "100,000 brackets": b"[" * 100_000,
    "100,000 pairs of brackets": b"[" * 100_000 + b"]" * 100_000,
    "100,000 braces": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "900 levels": b'{"messages":' + b"[" * 900 + b"]" * 900 + b"}",
    "1.5 MB": b'{"messages":"' + b"x" * 1_500_000 + b'"}',
    "1.5 MB of spaces": b" " * 1_500_000 + b"x",
    "100,000 numbers": b'{"messages":[' + b"1," * 99_999 + b"1]}",
    "60,000 keys": json.dumps({f"k{n}": n for n in range(60_000)}).encode(),
    "60,000 empty messages": b'{"messages":[' + b"{}," * 60_000 + b"{}]}",
    "an escape that is none": b'{"messages":"\\x41"}',
    "half an escape": b'{"messages":"\\u12"}',
    "a key of NUL": b'{"\\u0000":1}',
    "a key of half a character": b'{"\\udfff":1}',
    "messages twice": f'{{"messages":[],"messages":[{USER},{ANSWER}]}}'.encode(),
    "a role twice": _messages(USER, ANSWER[:-1] + ',"role":"user"}').encode(),
    "Infinity": b'{"messages":Infinity}',
    "a prototype": b'{"__proto__":{"messages":[]}}',
    "a formula": b'=HYPERLINK("http://x")',
    "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    "YAML": b"!!python/object/apply:os.system ['id']",
    "a pickle": b"\x80\x04\x95\x1a\0\0\0\0\0\0\0\x8c\x05posix\x8c\x06system\x93.",
    "a path": b"../../../../etc/passwd",
}
EXAMPLES = {
    "no messages": "{}",
    "only a user": _messages(USER),
    "only an answer": _messages(ANSWER),
    "the user last": _messages(USER, ANSWER, USER),
    "a system in the middle": _messages(USER, '{"role":"system","content":"s"}', ANSWER),
    "a tool": _messages(USER, '{"role":"tool","content":"t"}', ANSWER),
    "tool calls": _messages(USER, '{"role":"assistant","tool_calls":[{"id":"1"}]}'),
    "an unknown role": _messages(USER, '{"role":"root","content":"x"}'),
    "a role of NUL": _messages(USER, '{"role":"\\u0000","content":"x"}'),
    "a long role": _messages(USER, f'{{"role":"{"r" * 100_000}","content":"x"}}'),
    "an unknown key": _messages(USER, '{"role":"assistant","content":"x","k":1}'),
    "a long unknown key": _messages(USER, f'{{"role":"assistant","content":"x","{"k" * 9999}":1}}'),
    "an empty answer": _messages(USER, '{"role":"assistant","content":""}'),
    "a white answer": _messages(USER, '{"role":"assistant","content":" \\n\\t"}'),
    "an empty question": _messages('{"role":"user","content":""}', ANSWER),
    "an image": _messages('{"role":"user","content":[{"type":"image_url"}]}', ANSWER),
    "parts of NUL": _messages('{"role":"user","content":[null]}', ANSWER),
    "a part without text": _messages('{"role":"user","content":[{"type":"text"}]}', ANSWER),
    "a number as part": _messages('{"role":"user","content":[{"type":"text","text":1}]}', ANSWER),
    "nothing to learn": _messages(USER, ANSWER[:-1] + ',"weight":0}'),
    "a question with weight": _messages(USER[:-1] + ',"weight":1}', ANSWER),
    "too many tokens": _messages(USER, f'{{"role":"assistant","content":"{"word " * 150_000}"}}'),
    "too many messages": _messages(*[USER, ANSWER] * 8000),
    "another format": '{"prompt":"a","completion":"b"}',
    "preferences": '{"input":{"messages":[]},"preferred_output":[],"non_preferred_output":[]}',
    "a lone surrogate in the answer": _messages(USER, '{"role":"assistant","content":"\\udc00"}'),
}
WEIGHTS = ("-1", "2", "0.5", "true", '"1"', "[]", "{}", "1e400", str(2**70))


def _zip(*sizes: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, size in enumerate(sizes):
            archive.writestr(f"../../{number}.jsonl", b"0" * size)
    return packed.getvalue()


@functools.cache
def wrong() -> dict[str, tuple[bytes, bool]]:
    """Name → content, and whether a line is at fault."""
    found = {f"line: {name}": (_behind_good(line), True) for name, line in LINES.items()}
    places = {
        "line": "%s",
        "messages": '{"messages":%s}',
        "message": f'{{"messages":[{USER},%s]}}',
        "content": f'{{"messages":[{USER},{{"role":"assistant","content":%s}}]}}',
        "role": f'{{"messages":[{USER},{{"role":%s,"content":"x"}}]}}',
    }
    for place, around in places.items():
        for name, value in VALUES.items():
            if (place, name) != ("content", "a text"):
                line = (around % value).encode()
                found[f"{name} as {place}"] = (_behind_good(line), True)
    for name, line in EXAMPLES.items():
        found[f"example: {name}"] = (_behind_good(line.encode()), True)
    for weight in WEIGHTS:
        line = _messages(USER, f'{ANSWER[:-1]},"weight":{weight}}}')
        found[f"weight: {weight[:9]}"] = (_behind_good(line.encode()), True)
    whole = {
        "one line feed": b"\n",
        "only blank lines": b"\n" * 100_000,
        "a byte order mark alone": b"\xef\xbb\xbf",
        "nine examples": b"\n".join(GOOD[:9]),
        "one array": b"[" + b",".join(GOOD) + b"]",
        "pretty-printed": json.dumps(json.loads(GOOD[0]), indent=2).encode(),
        "a table": b"question,answer\na,b\n",
        "UTF-16": b"\n".join(GOOD).decode().encode("utf-16"),
        "UTF-32": b"\n".join(GOOD).decode().encode("utf-32"),
        "EBCDIC": b"\n".join(GOOD).decode().encode("cp500"),
        "carriage returns": b"\r".join(GOOD),
        "no line feed": b"".join(GOOD),
        "NUL for line feeds": b"\0".join(GOOD),
        "gzip": gzip.compress(b"\n".join(GOOD), mtime=0),
        "a gzip bomb": gzip.compress(b"\0" * 100_000_000, 1, mtime=0),
        "bzip2": bz2.compress(b"\n".join(GOOD)),
        "xz": lzma.compress(b"\n".join(GOOD)),
        "a zip bomb": _zip(50_000_000, 50_000_000),
        "Zstandard": b"\x28\xb5\x2f\xfd" + b"x" * 99,
        "Parquet": b"PAR1" + b"\0" * 99,
        "PDF": b"%PDF-1.7\n",
        "PNG": b"\x89PNG\r\n\x1a\n" + b"\0" * 99,
        "ELF": b"\x7fELF\2\1\1" + b"\0" * 99,
        "HTML": b"<!DOCTYPE html><html></html>",
        "all bytes": bytes(range(256)) * 100,
        "5 MB without a line feed": b"x" * 5_000_000,
        "a million wrong lines": b"x\n" * 1_000_000,
        "100,000 empty objects": b"{}\n" * 100_000,
        "5 MB of brackets": b"[" * 5_000_000,
        "lines of 1.5 MB": (b'"' + b"x" * 1_500_000 + b'"\n') * 5,
    }
    return found | {f"file: {name}": (content, False) for name, content in whole.items()}


def _answered(text: str) -> bytes:
    return _behind_good(_messages(USER, f'{{"role":"assistant","content":"{text}"}}').encode())


HARMLESS = {
    "plain": _behind_good(b""),
    "CR LF": b"\r\n".join([*GOOD, b""]),
    "a byte order mark": b"\xef\xbb\xbf" + _behind_good(b""),
    "no last line feed": b"\n".join(GOOD),
    "blank lines at the end": _behind_good(b"\n\n \n"),
    "NUL in a text": _answered("\\u0000x"),
    "the last character": _answered("\U0010ffff"),
    "an escaped pair": _answered("\\ud83d\\ude00"),
    "a control token": _answered("<|im_end|>"),
    "examples that are equal": GOOD[0] + b"\n" + _behind_good(b""),
}
