"""Keeps a vector index in step with its documents: stable ids, no duplicates, no leftovers."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from langchain_chroma import Chroma
from langchain_core.documents import Document
from tqdm.auto import tqdm

# At most this many passages go to the store in one request: about three seconds of embedding, and
# less than any Chroma takes. What an interrupted update has stored need not be embedded again.
BATCH = 256


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


def update_index(
    store: Chroma, chunks: Sequence[Document], progress: str | None = None
) -> IndexUpdate:
    """Make ``store`` hold exactly ``chunks``, embedding only what is new or has changed.

    Whenever it is interrupted, each passage is there in its old version or its new one, and the
    next call does the rest.

    Args:
        store: The vector store to bring up to date.
        chunks: All chunks of the new version; ids are given by ``with_stable_ids``.
        progress: Label of a progress bar on stderr; ``None`` shows none.

    Returns:
        What had to be done.
    """
    wanted = {chunk.id: chunk for chunk in with_stable_ids(chunks)}
    stored = store.get(include=["metadatas"])
    present = {
        id_: metadata or {}
        for id_, metadata in zip(stored["ids"], stored["metadatas"], strict=True)
    }
    added = [id_ for id_ in wanted if id_ not in present]
    changed = [
        id_
        for id_, chunk in wanted.items()
        if id_ in present and present[id_].get("sha256") != chunk.metadata["sha256"]
    ]
    removed = [id_ for id_ in present if id_ not in wanted]
    with tqdm(desc=progress, total=len(added + changed), leave=False, disable=not progress) as bar:
        for ids in _batches(added + changed):
            for id_ in ids:
                # Chroma keeps a metadata key that the new version lacks, unless it is None.
                gone = dict.fromkeys(present.get(id_, {}))
                wanted[id_].metadata = gone | wanted[id_].metadata
            # Embeds, then replaces: until a batch is ready, its old passages can be found.
            store.add_documents([wanted[id_] for id_ in ids], ids=ids)
            bar.update(len(ids))
    for ids in _batches(removed):
        store.delete(ids=ids)
    return IndexUpdate(
        added=len(added),
        changed=len(changed),
        removed=len(removed),
        unchanged=len(wanted) - len(added) - len(changed),
    )


def _batches(ids: list[str]) -> Iterator[list[str]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def _digest(chunk: Document) -> str:
    # Metadata counts too: a document whose text stays but whose valid_from moves has changed.
    facts = sorted((key, value) for key, value in chunk.metadata.items() if key != "sha256")
    return hashlib.sha256(repr((chunk.page_content, facts)).encode()).hexdigest()
