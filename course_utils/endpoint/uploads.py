"""Receives a file: from the network straight to the disk, in pieces."""

import asyncio
import os
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from course_utils.endpoint.errors import EndpointError

LONGEST_FIELD_BYTES = 1000
LONGEST_NAME = 1000
MOST_FIELDS = 20


class Upload:
    """One multipart body with one file in it.

    Args:
        target: Where the bytes go.
        limit: The most bytes that the file may have.

    Attributes:
        filename: What the client calls the file. Data, never a path.
        fields: The other parts of the form.
        bytes: Size of the file.
    """

    def __init__(self, target: Path, limit: int) -> None:
        self.filename: str | None = None
        self.fields: dict[str, str] = {}
        self.bytes = 0
        self._target, self._limit = target, limit
        self._complete = False
        self._failure: OSError | None = None
        self._header = [bytearray(), bytearray()]
        self._headers: dict[bytes, bytes] = {}
        self._field: bytearray | None = None  # None: the part is the file
        self._name = ""

    async def receive(self, request: Request) -> None:
        """Read the body, and return when the file has reached the disk.

        Whatever interrupts it, no half file stays.

        Raises:
            EndpointError: The form is no such form, or the file is too large or empty.
        """
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        if kind != b"multipart/form-data" or b"boundary" not in options:
            raise EndpointError("Send the file as multipart/form-data, as OpenAI's clients do.")
        names = ("header_field", "header_value", "header_end", "headers_finished")
        names += ("part_begin", "part_data", "part_end", "end")
        callbacks = {f"on_{name}": getattr(self, f"_{name}") for name in names}
        try:
            parser = MultipartParser(options[b"boundary"], callbacks)
            with self._target.open("xb") as self._file:
                async for piece in request.stream():
                    parser.write(piece)
                await asyncio.to_thread(to_disk, self._file)
            self._check()
        except BaseException as error:
            self._target.unlink(missing_ok=True)
            if isinstance(error, FormParserError):
                raise EndpointError(f"The multipart form is damaged: {error}.") from None
            if isinstance(error, ClientDisconnect):
                raise EndpointError("The upload was interrupted. Send the file again.") from None
            raise

    def _check(self) -> None:
        if self._failure:
            raise self._failure
        if not self._complete:
            raise EndpointError("The multipart form ends too early. Send the file again.")
        if self.filename is None:
            raise EndpointError(
                "Missing required parameter: 'file'.",
                param="file",
                code="missing_required_parameter",
            )
        if self.bytes > self._limit:
            raise EndpointError(
                f"The file has {self.bytes:,} bytes, and {self._limit:,} are allowed. Train on a "
                "part of it, or raise COURSE_MAX_FILE_MB and start the endpoint again.",
                status=413,
                param="file",
                code="file_too_large",
            )
        if not self.bytes:
            raise EndpointError("The file is empty. Open it for reading in binary.", param="file")

    # What the parser calls, in this order, for each part.

    def _part_begin(self) -> None:
        self._headers = {}

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += data[start:end]

    def _header_end(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        self._header = [bytearray(), bytearray()]

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._field = bytearray()
        if self._name == "file" and b"filename" in options:
            if self.filename is not None:
                raise EndpointError("Send one file at a time.", param="file")
            self.filename = options[b"filename"].decode("utf-8", "replace")
            if len(self.filename) > LONGEST_NAME:
                what = f"The file's name has {len(self.filename):,} characters"
                raise EndpointError(f"{what}: {LONGEST_NAME:,} are the most.", param="file")
            self._field = None

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self.bytes += end - start
            # What is too much is read all the same: a client hears no answer while it sends.
            if self.bytes <= self._limit and not self._failure:
                try:
                    self._file.write(memoryview(data)[start:end])
                except OSError as error:  # the disk is full
                    self._failure = error
        elif len(self._field) + end - start > LONGEST_FIELD_BYTES:
            raise EndpointError(f"The form's field {self._name[:40]!r} is too long.")
        else:
            self._field += data[start:end]

    def _part_end(self) -> None:
        if self._field is not None:
            if len(self.fields) >= MOST_FIELDS:
                raise EndpointError(
                    f"The form has more than {MOST_FIELDS} fields: send file and purpose."
                )
            self.fields[self._name] = self._field.decode("utf-8", "replace")

    def _end(self) -> None:
        self._complete = True


def to_disk(file: BinaryIO) -> None:
    """Return when all that was written to a file has reached the disk."""
    file.flush()
    os.fsync(file.fileno())
    if os.name != "nt":  # the name in the folder, too
        folder = os.open(Path(file.name).parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
