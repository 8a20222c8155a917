"""The learner's own documents: a folder → documents → passages."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from langchain_core.documents import Document
from langchain_text_splitters import RecursiveCharacterTextSplitter
from tqdm.auto import tqdm

from course_utils.errors import CourseError
from course_utils.knowledge.readers import READERS, read

CHUNK_CHARACTERS = 300
MOST_LISTED = 10
# Fewer files are read before anybody would look at a bar.
BAR_FROM_FILES = 100
PERMISSIONS = "check its permissions"
ENDINGS = ", ".join(READERS)


@dataclass(frozen=True)
class Folder:
    """What a folder of documents gave.

    Attributes:
        documents: In order of their path; ``metadata`` has ``source`` (path in the folder, with
            ``/``; of a PDF's page ``file.pdf#page=3``), ``title``, and for PDFs ``page``.
        problems: ``path: what; cure``, for files that were not read or not as they should be.
        skipped: Ending → number of files that were left out because of it.
    """

    documents: list[Document]
    problems: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def files(self) -> int:
        """How many files the documents come from."""
        return len({file_of(document.metadata["source"]) for document in self.documents})

    def __str__(self) -> str:
        other = ", ".join(f"{count} {ending}" for ending, count in self.skipped.most_common(5))
        return (
            f"{self.files} files read, {len(self.problems)} problems"
            f"{f'; not read: {other}' if other else ''}"
        )


def file_of(source: str) -> str:
    """The file that a ``source`` lies in: without the page of a PDF."""
    return source.partition("#page=")[0]


def load_folder(folder: Path) -> Folder:
    """Read every Markdown, text, HTML and PDF file under a folder.

    Hidden files and folders are left out, links out of the folder are not followed. A file that
    cannot be read does not stop the others: it stands among the problems.

    Raises:
        CourseError: There is no such folder, or nothing in it can be read.
    """
    folder = Path(folder)
    if not folder.exists():
        raise CourseError(f"there is no folder {folder}", "check the path")
    if not folder.is_dir():
        raise CourseError(f"{folder} is a file, not a folder", f"give its folder: {folder.parent}")
    found = Folder([])
    paths = _find(folder.resolve(), found)
    quiet = len(paths) <= BAR_FROM_FILES or bool(os.environ.get("TQDM_DISABLE"))
    for source, path in tqdm(sorted(paths.items()), "reading", leave=False, disable=quiet):
        notes: list[str] = []
        try:
            found.documents.extend(read(path, source, notes))
        except CourseError as error:
            notes = [f"{error.what}; {error.cure}"]
        except OSError as error:
            notes = [f"it cannot be read ({error.strerror or error}); {PERMISSIONS}"]
        found.problems.extend(f"{source}: {note}" for note in notes)
    if not found.documents:
        raise _nothing(folder, found)
    return found


def split(documents: Sequence[Document], size: int = CHUNK_CHARACTERS) -> list[Document]:
    """Passages as lesson 02 makes them: pieces of documents, under their document's title.

    Args:
        documents: With ``title`` in their metadata.
        size: Most characters of a piece, the title not counted.
    """
    splitter = RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=0)
    chunks = splitter.split_documents(documents)
    for chunk in chunks:
        chunk.page_content = f"{chunk.metadata['title']}\n{chunk.page_content}"
    return chunks


def _find(root: Path, found: Folder) -> dict[str, Path]:
    """Source → file, of all files worth reading; what else there is goes into ``found``."""
    paths: dict[str, Path] = {}

    def unreadable(error: OSError) -> None:
        source = Path(error.filename).relative_to(root).as_posix()
        found.problems.append(f"{source}: it cannot be read ({error.strerror}); {PERMISSIONS}")

    for parent, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in links + [name for name in names if not name.startswith(".")]:
            path = Path(parent, name)
            source = path.relative_to(root).as_posix()
            if name not in links and path.suffix.lower() not in READERS:
                found.skipped[path.suffix.lower() or "without ending"] += 1
            elif obstacle := _obstacle(path, root):
                found.problems.append(f"{ascii(source)[1:-1]}: {obstacle}")
            else:
                paths[source] = path
    return paths


def _obstacle(path: Path, root: Path) -> str | None:
    if path.is_dir():  # os.walk stays out of links
        return "a link to a folder is not followed; move the folder here"
    if not path.resolve().is_relative_to(root):
        return "the link leaves the folder and is not followed; copy the file here"
    if path.exists() and not path.is_file():
        return "it is no regular file; take it out"
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8; rename it"
    return None


def _nothing(folder: Path, found: Folder) -> CourseError:
    if not found.problems:
        holds = ", ".join(f"{count} {ending}" for ending, count in found.skipped.most_common(5))
        what = f"{folder} holds no documents ({f'only {holds}' if holds else 'it is empty'})"
        return CourseError(what, f"these endings are read: {ENDINGS}")
    more = len(found.problems) - MOST_LISTED
    lines = found.problems[:MOST_LISTED] + ([f"and {more} more"] if more > 0 else [])
    listed = "".join(f"\n  {line}" for line in lines)
    return CourseError(
        f"nothing in {folder} could be read:{listed}", f"these endings are read: {ENDINGS}"
    )
