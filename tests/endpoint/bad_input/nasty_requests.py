"""Requests that no well-meaning client sends, as the bytes that go over the connection.

``corpus(target)`` makes them, each with a name ``group: what``. All must be answered without a
server error: those of the groups ``fine`` and ``name`` with success, those of ``either`` as may be,
all others with a refusal.
"""

import functools
import gzip
import json
import zlib
from collections.abc import Iterator

MIB = 2**20
PATIENCE_S = 2  # of the endpoint that gets them
CHAT, EMBED = "/v1/chat/completions", "/v1/embeddings"
FILES, JOBS = "/v1/files", "/v1/fine_tuning/jobs"
JSON = ("Content-Type: application/json",)

# Every JSON type, and the extremes of each, as text: json.dumps would not write all of them.
VALUES = {
    "null": "null",
    "true": "true",
    "zero": "0",
    "minus one": "-1",
    "half": "0.5",
    "2**70": str(2**70),
    "-2**70": str(-(2**70)),
    "1e400": "1e400",
    "-1e400": "-1e400",
    "1e-400": "1e-400",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "5,000 digits": "9" * 5000,
    "empty text": '""',
    "NUL": '"\\u0000"',
    "text": '"x"',
    "number as text": '"1"',
    "lone surrogate": '"\\ud800"',
    "long text": f'"{"x" * 100_000}"',
    "list": "[]",
    "list in list": "[[]]",
    "object": "{}",
    "object in list": "[{}]",
}
# What each parameter may be after all, by the names above.
MEANT = {
    "messages": set(),
    "max_tokens": set(),
    "temperature": {"null", "zero", "half", "1e-400"},
    "top_p": {"null", "half"},
    "seed": {"null", "zero", "minus one"},
    "stop": {"null", "text", "number as text", "NUL", "long text", "list"},
    "n": {"null"},
    "stream": {"null", "true"},
    "logprobs": {"null", "true"},
    "response_format": {"null"},
    "tools": {"null", "list"},
    "logit_bias": {"null", "object"},
    "metadata": {"null", "object"},
    "user": {"null", "empty text", "NUL", "text", "number as text", "long text"},
}


def http(
    method: str, path: str, body: bytes | str = b"", headers: tuple = JSON, length: int | None = -1
) -> bytes:
    """A request; ``length`` is what it claims of its body, ``None`` for nothing."""
    body = body.encode() if isinstance(body, str) else body
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *headers]
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length == -1 else length}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chat(target, **more: str) -> bytes:
    """A chat request with parameters given as JSON text."""
    parts = {"model": f'"{target.chat_id}"', "messages": '[{"role":"user","content":"Hi"}]'}
    parts |= {"max_tokens": "1", **more}
    return http("POST", CHAT, object_of(parts))


def _short(text: str) -> str:
    return repr(text) if len(text) < 40 else f"{text[0]}… of {len(text):,}"


def object_of(parts: dict[str, str]) -> str:
    return "{" + ",".join(f'"{name}":{value}' for name, value in parts.items()) + "}"


def corpus(target) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every request."""
    for part in (values, bodies, schemas, encodings, ids, queries, uploads, names, heads, jobs):
        yield from part(target)


def values(target):
    """Each parameter with each kind of value."""
    for name, meant in MEANT.items():
        for what, value in VALUES.items():
            if (name, what) == ("max_tokens", "null"):
                continue  # right, and a long answer
            group = "fine" if what in meant else "value"
            yield f"{group}: {name} = {what}", chat(target, **{name: value})
    for what, value in VALUES.items():
        model = f'"model":"{target.encoder_id}"'
        group = "fine" if what in {"text", "number as text", "NUL", "long text"} else "value"
        yield f"{group}: input = {what}", http("POST", EMBED, f'{{{model},"input":{value}}}')


def bodies(target):
    """What is no request at all."""
    good = f'{{"model":"{target.chat_id}","max_tokens":1,"messages":[{{"role":"user",%s}}]}}'
    hi = '"content":"Hi"'
    for path in (CHAT, EMBED, JOBS):
        for what, body in {
            "nothing": b"",
            "a space": b" ",
            "no JSON": b"hello",
            "half an object": b'{"model":',
            "a list": b"[]",
            "a text": b'"x"',
            "a number": b"1",
            "null": b"null",
            "two objects": b"{}{}",
            "UTF-8 damaged": b'{"model":"\xff\xfe"}',
            "UTF-8 surrogate": b'{"model":"\xed\xa0\x80"}',
            "UTF-8 overlong": b'{"model":"\xc0\xaf"}',
            "UTF-16": '{"model":"x"}'.encode("utf-16"),
            "byte order mark": b"\xef\xbb\xbf{}",
            "control character": b'{"model":"\x01"}',
            "NUL bytes": b"\0" * 1000,
            "100,000 brackets": b"[" * 100_000,
            "100,000 pairs of brackets": b"[" * 100_000 + b"]" * 100_000,
            "100,000 braces": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
            "150,000 empty objects": b"[" + b"{}," * 150_000 + b"{}]",
            "a million lists": b"[" + b"[]," * 1_000_000 + b"[]]",
            "200,000 keys": json.dumps({f"k{n}": n for n in range(200_000)}).encode(),
            "9 MiB of spaces": b" " * (9 * MIB),
            "9 MiB of text": b'{"model":"' + b"x" * (9 * MIB) + b'"}',
            "key that is no text": b"{1:2}",
            "key with half a character": b'{"\\udc00":1}',
        }.items():
            yield f"body: {what} to {path}", http("POST", path, body)
    yield "fine: a key twice", http("POST", CHAT, good % '"content":"Ho","content":"Hi"')
    yield "body: as text/plain", http("POST", CHAT, good % hi, ("Content-Type: text/plain",))
    yield "body: as nothing", http("POST", CHAT, good % hi, ())
    yield "body: as a type that is none", http("POST", CHAT, good % hi, ("Content-Type: ;/;=",))
    yield "body: as latin-1", http("POST", CHAT, (good % '"content":"é"').encode("latin-1"))
    yield "body: 3,000 messages", chat(target, messages=f"[{good[-29:-4]}]")
    user = '{"role":"user","content":"a"}'
    yield "body: too many messages", chat(target, messages=f"[{','.join([user] * 3000)}]")
    yield "body: 190,000 wrong messages", chat(target, messages=f"[{','.join(['{}'] * 190_000)}]")
    parts = ",".join(['{"type":"x"}'] * 100_000)
    content = f'[{{"role":"user","content":[{parts}]}}]'
    yield "body: 100,000 wrong parts", chat(target, messages=content)
    wrong = object_of({f"k{n}": "1" for n in range(100_000)})
    for name in ("metadata", "logit_bias"):
        yield f"body: 100,000 wrong {name}", chat(target, **{name: wrong})
    long = json.dumps([{"role": "user", "content": "word " * 300_000}])
    yield "body: 300,000 words", chat(target, messages=long)
    tokens = f'{{"model":"{target.encoder_id}","input":[%s]}}'
    yield "body: 3,000 inputs", http("POST", EMBED, tokens % ",".join(['"a"'] * 3000))
    yield "body: token of another model", http("POST", EMBED, tokens % "999999999")
    yield "body: negative token", http("POST", EMBED, tokens % "-1")
    yield "body: token of 70 bits", http("POST", EMBED, tokens % str(2**70))
    yield "body: texts and tokens mixed", http("POST", EMBED, tokens % '"a",1')
    yield "body: true as token", http("POST", EMBED, tokens % "true")
    yield "fine: a million tokens", http("POST", EMBED, tokens % ",".join(["5"] * 1_000_000))
    yield "body: a list too deep", http("POST", EMBED, tokens % "[[1]]")


def schemas(target):
    """Forms of an answer that the engine cannot, or should not, follow."""

    def nested(levels):
        return '{"type":"array","items":' * levels + "{}" + "}" * levels

    properties = {f"p{n}": {"type": "string"} for n in range(2000)}
    for what, schema in {
        "50 levels": nested(50),
        "150 levels": nested(150),
        "5,000 values": json.dumps({"enum": [str(n) for n in range(5000)]}),
        "200,000 values": json.dumps({"enum": [str(n) for n in range(200_000)]}),
        "2,000 properties": json.dumps({"type": "object", "properties": properties}),
        "a number of 70 bits": f'{{"type":"string","maxLength":{2**70}}}',
        "a minimum of 70 bits": f'{{"type":"integer","minimum":{2**70}}}',
        "half a character": '{"title":"\\ud800"}',
        "half a character as key": '{"properties":{"\\ud800":{}}}',
        "a type that is none": '{"type":true}',
        "no types": '{"type":[]}',
        "no values": '{"enum":[]}',
        "nothing of any": '{"anyOf":[]}',
        "properties that are none": '{"type":"object","properties":3}',
        "a billion characters": '{"type":"string","minLength":1000000000}',
        "a million items": '{"type":"array","items":{"type":"string"},"minItems":1000000}',
        "a negative length": '{"type":"array","items":{},"minItems":-1}',
        "itself": '{"$ref":"#"}',
        "a circle": '{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},'
        '"b":{"$ref":"#/$defs/a"}}}',
        "a file": '{"$ref":"file:///etc/passwd"}',
        "another host": '{"$ref":"http://127.0.0.1:9/x.json"}',
        "what is not there": '{"$ref":"#/$defs/none"}',
        "a reference that is none": '{"$ref":3}',
        "a minimum that is text": '{"type":"integer","minimum":"a"}',
    }.items():
        form = f'{{"type":"json_schema","json_schema":{{"name":"a","schema":{schema}}}}}'
        yield f"schema: {what}", chat(target, response_format=form)
    for what, schema in {
        "nothing": "{}",
        "a pattern of 1,000,000": '{"type":"string","pattern":"^(a{1,1000}){1,1000}$"}',
        "stars of stars": '{"type":"string","pattern":"^(((a*)*)*)*$"}',
        "a long pattern": f'{{"type":"string","pattern":"^{"a" * 100_000}$"}}',
        "1e400": '{"type":"number","minimum":1e400}',
        "30 levels": nested(30),
        "200 values": json.dumps({"enum": [str(n) for n in range(200)]}),
    }.items():
        form = f'{{"type":"json_schema","json_schema":{{"name":"a","schema":{schema}}}}}'
        yield f"fine: schema with {what}", chat(target, response_format=form)
    for name in ("", "a b", "../../x", "x" * 65, "a\\u0000"):
        form = f'{{"type":"json_schema","json_schema":{{"name":"{name}","schema":{{}}}}}}'
        yield f"schema: called {_short(name)}", chat(target, response_format=form)


@functools.cache
def _bomb() -> bytes:
    return gzip.compress(b"[" + b" " * (100 * MIB) + b"]", 1)


def encodings(target):
    """Packed bodies: none is unpacked."""
    bomb = _bomb()
    for coding in ("gzip", "x-gzip", "deflate", "br", "zstd", "gzip, gzip", "nonsense", "GZIP"):
        headers = (*JSON, f"Content-Encoding: {coding}")
        yield f"packed: {coding} to chat", http("POST", CHAT, bomb, headers)
        yield f"packed: {coding} to embeddings", http("POST", EMBED, bomb, headers)
    for name, content in {
        "a gzip bomb unnamed": bomb,
        "deflate unnamed": zlib.compress(b"{}"),
        "gzip in gzip": gzip.compress(bomb),
    }.items():
        yield f"packed: {name}", http("POST", CHAT, content)


TRICKS = (
    "..",
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%252e%252e%252f",
    "..%5c..%5cboot.ini",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "%00",
    "file-%00",
    "file-x%0d%0aSet-Cookie:a=b",
    "%ff%fe",
    "%ed%a0%80",
    "%",
    "%zz",
    "~root",
    "con",
    "file-*",
    "' OR '1'='1",
    "';DROP%20TABLE%20files;--",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "x" * 10_000,
)


def ids(target):
    """Ids that are paths, commands or rubbish, wherever a path has an id."""
    for trick in TRICKS:
        trick = trick.replace(" ", "%20")
        short = _short(trick)
        yield f"id: GET file {short}", http("GET", f"{FILES}/{trick}")
        yield f"id: GET content {short}", http("GET", f"{FILES}/{trick}/content")
        yield f"id: DELETE file {short}", http("DELETE", f"{FILES}/{trick}")
        yield f"id: GET job {short}", http("GET", f"{JOBS}/{trick}")
        yield f"id: cancel {short}", http("POST", f"{JOBS}/{trick}/cancel")
        yield f"id: events {short}", http("GET", f"{JOBS}/{trick}/events")
        yield f"id: GET model {short}", http("GET", f"/v1/models/{trick}")
        yield f"id: DELETE model {short}", http("DELETE", f"/v1/models/{trick}")


def queries(target):
    """Query parameters."""
    events = f"{JOBS}/{target.job_id}/events"
    for where, path in {"files": FILES, "jobs": JOBS, "events": events}.items():
        for limit in ("0", "-1", "x", "1e3", "", "99999999999999999999", "9" * 5000, "%00", "1;2"):
            yield f"query: limit={_short(limit)} of {where}", http("GET", f"{path}?limit={limit}")
        for after in ("x", "%00", "%ff", "../..", "a" * 10_000, "1;DROP%20TABLE%20jobs"):
            yield f"query: after={_short(after)} of {where}", http("GET", f"{path}?after={after}")
    yield "query: order", http("GET", f"{FILES}?order=sideways")
    for pairs in (17, 1200):
        wanted = "&".join(f"metadata[k{n}]=v" for n in range(pairs))
        yield f"query: {pairs} pairs of metadata", http("GET", f"{JOBS}?{wanted}")
    for what, query in {
        "an empty pair": "metadata[]=",
        "pairs that are none": "metadata[=x&metadata]=y&metadata=z",
        "rubbish": "%%%&&&===;;;[[[",
        "1,000 unknown names": "&".join(f"k{n}=1" for n in range(1000)),
        "SQL": "metadata[a'%20OR%201=1--]=x",
        "NUL": "metadata[%00]=%00",
    }.items():
        yield f"fine: query with {what}", http("GET", f"{JOBS}?{query}")


def form(*parts: tuple[str, bytes], boundary: str = "xx", end: str = "--xx--\r\n") -> bytes:
    """A multipart body of parts, each with its own headers."""
    written = b"".join(
        f"--{boundary}\r\n{head}\r\n\r\n".encode("utf-8", "surrogateescape") + content + b"\r\n"
        for head, content in parts
    )
    return written + end.encode()


PURPOSE = ('Content-Disposition: form-data; name="purpose"', b"fine-tune")
FORM = ("Content-Type: multipart/form-data; boundary=xx",)


def file_part(name: str = "a.jsonl", content: bytes = b"{}") -> tuple[str, bytes]:
    return f'Content-Disposition: form-data; name="file"; filename="{name}"', content


def uploads(target):
    """Forms that are damaged, or carry what they should not."""
    good = form(PURPOSE, file_part())
    for what, headers in {
        "no boundary": ("Content-Type: multipart/form-data",),
        "an empty boundary": ("Content-Type: multipart/form-data; boundary=",),
        "another boundary": ("Content-Type: multipart/form-data; boundary=yy",),
        "a long boundary": (f"Content-Type: multipart/form-data; boundary={'b' * 5000}",),
        "a boundary not ASCII": ("Content-Type: multipart/form-data; boundary=\xff\xfe",),
        "JSON as type": JSON,
        "no type": (),
        "a text type": ("Content-Type: text/plain; boundary=xx",),
        "an open quote": ('Content-Type: multipart/form-data; boundary="xx',),
        "a packed form": (*FORM, "Content-Encoding: gzip"),
    }.items():
        if what != "an open quote":
            yield f"upload: {what}", http("POST", FILES, good, headers)
    head = 'Content-Disposition: form-data; name="file"; filename="a"'
    for what, body in {
        "nothing": b"",
        "no form": b"hello",
        "only an end": b"--xx--\r\n",
        "no end": form(PURPOSE, file_part(), end=""),
        "half an end": form(PURPOSE, file_part(), end="--xx-"),
        "half a header": b"--xx\r\nContent-Dis",
        "a header without colon": b"--xx\r\nhello\r\n\r\n1\r\n--xx--\r\n",
        "a part without headers": b"--xx\r\n\r\n1\r\n--xx--\r\n",
        "a long header": form((f"{head}\r\nX: {'x' * 100_000}", b"1")),
        "1,000 headers": form((head + "\r\nX: y" * 1000, b"1")),
        "10,000 fields": form(
            *((f'Content-Disposition: form-data; name="f{n}"', b"1") for n in range(10_000))
        ),
        "a long field": form(
            ('Content-Disposition: form-data; name="purpose"', b"x" * 100_000), file_part()
        ),
        "a long field name": form((f'Content-Disposition: form-data; name="{"n" * 9000}"', b"1")),
        "two files": form(PURPOSE, file_part(), file_part()),
        "no file": form(PURPOSE),
        "no purpose": form(file_part()),
        "an empty file": form(PURPOSE, file_part(content=b"")),
        "a file that is a field": form(
            PURPOSE, ('Content-Disposition: form-data; name="file"', b"1")
        ),
        "another purpose": form((PURPOSE[0], b"assistants"), file_part()),
        "a purpose with NUL": form((PURPOSE[0], b"fine-tune\0"), file_part()),
        "a purpose not UTF-8": form((PURPOSE[0], b"\xff"), file_part()),
        "an unknown field": form(
            PURPOSE, file_part(), ('Content-Disposition: form-data; name="../x"', b"1")
        ),
        "a form in a form": form(PURPOSE, ('Content-Disposition: form-data; name="f"', good)),
        "17 MiB": form(PURPOSE, file_part(content=b"x" * (17 * MIB))),
        "bare line feeds": good.replace(b"\r\n", b"\n"),
    }.items():
        yield f"upload: {what}", http("POST", FILES, body, FORM)


FILE_NAMES = {
    "dots": "../../../../tmp/x",
    "an absolute path": "/etc/cron.d/x",
    "a path of Windows": "C:\\\\Windows\\\\x",
    "backslashes": "..\\\\..\\\\x",
    "a share": "\\\\\\\\host\\\\share",
    "only dots": "..",
    "a dot": ".",
    "NUL": "a\0b",
    "a line feed": "a\nSet-Cookie: x=y",
    "percent signs": "%2e%2e%2f%0d%0aX: y",
    "a device": "CON",
    "a stream": "x::$DATA",
    "a shell command": "$(touch x); `id` | rm -rf /",
    "HTML": "<script>alert(1)</script>",
    "right to left": "a\u202egpj.exe",
    "half a character": "\udced\udca0\udc80",
    "not UTF-8": "\udcff\udcfe",
    "nothing": "",
    "a space": " ",
    "1,000 characters": "x" * 1000,
}


def names(target):
    """Names of files: data, whatever they look like. What is taken must also come back."""
    for what, name in FILE_NAMES.items():
        yield f"name: {what}", http("POST", FILES, form(PURPOSE, file_part(name)), FORM)
    star = "Content-Disposition: form-data; name=\"file\"; filename*=utf-8''..%2f..%2fx"
    yield "upload: an encoded name", http("POST", FILES, form(PURPOSE, (star, b"{}")), FORM)
    for what, name in {"of 5,000": "x" * 5000, "with a carriage return": "a\rb"}.items():
        yield f"upload: a name {what}", http("POST", FILES, form(PURPOSE, file_part(name)), FORM)


def heads(target):
    """Methods, targets and headers."""
    for method in ("PUT", "PATCH", "TRACE", "PROPFIND", "BREW", "get", "X" * 1000):
        yield f"head: {_short(method)}", http(method, CHAT, b"{}")
    for path in ("/v2/x", "/v1", "/v1/", "/v1//files", "//v1/files", "/%2e%2e/x", "/v1/%00"):
        yield f"head: {path}", http("GET", path)
    for what, raw in {
        "a long address": http("GET", "/v1/models/" + "x" * 100_000),
        "a long query": http("GET", f"{JOBS}?after=" + "x" * 100_000),
        "no HTTP": b"hello\r\n\r\n",
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
        "HTTP/9.9": b"GET /v1/models HTTP/9.9\r\nHost: a\r\nConnection: close\r\n\r\n",
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "no Host": b"GET /v1/models HTTP/1.1\r\n\r\n",
        "two Hosts": b"GET /v1/models HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "an open bracket as Host": b"GET /v1/x HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n",
        "rubbish as Host": b"GET /v1/x HTTP/1.1\r\nHost: a b/?#@:x\r\nConnection: close\r\n\r\n",
        "a port of no sense": b"GET /x HTTP/1.1\r\nHost: 127.0.0.1:99999999\r\n"
        b"Connection: close\r\n\r\n",
        "an Origin of no sense": http("GET", "/v1/models", headers=("Origin: http://[",)),
        "a foreign Origin": http("GET", "/v1/models", headers=("Origin: http://evil.example",)),
        "CONNECT": b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "a header without name": b"GET /v1/models HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n",
        "a folded header": http("GET", "/v1/x", headers=("X: a\r\n b",)),
        "a header with NUL": b"GET /v1/models HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
        "a space before the colon": b"GET /v1/models HTTP/1.1\r\nHost : a\r\n\r\n",
        "a bad length": http("POST", CHAT, b"{}", (*JSON, "Content-Length: x"), None),
        "a negative length": http("POST", CHAT, b"{}", (*JSON, "Content-Length: -1"), None),
        "two lengths": http(
            "POST", CHAT, b"{}", (*JSON, "Content-Length: 2", "Content-Length: 3"), None
        ),
        "a coding that is none": http(
            "POST", CHAT, b"{}", (*JSON, "Transfer-Encoding: rubbish"), None
        ),
        "a bad chunk": http(
            "POST", CHAT, b"zz\r\n{}\r\n", (*JSON, "Transfer-Encoding: chunked"), None
        ),
        "a negative chunk": http(
            "POST", CHAT, b"-1\r\n{}\r\n", (*JSON, "Transfer-Encoding: chunked"), None
        ),
        "a huge chunk": http(
            "POST", CHAT, b"F" * 100 + b"\r\n{}", (*JSON, "Transfer-Encoding: chunked"), None
        ),
        "another expectation": http("POST", CHAT, b"", (*JSON, "Expect: 200-ok")),
    }.items():
        yield f"head: {what}", raw
    # Refused when they arrive in pieces, harmless when they do not.
    long, many = ("X: " + "x" * 100_000,), ("Xxxxxxxxxxxx: y",) * 5000
    yield "either: a long header", http("GET", "/v1/models", headers=long)
    yield "either: 5,000 headers", http("GET", "/v1/models", headers=many)
    model = f"/v1/models/{target.chat_id}"
    for what, headers in {
        "a WebSocket": ("Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13"),
        "HTTP/2 upgrade": ("Upgrade: h2c", "HTTP2-Settings: x"),
        "a key of rubbish": ("Authorization: Bearer \xff\xfe",),
        "a long key": ("Authorization: Bearer " + "x" * 20_000,),
        "cookies": ("Cookie: " + "a=b; " * 2000,),
        "Accept: rubbish": ("Accept: ;;;q=x", "Accept-Encoding: *;q=-1", "Accept-Language: \xff"),
    }.items():
        yield f"fine: {what}", http("GET", model, headers=headers)
    for parts in ("bytes=0-0", "bytes=-1", "bytes=9-1", "lines=1-2", "bytes=" + "0-1," * 5000):
        path = f"{FILES}/{target.file_id}/content"
        yield f"fine: Range {_short(parts)}", http("GET", path, headers=(f"Range: {parts}",))


def jobs(target):
    """Jobs that must not be taken on."""
    known = {"model": f'"{target.chat_id}"', "training_file": '"file-none"'}
    suffixes = ("../../x", "..", "/etc", "a b", "a/b", "a\\\\b", "a:b", "a\\n", "é", "", "\\u0000")
    for suffix in (*suffixes, "x" * 65, "x" * 100_000, "%2e%2e", "$(id)", "<b>"):
        yield f"job: suffix {_short(suffix)}", _job(known, suffix=f'"{suffix}"')
    for trick in ("../../etc/passwd", "/etc/passwd", "file-\\u0000", "x" * 100_000, "' OR 1=1"):
        yield f"job: file {_short(trick)}", _job(known, training_file=f'"{trick}"')
        yield f"job: model {_short(trick)}", _job(known, model=f'"{trick}"')
    for name in ("n_epochs", "batch_size", "learning_rate_multiplier"):
        for what in ("zero", "minus one", "2**70", "1e400", "NaN", "5,000 digits", "text", "list"):
            chosen = f'{{"{name}":{VALUES[what]}}}'
            yield f"job: {name} = {what}", _job(known, hyperparameters=chosen)
    for what, more in {
        "a seed of 70 bits": {"seed": str(2**70)},
        "a negative seed": {"seed": "-1"},
        "a method that is none": {"method": '{"type":"magic"}'},
        "a method that is text": {"method": '"dpo"'},
        "100,000 pairs": {"metadata": object_of({f"k{n}": '"v"' for n in range(100_000)})},
        "a long pair": {"metadata": f'{{"k":"{"v" * 513}"}}'},
        "a pair too deep": {"metadata": '{"k":{"k":"v"}}'},
        "integrations": {"integrations": '[{"type":"wandb"}]'},
        "an unknown name": {"__proto__": '{"x":1}'},
        "itself to validate": {"validation_file": '"file-none"'},
    }.items():
        yield f"job: {what}", _job(known, **more)


def _job(known, **more):
    return http("POST", JOBS, object_of({**known, **more}))
