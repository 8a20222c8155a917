"""Reads the Acme case: Markdown files with front matter, in two versions."""

from pathlib import Path

import frontmatter
from langchain_core.documents import Document

from course_utils.errors import CourseError
from course_utils.settings import DATA

DOCUMENTS = DATA / "acme" / "documents"


def load_documents(version: str = "v1", folder: Path = DOCUMENTS) -> list[Document]:
    """Load every document of a version.

    Args:
        version: ``v1`` (January) or ``v2`` (April: prices and other facts have changed).
        folder: Folder that holds the versions.

    Returns:
        Documents in order of their id. ``page_content`` is the Markdown body; ``metadata`` has
        ``source`` (the id), ``title``, ``category`` and ``valid_from`` (ISO date).

    Raises:
        CourseError: There is no such version, or a file has no front matter.
    """
    paths = sorted((folder / version).glob("*.md"), key=lambda path: path.stem)
    if not paths:
        known = ", ".join(sorted(path.name for path in folder.iterdir() if path.is_dir()))
        raise CourseError(f"no documents of version {version!r} in {folder}", f"versions: {known}")
    return [_load(path) for path in paths]


def _load(path: Path) -> Document:
    post = frontmatter.load(str(path))
    try:
        metadata = {
            "source": post["id"],
            "title": post["title"],
            "category": post["category"],
            "valid_from": str(post["valid_from"]),
        }
    except KeyError as missing:
        raise CourseError(f"{path}: no {missing} in the front matter", "add the key") from None
    return Document(page_content=post.content, metadata=metadata)
