"""Keeps a vector index in step with its documents: stable ids, no duplicates, no leftovers."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from langchain_chroma import Chroma
from langchain_core.documents import Document


@dataclass(frozen=True)
class IndexUpdate:
    """How many chunks an update added, changed, removed and left as they were."""

    added: int
    changed: int
    removed: int
    unchanged: int

    def __str__(self) -> str:
        return (
            f"{self.added} added, {self.changed} changed, "
            f"{self.removed} removed, {self.unchanged} unchanged"
        )


def with_stable_ids(chunks: Sequence[Document]) -> list[Document]:
    """Give each chunk an id that is the same on every run: ``source#position-in-document``.

    Without ids, adding the same documents twice stores every chunk twice.
    """
    position: Counter[str] = Counter()
    numbered = []
    for chunk in chunks:
        source = chunk.metadata["source"]
        metadata = {**chunk.metadata, "sha256": _digest(chunk)}
        numbered.append(
            Document(
                id=f"{source}#{position[source]}",
                page_content=chunk.page_content,
                metadata=metadata,
            )
        )
        position[source] += 1
    return numbered


def update_index(store: Chroma, chunks: Sequence[Document]) -> IndexUpdate:
    """Make ``store`` hold exactly ``chunks``, embedding only what is new or has changed.

    Args:
        store: The vector store to bring up to date.
        chunks: All chunks of the new version; ids are given by ``with_stable_ids``.

    Returns:
        What had to be done.
    """
    wanted = {chunk.id: chunk for chunk in with_stable_ids(chunks)}
    stored = store.get(include=["metadatas"])
    present = {
        id_: (metadata or {}).get("sha256")
        for id_, metadata in zip(stored["ids"], stored["metadatas"], strict=True)
    }
    added = [id_ for id_ in wanted if id_ not in present]
    changed = [
        id_ for id_ in wanted if id_ in present and present[id_] != wanted[id_].metadata["sha256"]
    ]
    removed = [id_ for id_ in present if id_ not in wanted]
    if added or changed:
        fresh = [wanted[id_] for id_ in added + changed]
        if changed:  # Chroma would keep metadata keys that the new version no longer has
            store.delete(ids=changed)
        store.add_documents(fresh, ids=[chunk.id for chunk in fresh])
    if removed:
        store.delete(ids=removed)
    return IndexUpdate(
        added=len(added),
        changed=len(changed),
        removed=len(removed),
        unchanged=len(wanted) - len(added) - len(changed),
    )


def _digest(chunk: Document) -> str:
    # Metadata counts too: a document whose text stays but whose valid_from moves has changed.
    facts = sorted((key, value) for key, value in chunk.metadata.items() if key != "sha256")
    return hashlib.sha256(repr((chunk.page_content, facts)).encode()).hexdigest()
