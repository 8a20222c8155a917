"""Where vectors lie: a folder of the course home, or a Chroma server that several can use."""

import httpx
from chromadb.errors import ChromaError
from langchain_chroma import Chroma
from langchain_core.embeddings import Embeddings

from course_utils.errors import CourseError
from course_utils.settings import settings

PROBE_TIMEOUT_S = 5.0


def open_store(name: str, embeddings: Embeddings) -> Chroma:
    """Open a vector store, and create it where there is none.

    It lies in ``COURSE_HOME/indexes/<name>``, which one process at a time may use. With
    ``COURSE_CHROMA_URL`` it lies on that server (``chroma run``), and everything else stays as it
    is: ``update_index`` fills either, ``as_retriever`` searches either.

    Args:
        name: 3 to 512 letters, digits, ``.``, ``_`` or ``-``. Vectors of two embedding models
            cannot be compared, so each model needs a name of its own.
        embeddings: Embeds passages and questions.

    Raises:
        CourseError: The server does not answer, or is no Chroma server.
    """
    url = settings().chroma_url
    return Chroma(
        collection_name=name,
        embedding_function=embeddings,
        # Else Chroma's own values: among 30,000 vectors, most of them interpolated, they found
        # 99.4 % of what exact search finds. ef_search 200, max_neighbors 32 with ef_construction
        # 200, and larger batches found 99.4 to 99.7 %; the index was not filled sooner.
        collection_configuration={"hnsw": {"space": "cosine"}},
        **({"client": _server(url)} if url else _folder(name)),
    )


def _folder(name: str) -> dict:
    return {"persist_directory": str(settings().indexes_dir / name)}


def _server(url: str):
    import chromadb

    url = url.rstrip("/")
    try:
        # Chroma's own client would wait for ever for a server that takes a call and says nothing.
        httpx.get(f"{url}/api/v2/heartbeat", timeout=PROBE_TIMEOUT_S).raise_for_status()
        return chromadb.HttpClient(host=url)
    except (httpx.HTTPError, httpx.InvalidURL, ChromaError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CourseError(
            f"COURSE_CHROMA_URL is {url}, and no Chroma server answers there ({reason})",
            "start one with `chroma run --path FOLDER --port 8000` and set COURSE_CHROMA_URL="
            "http://127.0.0.1:8000, or unset it to keep the index on this machine",
        ) from None
