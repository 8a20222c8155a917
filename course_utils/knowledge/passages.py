"""Acme's passages in the order in which an encoder finds them for a question."""

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from course_utils.knowledge.documents import load_documents
from course_utils.knowledge.own import split


def acme_chunks(version: str = "v1") -> list[Document]:
    """Chunks as lesson 02 makes them: at most 300 characters, under their document's title."""
    return split(load_documents(version))


def rank_chunks(embed: Embeddings, chunks: list[Document], questions: list[str]) -> list[list[int]]:
    """Indices of the chunks for each question, best first, by exact search.

    Args:
        embed: Makes vectors of unit length.
        chunks: What is searched.
        questions: What is asked.
    """
    stored = np.array(embed.embed_documents([chunk.page_content for chunk in chunks]))
    asked = np.array(embed.embed_documents(questions))
    return np.argsort(-asked @ stored.T, axis=1).tolist()
