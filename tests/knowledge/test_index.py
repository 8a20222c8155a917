import hashlib

import chromadb
import pytest
from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from course_utils.knowledge.index import IndexUpdate, update_index, with_stable_ids


class HashEmbeddings(Embeddings):
    """Eight numbers from a text's checksum; counts what it embeds."""

    def __init__(self):
        self.embedded = []

    def embed_documents(self, texts):
        self.embedded += texts
        return [
            [byte / 255 for byte in hashlib.sha256(text.encode()).digest()[:8]] for text in texts
        ]

    def embed_query(self, text):
        return self.embed_documents([text])[0]


def chunk(source, text, **metadata):
    return Document(page_content=text, metadata={"source": source, **metadata})


FIRST = [chunk("plan", "costs $19"), chunk("plan", "five sensors"), chunk("faq", "ask us")]


@pytest.fixture
def embeddings():
    return HashEmbeddings()


@pytest.fixture
def store(tmp_path, embeddings):
    client = chromadb.PersistentClient(str(tmp_path))
    yield Chroma("test-index", embeddings, client=client)
    client.close()


def texts(store):
    return dict(zip(*(store.get()[key] for key in ("ids", "documents")), strict=True))


def test_ids_name_the_source_and_the_place_in_it():
    assert [c.id for c in with_stable_ids(FIRST)] == ["plan#0", "plan#1", "faq#0"]
    assert FIRST[0].id is None  # the caller's chunks stay as they were


def test_adding_twice_stores_once(store, embeddings):
    assert update_index(store, FIRST) == IndexUpdate(3, 0, 0, 0)
    assert len(embeddings.embedded) == 3
    assert update_index(store, FIRST) == IndexUpdate(0, 0, 0, 3)
    assert len(embeddings.embedded) == 3
    assert len(texts(store)) == 3


def test_a_new_version_changes_only_what_differs(store, embeddings):
    update_index(store, FIRST)
    embeddings.embedded.clear()
    second = [chunk("plan", "costs $24"), FIRST[1], chunk("news", "hello")]
    assert update_index(store, second) == IndexUpdate(added=1, changed=1, removed=1, unchanged=1)
    assert sorted(embeddings.embedded) == ["costs $24", "hello"]
    assert texts(store) == {"plan#0": "costs $24", "plan#1": "five sensors", "news#0": "hello"}


def test_metadata_counts_as_content(store):
    update_index(store, [chunk("plan", "costs $19", valid_from="2026-01-15", note="old")])
    moved = [chunk("plan", "costs $19", valid_from="2026-04-01")]
    assert update_index(store, moved) == IndexUpdate(0, 1, 0, 0)
    (metadata,) = store.get()["metadatas"]
    assert metadata["valid_from"] == "2026-04-01"
    assert "note" not in metadata


def test_an_encoder_that_fails_leaves_the_old_version(store, embeddings, monkeypatch):
    def fails(_texts):
        raise ConnectionError("the endpoint is gone")

    update_index(store, FIRST)
    before = texts(store)
    second = [chunk("plan", "costs $24"), chunk("plan", "six sensors")]
    monkeypatch.setattr(embeddings, "embed_documents", fails)
    with pytest.raises(ConnectionError):
        update_index(store, second)
    assert texts(store) == before
    monkeypatch.undo()
    assert update_index(store, second) == IndexUpdate(added=0, changed=2, removed=1, unchanged=0)
    assert texts(store) == {"plan#0": "costs $24", "plan#1": "six sensors"}


def test_emptying(store):
    update_index(store, FIRST)
    assert update_index(store, []) == IndexUpdate(0, 0, 3, 0)
    assert texts(store) == {}


def test_reads_as_a_sentence():
    assert str(IndexUpdate(1, 2, 3, 4)) == "1 added, 2 changed, 3 removed, 4 unchanged"
