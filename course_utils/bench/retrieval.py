"""Indexing, searching and re-indexing made-up documents in several numbers, in one run.

Each size gets an index of its own, filled by ``update_index`` as the lessons do it, and opened
again by a fresh process that asks. A query's time is what a notebook waits for Chroma, texts and
metadata included; the question's vector is made before. The first 10,000 vectors are the encoder's
own. Ten times as many would take a quarter of an hour (6 to 10 ms each on two cores): from there on
each vector lies between two of these, of texts that state the same fact of two products, and the
result says so.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import psutil
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from course_utils.bench import corpus
from course_utils.bench.contender import in_own_process
from course_utils.bench.home import own_home
from course_utils.endpoint.catalog import load_encoder
from course_utils.knowledge.index import update_index
from course_utils.knowledge.own import split
from course_utils.knowledge.store import open_store

SIZES = (1_000, 10_000)
QUESTIONS, ROUNDS, K = 200, 5, 5
EMBEDDED = 10_000
DOCUMENTS, TEXTS = 200, 10
INDEX = "benchmark"


class Encoded(Embeddings):
    """Vectors of the local encoder, made in this process."""

    def __init__(self) -> None:
        self._encoder = load_encoder()

    def embed_documents(self, texts: list[str]) -> list[np.ndarray]:
        return list(asyncio.run(self._encoder.encode(texts)).vectors)

    def embed_query(self, text: str) -> np.ndarray:
        return self.embed_documents([text])[0]


class Given(Embeddings):
    """Vectors that were made before, so that Chroma's own time can be told apart."""

    def __init__(self, vectors: dict[str, np.ndarray]) -> None:
        self._vectors = vectors

    def embed_documents(self, texts: list[str]) -> list[np.ndarray]:
        return [self._vectors[text] for text in texts]

    def embed_query(self, text: str) -> np.ndarray:
        return self._vectors[text]


def measure(
    sizes: Sequence[int] = SIZES,
    embedded: int = EMBEDDED,
    rounds: int = ROUNDS,
    documents: int = DOCUMENTS,
) -> dict:
    """Run the benchmark; an index of 100,000 texts takes five minutes or so on two cores.

    Args:
        sizes: How many texts the indexes hold.
        embedded: Of so many texts at most the encoder makes the vectors; at least 40.
        rounds: How often all questions are asked of each, after a round of warm-up.
        documents: How many documents are indexed, and again after 1 % of them has changed.

    Returns:
        ``embedded_per_s`` (texts), ``vectors`` (where they come from), ``sizes`` (see ``_row``),
        ``p95_ratio`` (largest size over smallest) and ``p95_ratio_spread``, ``recall_gap`` (to
        exact search, at the worst size), ``growth`` (exponents of insertion and p95 over size;
        ``None`` with one size),
        ``reindex`` (``full_s``, ``changed_s``, ``ratio``, ``chunks``, ``embedded_again``).
    """
    sizes = sorted(set(sizes))
    encoded = Encoded()
    planted = corpus.questions(sizes[0], QUESTIONS)
    asked = np.array(encoded.embed_documents([question.question for question in planted]))
    answers = np.array([question.answer for question in planted])
    embedded = min(embedded, sizes[-1])
    texts = [corpus.text(number) for number in range(embedded)]
    started = time.perf_counter()
    vectors = np.array(encoded.embed_documents(texts))
    rate = embedded / (time.perf_counter() - started)
    vectors = _filled_up(vectors, sizes[-1])
    rows = [{"chunks": n} | _row(vectors[:n], asked, answers, rounds) for n in sizes]
    first, last = rows[0], rows[-1]
    low, high = last["p95_spread"][0], last["p95_spread"][1]
    return {
        "embedded_per_s": round(rate, 1),
        "vectors": f"{embedded:,} embedded, {sizes[-1] - embedded:,} interpolated between them",
        "sizes": rows,
        "p95_ratio": round(last["query_p95_ms"] / first["query_p95_ms"], 2),
        "p95_ratio_spread": [
            round(low / first["p95_spread"][1], 2),
            round(high / first["p95_spread"][0], 2),
        ],
        "recall_gap": round(1 - min(row["recall"] for row in rows), 4),
        "growth": {
            "insert": _exponent(sizes, [row["insert_s"] for row in rows]),
            "query_p95": _exponent(sizes, [row["query_p95_ms"] for row in rows]),
        },
        "reindex": _reindex(encoded, documents),
    }


def _filled_up(vectors: np.ndarray, size: int) -> np.ndarray:
    """So many vectors: those given, then mixtures of two that state the same fact."""
    random, facts = np.random.default_rng(0), len(corpus.FACTS)
    fact = np.arange(len(vectors), size) % facts
    alike = (len(vectors) - fact + facts - 1) // facts  # how many there are of each
    one = random.integers(0, alike)
    other = (one + random.integers(1, alike)) % alike
    one, other = fact + facts * one, fact + facts * other
    share = random.uniform(0.3, 0.7, (len(fact), 1)).astype(vectors.dtype)
    mixed = share * vectors[one] + (1 - share) * vectors[other]
    return np.concatenate([vectors, mixed / np.linalg.norm(mixed, axis=1, keepdims=True)])


def _row(vectors: np.ndarray, asked: np.ndarray, answers: np.ndarray, rounds: int) -> dict:
    """One size.

    Returns:
        ``insert_s``, ``query_p50_ms``, ``query_p95_ms`` (medians over the rounds), ``p95_spread``
        (lowest and highest round), ``recall`` (share of the five texts of exact search over the
        same vectors that Chroma finds), ``answers_found`` and ``exact_answers_found`` (share of
        the planted answers among five), ``memory_mb`` (what the open index adds to a process),
        ``disk_mb``.
    """
    exact = np.argsort(-asked @ vectors.T, axis=1)[:, :K]
    with own_home() as home:
        insert_s = _insert(vectors)
        with in_own_process(partial(_asker, asked)) as ask:
            ask()  # warm-up
            results = [ask() for _ in range(rounds)]
        disk = sum(file.stat().st_size for file in Path(home).rglob("*") if file.is_file())
    found = results[-1]["found"]
    same = [len(set(a) & set(b)) / K for a, b in zip(found, exact.tolist(), strict=True)]
    p50, p95 = (
        [float(np.percentile(result["ms"], share)) for result in results] for share in (50, 95)
    )
    return {
        "insert_s": round(insert_s, 2),
        "query_p50_ms": round(statistics.median(p50), 2),
        "query_p95_ms": round(statistics.median(p95), 2),
        "p95_spread": [round(min(p95), 2), round(max(p95), 2)],
        "recall": round(statistics.mean(same), 4),
        "answers_found": _share(found, answers),
        "exact_answers_found": _share(exact.tolist(), answers),
        "memory_mb": round(results[-1]["memory_mb"]),
        "disk_mb": round(disk / 1e6),
    }


def _share(found: list[list[int]], answers: np.ndarray) -> float:
    return round(statistics.mean(int(a) in f for f, a in zip(found, answers, strict=True)), 4)


def _insert(vectors: np.ndarray) -> float:
    """Seconds that it takes to fill an empty index of this course home."""
    chunks = [_chunk(number) for number in range(len(vectors))]
    texts = [chunk.page_content for chunk in chunks]
    store = open_store(INDEX, Given(dict(zip(texts, vectors, strict=True))))
    started = time.perf_counter()
    update_index(store, chunks)
    seconds = time.perf_counter() - started
    store._client.close()
    return seconds


def _chunk(number: int) -> Document:
    product = corpus.name(number // len(corpus.FACTS))
    metadata = {"source": f"{product}.md", "title": product, "number": number}
    return Document(page_content=corpus.text(number), metadata=metadata)


def _asker(asked: np.ndarray) -> Callable[[], dict]:
    """Asks all questions of the index in this course home, one after the other."""
    vectors = asked.tolist()  # as an API's client has them
    before = psutil.Process().memory_info().rss
    store = open_store(INDEX, Given({}))

    def ask() -> dict:
        found, ms = [], []
        for vector in vectors:
            started = time.perf_counter()
            documents = store.similarity_search_by_vector(vector, k=K)
            ms.append(1000 * (time.perf_counter() - started))
            found.append([document.metadata["number"] for document in documents])
        memory_mb = (psutil.Process().memory_info().rss - before) / 1e6
        return {"found": found, "ms": ms, "memory_mb": memory_mb}

    return ask


def _reindex(encoded: Encoded, documents: int) -> dict:
    """Splitting, embedding and storing all, and once more with 1 % of the documents rewritten."""
    old = [_document(number, number) for number in range(documents)]
    rewritten = max(1, documents // 100)
    new = [_document(at, at + documents) for at in range(rewritten)] + old[rewritten:]
    with own_home():
        store = open_store(INDEX, encoded)
        seconds, updates = [], []
        for version in (old, new):
            started = time.perf_counter()
            updates.append(update_index(store, split(version)))
            seconds.append(time.perf_counter() - started)
        store._client.close()
    return {
        "documents": documents,
        "rewritten": rewritten,
        "chunks": updates[0].added,
        "embedded_again": updates[1].added + updates[1].changed,
        "full_s": round(seconds[0], 2),
        "changed_s": round(seconds[1], 3),
        "ratio": round(seconds[1] / seconds[0], 4),
    }


def _document(at: int, content: int) -> Document:
    texts = [corpus.text(number) for number in range(TEXTS * content, TEXTS * (content + 1))]
    metadata = {"source": f"{at}.md", "title": f"Document {at}"}
    return Document(page_content="\n\n".join(texts), metadata=metadata)


def _exponent(sizes: Sequence[int], values: Sequence[float]) -> float | None:
    """1 where something grows as the size does, 0 where it stays the same."""
    if len(sizes) < 2:
        return None
    return round(float(np.polyfit(np.log(sizes), np.log(values), 1)[0]), 2)
