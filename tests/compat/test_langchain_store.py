"""LangChain's own standard tests for vector stores: the course's Chroma, with the real encoder."""

import pytest
from langchain_openai import OpenAIEmbeddings
from langchain_tests.integration_tests import VectorStoreIntegrationTests

from course_utils.knowledge.store import open_store


@pytest.fixture
def embeddings(where, encoder_id):
    return OpenAIEmbeddings(model=encoder_id, check_embedding_ctx_length=False, **where)


class TestStoreInAFolder(VectorStoreIntegrationTests):
    """Vector store in a folder: what a lesson opens."""

    @pytest.fixture
    def vectorstore(self, home, embeddings, monkeypatch):
        monkeypatch.delenv("COURSE_CHROMA_URL", raising=False)
        store = open_store("standard", embeddings)
        yield store
        store._client.close()


class TestStoreOnAServer(VectorStoreIntegrationTests):
    """Vector store on a Chroma server: what a class shares."""

    @pytest.fixture
    def vectorstore(self, home, chroma_server, embeddings, monkeypatch):
        monkeypatch.setenv("COURSE_CHROMA_URL", chroma_server)
        store = open_store("standard", embeddings)
        yield store
        store.delete_collection()
        store._client.close()
