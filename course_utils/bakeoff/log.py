"""Answers as they come, on disk: an interrupted bake-off never asks the same thing twice."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from course_utils.answer import Answer, Usage


class AnswerLog:
    """A file of answers, one JSON line each, found again by what they depend on.

    Args:
        path: The file; it is made with its folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._answers: dict[str, Answer] = {}
        self._in_flight: dict[str, int] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            self._read()

    def get(self, digest: str, question: str) -> Answer | None:
        """The stored answer of an approach (``Approach.digest``) to a question."""
        return self._answers.get(_key(digest, question))

    def in_flight(self, digest: str, question: str) -> int:
        """How many questions were asked at a time when a stored answer came."""
        return self._in_flight[_key(digest, question)]

    def add(
        self, digest: str, name: str, question: str, answer: Answer, in_flight: int = 1
    ) -> None:
        """Store an answer; it has been handed to the system when this returns."""
        key = _key(digest, question)
        entry = {"key": key, "approach": name, "question": question, **asdict(answer)}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry | {"in_flight": in_flight}, ensure_ascii=False) + "\n")
        self._answers[key], self._in_flight[key] = answer, in_flight

    def _read(self) -> None:
        whole, _, rest = self._path.read_bytes().rpartition(b"\n")
        if rest:  # a line that was cut off while it was written
            with self._path.open("r+b") as file:
                file.truncate(len(whole) + bool(whole))
        for line in whole.decode("utf-8").splitlines():
            entry = json.loads(line)
            self._in_flight[entry["key"]] = entry.get("in_flight", 1)
            self._answers[entry["key"]] = Answer(
                text=entry["text"],
                sources=tuple(entry["sources"]),
                usage=Usage(**entry["usage"]),
                seconds=entry["seconds"],
                passages=tuple(entry["passages"]),
                retrieval_seconds=entry["retrieval_seconds"],
            )


def _key(digest: str, question: str) -> str:
    return hashlib.sha256(f"{digest}\n{question}".encode()).hexdigest()[:24]
