"""``/v1/files``, asked through OpenAI's client."""

import io
import os
import socket
import time
from urllib.parse import urlsplit

import httpx
import openai
import psutil
import pytest

MB = 2**20


@pytest.fixture(scope="module")
def files(tuning):
    return tuning.client.files


@pytest.fixture
def folder(tuning):
    """Where the endpoint keeps the bytes."""
    return tuning.home / "endpoint" / "files"


@pytest.mark.parametrize(
    "name", ["train.jsonl", "../../etc/passwd", "ünïcödé 🌧.jsonl", 'quo"ted;.jsonl', "x" * 300]
)
def test_round_trip(files, folder, name):
    content = os.urandom(3000) + b"\r\n--boundary\r\n"
    file = files.create(file=(name, content), purpose="fine-tune")
    assert file.id.startswith("file-") and file.object == "file"
    assert (file.bytes, file.purpose, file.status) == (len(content), "fine-tune", "processed")
    assert abs(file.created_at - time.time()) < 60
    assert files.retrieve(file.id) == file
    assert files.content(file.id).read() == content
    assert (folder / file.id).read_bytes() == content  # the name is data, never a path
    deleted = files.delete(file.id)
    assert (deleted.id, deleted.deleted) == (file.id, True)
    assert not (folder / file.id).exists()
    for ask in (files.retrieve, files.delete, files.content):
        with pytest.raises(openai.NotFoundError, match="No such File object"):
            ask(file.id)


def test_a_name_is_kept_as_it_was_sent(files, tmp_path):
    path = tmp_path / "training_data.jsonl"
    path.write_text("{}\n")
    with path.open("rb") as opened:
        assert files.create(file=opened, purpose="fine-tune").filename == "training_data.jsonl"
    assert files.create(file=("ü.jsonl", b"1"), purpose="fine-tune").filename == "ü.jsonl"


def test_lists(files):
    created = [files.create(file=(f"{n}.jsonl", b"x"), purpose="fine-tune") for n in range(4)]
    ids = [file.id for file in created]
    assert [file.id for file in files.list(purpose="fine-tune")][:4] == ids[::-1]
    page = files.list(limit=2, purpose="fine-tune")
    assert page.has_more and [file.id for file in page.data] == ids[:1:-1]
    assert [file.id for file in page][:4] == ids[::-1]  # the client asks for the next parts
    oldest_first = [file.id for file in files.list(order="asc", limit=3)]
    assert oldest_first[-4:] == ids
    assert [file.id for file in files.list(after=ids[1], limit=1).data] == ids[:1]
    assert list(files.list(purpose="batch")) == []
    with pytest.raises(openai.BadRequestError, match="begin without 'after'"):
        files.list(after="file-none")
    with pytest.raises(openai.BadRequestError, match="limit"):
        files.list(limit=0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"purpose": "batch"}, "purpose='fine-tune'"),
        ({"purpose": "assistants"}, "purpose='fine-tune'"),
        ({"purpose": "fine-tune", "file": ("a.jsonl", b"")}, "empty"),
        (
            {"purpose": "fine-tune", "expires_after": {"anchor": "created_at", "seconds": 3600}},
            "Unknown parameter: 'expires_after",
        ),
    ],
)
def test_refused(files, folder, parameters, message):
    before = set(folder.iterdir())
    with pytest.raises(openai.BadRequestError, match="(?s)" + message.replace("[", r"\[")):
        files.create(**{"file": ("a.jsonl", b"{}"), **parameters})
    assert set(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"json": {"purpose": "fine-tune"}}, "multipart/form-data"),
        ({"data": {"purpose": "fine-tune"}}, "multipart/form-data"),
        ({"files": {"file": ("a", b"1")}}, "'purpose'"),
        ({"files": {"purpose": (None, b"fine-tune")}}, "'file'"),
        ({"files": [("file", ("a", b"1")), ("file", ("b", b"2"))]}, "one file at a time"),
        ({"files": {"purpose": (None, b"x" * 5000), "file": ("a", b"1")}}, "too long"),
        (
            {
                "content": b"--x\r\nthis is no form",
                "headers": {"Content-Type": "multipart/form-data; boundary=x"},
            },
            "form",
        ),
        ({"content": b"", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, "form"),
    ],
)
def test_forms_that_are_none(tuning, folder, form, message):
    before = set(folder.iterdir())
    answer = httpx.post(f"{tuning.base_url}/files", trust_env=False, **form)
    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]
    assert set(folder.iterdir()) == before


def test_large_files_are_streamed_and_too_large_ones_refused(tuning, files, folder):
    content = os.urandom(MB) * 64  # exactly what is allowed
    server = psutil.Process(tuning.process.pid)
    before, most = server.memory_info().rss, 0

    class Watched(io.BytesIO):
        def read(self, *arguments):
            nonlocal most
            most = max(most, server.memory_info().rss)
            return super().read(*arguments)

    file = files.create(file=("large.jsonl", Watched(content)), purpose="fine-tune")
    assert file.bytes == len(content)
    assert files.content(file.id).read() == content
    assert most - before < 16 * MB
    files.delete(file.id)
    kept = set(folder.iterdir())
    with pytest.raises(openai.APIStatusError, match="COURSE_MAX_FILE_MB") as refused:
        files.create(file=("larger.jsonl", content + b"x"), purpose="fine-tune")
    assert (refused.value.status_code, refused.value.code) == (413, "file_too_large")
    assert set(folder.iterdir()) == kept


def test_an_interrupted_upload_leaves_nothing(tuning, files, folder):
    before, listed = set(folder.iterdir()), len(list(files.list()))
    address = urlsplit(tuning.base_url)
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    head = (
        f"POST /v1/files HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 9000000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port)) as half:
        half.sendall(head.encode() + body + b"x" * 3_000_000)
        wait_until(lambda: set(folder.iterdir()) - before)  # it arrives
    wait_until(lambda: set(folder.iterdir()) == before)
    assert len(list(files.list())) == listed


def wait_until(true, seconds=10):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
