"""Reads one file of the learner's own: Markdown, text, HTML, PDF."""

import codecs
import contextlib
import io
import logging
import re
import warnings
from pathlib import Path

from langchain_core.documents import Document

from course_utils.errors import CourseError

TITLE_CHARACTERS = 120
# What stands around a page's text, or is none.
NO_TEXT = "script, style, noscript, template, svg, nav, aside, button, select, a.headerlink"
PARAGRAPHS = "p, div, section, article, h1, h2, h3, h4, h5, h6, pre, blockquote, table, ul, ol, dl"
LINES = "br, li, tr, dt, dd"
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_FENCED = re.compile(r"^ {0,3}(```+|~~~+).*?(?:^ {0,3}\1|\Z)", re.MULTILINE | re.DOTALL)
_HASHES = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)(?:[ \t]+#+)?[ \t]*$", re.MULTILINE)
# A heading of Markdown or reStructuredText, by the line of punctuation under it.
_UNDERLINED = re.compile(r"^ {0,3}(\S.*)\n([=\-~^\"'`#*+.:_])\2{2,}[ \t]*$", re.MULTILINE)

# Title, where the file has one, and text; of a PDF, a text for each page.
Content = tuple[str | None, list[str]]


def read(path: Path, source: str, notes: list[str]) -> list[Document]:
    """Read a file that has one of the endings in ``READERS``.

    Args:
        path: The file.
        source: What its documents are called.
        notes: Takes what a reader should know of a file that was read all the same.

    Returns:
        One document; of a PDF one for each page with text, with ``page`` in its metadata and
        ``source`` ending in ``#page=N``.

    Raises:
        CourseError: The file gives no text.
        OSError: The system does not let it be read.
    """
    ending = path.suffix.lower()
    raw = path.read_bytes()
    if not raw.strip():
        raise CourseError("the file is empty", "fill it or take it out")
    title, texts = READERS[ending](raw, notes)
    title = " ".join((_clean(title or "") or path.stem).split())[:TITLE_CHARACTERS]
    documents = []
    for page, text in enumerate(map(_clean, texts), start=1):
        metadata = {"source": source, "title": title}
        if ending == ".pdf":
            metadata |= {"source": f"{source}#page={page}", "page": page}
        if text:
            documents.append(Document(page_content=text, metadata=metadata))
    if not documents:
        raise CourseError("it holds no text", "take it out, or save the text that you see as .txt")
    return documents


def _markdown(raw: bytes, notes: list[str]) -> Content:
    import frontmatter
    import yaml

    text, facts = _decode(raw, notes), {}
    if text.startswith("---"):
        try:
            facts, body = frontmatter.parse(text)
            text = body if facts else text  # a text between two rulers is no front matter
        except (yaml.YAMLError, ValueError) as error:  # ValueError: 2026-02-30 is no date
            mark = getattr(error, "problem_mark", None)
            line = f" (line {mark.line + 1})" if mark else ""
            notes.append(f"the front matter is not YAML{line} and was read as text; correct it")
    prose = _FENCED.sub("", text)  # a comment in a code block is no heading
    heading = _HASHES.search(prose)
    return str(facts.get("title") or "") or (heading[1] if heading else _underlined(prose)), [text]


def _plain(raw: bytes, notes: list[str]) -> Content:
    text = _decode(raw, notes)
    return _underlined(text), [text]


def _underlined(text: str) -> str | None:
    headings = (match[1] for match in _UNDERLINED.finditer(text))
    return next((heading for heading in headings if re.search(r"\w", heading)), None)


def _html(raw: bytes, notes: list[str]) -> Content:
    import bs4

    declared = bs4.dammit.EncodingDetector.find_declared_encoding(raw, is_html=True)
    text = _decode(raw, notes, declared)
    try:
        with warnings.catch_warnings():  # about XHTML, and about short texts
            warnings.simplefilter("ignore")
            soup = bs4.BeautifulSoup(text, "html.parser")
    except bs4.ParserRejectedMarkup:
        raise CourseError("it is not HTML", "save the page again, or as .txt") from None
    articles = soup.find_all("article")
    main = soup.find("main") or soup.find(attrs={"role": "main"})
    main = main or (articles[0] if len(articles) == 1 else None)
    # Of a page; the header of an article holds its title.
    around = "" if main else ", header, footer"
    main = main or soup.body or soup
    for part in main.select(NO_TEXT + around):
        part.decompose()
    heading = main.find("h1") or soup.title
    title = heading and " ".join(heading.get_text().split())
    if soup.title:
        soup.title.extract()  # where there is no body it would be part of the text
    return title, [_text_of(main)]


def _text_of(main) -> str:
    """An element's text, a line where a browser begins one."""
    import bs4

    for string in list(main.find_all(string=True)):
        if type(string) is bs4.NavigableString and not string.find_parent("pre"):
            string.replace_with(re.sub(r"\s+", " ", string))
    for cell in main.find_all(["td", "th"]):
        if cell.find_previous_sibling(["td", "th"]):
            cell.insert(0, " | ")
    for element in main.select(LINES):
        element.insert_before("\n")
    for element in main.select(PARAGRAPHS):
        element.insert_before("\n\n")
        element.insert_after("\n\n")
    text = re.sub(r"[ \t]+\n", "\n", main.get_text())
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"\n (?=\S)", "\n", text))


def _pdf(raw: bytes, notes: list[str]) -> Content:
    import pypdf

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what matters is said here
    try:
        reader = pypdf.PdfReader(io.BytesIO(raw))
        if reader.is_encrypted and not reader.decrypt(""):
            raise CourseError("the PDF is encrypted", "save it without a password")
        texts = [page.extract_text() for page in reader.pages]
        title = reader.metadata.title if reader.metadata else None
    except CourseError:
        raise
    except pypdf.errors.DependencyError:
        raise CourseError("the PDF is encrypted", "save it without a password") from None
    except Exception as error:  # a damaged file makes pypdf raise anything, RecursionError too
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        cure = "open it in a PDF viewer and save or print it to a new PDF"
        raise CourseError(f"the PDF is damaged ({reason})", cure) from None
    if not texts:
        raise CourseError("the PDF has no pages", "save it again, or take it out")
    blank = [number for number, text in enumerate(texts, start=1) if not text.strip()]
    if len(blank) == len(texts):
        what = f"none of its {len(texts)} pages holds text: pictures of pages, as a scanner makes"
        raise CourseError(what, "recognise the text first, for example with ocrmypdf")
    if blank:
        pages = ", ".join(map(str, blank[:5])) + (" …" if len(blank) > 5 else "")
        notes.append(f"{len(blank)} of {len(texts)} pages hold no text ({pages}); look at them")
    return title, texts


READERS = {
    ".md": _markdown,
    ".txt": _plain,
    ".rst": _plain,
    ".html": _html,
    ".htm": _html,
    ".pdf": _pdf,
}


def _decode(raw: bytes, notes: list[str], declared: str | None = None) -> str:
    """UTF-8, UTF-16 with its mark, what the file declares, or what Windows used to write."""
    utf_16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if b"\0" in raw and not utf_16:
        raise _binary()
    try:
        return raw.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        if utf_16 or _CONTROL.search(raw):
            raise _binary() from None
    if declared:
        with contextlib.suppress(UnicodeDecodeError, LookupError):
            return raw.decode(declared)
    try:
        text = raw.decode("cp1252")
    except UnicodeDecodeError:
        what = f"line {line} is neither UTF-8 nor Windows-1252"
        raise CourseError(what, "save it as UTF-8") from None
    notes.append(f"line {line} is not UTF-8, so it was read as Windows-1252; save it as UTF-8")
    return text


def _binary() -> CourseError:
    return CourseError("it is binary, whatever its ending says", "save it as UTF-8 text")


def _clean(text: str) -> str:
    """Without what no index can store (NUL, half surrogates), with one kind of line end."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return text.encode("utf-8", "replace").decode().strip("\n ")
