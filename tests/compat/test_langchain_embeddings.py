"""LangChain's own standard tests for embeddings, through OpenAIEmbeddings against the endpoint."""

from typing import ClassVar

import pytest
from langchain_openai import OpenAIEmbeddings
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests


class TestEmbeddingsUnit(EmbeddingsUnitTests):
    """Embeddings, unit: nothing is asked."""

    embeddings_class = OpenAIEmbeddings
    embedding_model_params: ClassVar = {"model": "a-model", "api_key": "a-key"}
    init_from_env_params = (
        {"OPENAI_API_KEY": "a-key", "OPENAI_API_BASE": "http://127.0.0.1:1/v1"},
        {"model": "a-model"},
        {"openai_api_key": "a-key", "openai_api_base": "http://127.0.0.1:1/v1"},
    )


class TestEmbeddingsIntegration(EmbeddingsIntegrationTests):
    """Embeddings, integration: the endpoint embeds."""

    embeddings_class = OpenAIEmbeddings
    embedding_model_params: ClassVar = {}

    @pytest.fixture(autouse=True)
    def _settings(self, where, encoder_id):
        # Without the last one it would fetch another model's tokenizer and send its token ids.
        self.embedding_model_params = {
            "model": encoder_id,
            "check_embedding_ctx_length": False,
            **where,
        }
