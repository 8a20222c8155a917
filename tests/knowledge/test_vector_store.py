"""The same retriever over a folder and over a real Chroma server."""

import socket

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from course_utils.errors import CourseError
from course_utils.knowledge.index import BATCH, IndexUpdate, update_index
from course_utils.knowledge.store import open_store

WORDS = ["gateway", "sensor", "battery", "refund", "invoice"]
WORDS += ["plan", "warranty", "firmware", "cellar", "export"]


class WordEmbeddings(Embeddings):
    """How often each of ten words stands in a text; counts what it embeds."""

    def __init__(self):
        self.embedded = []

    def embed_documents(self, texts):
        self.embedded += texts
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text):
        counts = np.array([text.count(word) for word in WORDS]) + 0.01 * len(text)
        return (counts / np.linalg.norm(counts)).tolist()


def passages(n=600):
    return [
        Document(
            page_content=f"{WORDS[i % 10]} {WORDS[i % 7]} {'x' * (i % 97)}",
            metadata={"source": f"{i % 50}.md", "title": f"Title {i % 50}", "page": i},
        )
        for i in range(n)
    ]


@pytest.fixture
def both(home, chroma_server, monkeypatch):
    """A store in a folder and one on the server, each with its embeddings."""
    monkeypatch.delenv("COURSE_CHROMA_URL", raising=False)
    local = open_store("passages", WordEmbeddings())
    monkeypatch.setenv("COURSE_CHROMA_URL", f"{chroma_server}/")
    remote = open_store("passages", WordEmbeddings())
    remote.reset_collection()
    yield local, remote
    local._client.close()
    remote._client.close()


def test_a_server_serves_what_a_folder_does(both, home):
    local, remote = both
    assert update_index(local, passages()) == IndexUpdate(600, 0, 0, 0)
    assert update_index(remote, passages()) == IndexUpdate(600, 0, 0, 0)
    assert (home / "indexes" / "passages" / "chroma.sqlite3").is_file()
    for question in ("is the battery of a sensor empty", "refund of an invoice", "export plan"):
        found = [
            store.as_retriever(search_kwargs={"k": 5}).invoke(question) for store in (local, remote)
        ]
        assert found[0] == found[1]
        assert len(found[0]) == 5
        (_, distance), *_ = remote.similarity_search_with_score(question, k=1)
        exact = min(
            1 - np.dot(remote.embeddings.embed_query(question), vector)
            for vector in WordEmbeddings().embed_documents([p.page_content for p in passages()])
        )
        assert distance == pytest.approx(exact, abs=1e-5)  # cosine, not l2


def test_an_update_touches_only_what_changed(both):
    first = passages()
    for store in both:
        update_index(store, first)
        store.embeddings.embedded.clear()
        second = [Document(page_content="a new plan", metadata=first[0].metadata), *first[1:-2]]
        second.append(Document(page_content="news", metadata={"source": "news.md", "title": "New"}))
        assert update_index(store, second) == IndexUpdate(
            added=1, changed=1, removed=2, unchanged=597
        )
        assert sorted(store.embeddings.embedded) == ["a new plan", "news"]
        assert len(store.get()["ids"]) == 599
        assert update_index(store, second) == IndexUpdate(0, 0, 0, 599)
        assert update_index(store, []) == IndexUpdate(0, 0, 599, 0)


def test_an_interrupted_update_goes_on(both):
    class Interrupted(WordEmbeddings):
        def embed_documents(self, texts):
            if len(self.embedded) >= BATCH:
                raise KeyboardInterrupt
            return super().embed_documents(texts)

    for store in both:
        whole, store._embedding_function = store._embedding_function, Interrupted()
        with pytest.raises(KeyboardInterrupt):
            update_index(store, passages())
        store._embedding_function = whole
        update = update_index(store, passages())
        assert update == IndexUpdate(600 - BATCH, 0, 0, BATCH)


def test_progress_is_shown_when_asked_for(both, capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    update_index(both[0], passages(3))
    assert capsys.readouterr().err == ""
    update_index(both[0], passages(4), progress="indexing")
    assert "indexing" in capsys.readouterr().err


def the_refusal(monkeypatch, url):
    monkeypatch.setenv("COURSE_CHROMA_URL", url)
    with pytest.raises(CourseError) as failure:
        open_store("passages", WordEmbeddings())
    assert url in failure.value.what
    assert "chroma run" in failure.value.cure
    assert "unset" in failure.value.cure
    return failure.value.what


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://[::"])
def test_an_address_that_is_none(home, monkeypatch, url):
    the_refusal(monkeypatch, url)


def test_nobody_there(home, free_port, monkeypatch):
    the_refusal(monkeypatch, f"http://127.0.0.1:{free_port()}")


def test_a_server_that_never_answers(home, monkeypatch):
    monkeypatch.setattr("course_utils.knowledge.store.PROBE_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the system takes the call
        the_refusal(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")


def test_another_server(home, chroma_server, monkeypatch):
    assert "404 Not Found" in the_refusal(monkeypatch, f"{chroma_server}/elsewhere")
