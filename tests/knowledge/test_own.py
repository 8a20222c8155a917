import io
import os
import sys

import pypdf
import pytest
from langchain_core.documents import Document
from langchain_text_splitters import RecursiveCharacterTextSplitter
from pypdf.generic import DictionaryObject, NameObject, StreamObject

from course_utils.errors import CourseError
from course_utils.knowledge.documents import load_documents
from course_utils.knowledge.own import load_folder, split
from course_utils.knowledge.passages import acme_chunks

PAGE = """<html><head><title>Window title</title><style>p {color: red}</style></head><body>
<nav>Home Products</nav><header>Shop of the year</header>
<main><header><h1>Returns &amp; refunds<a class="headerlink" href="#">¶</a></h1></header>
<p>Send it back within
   <b>30</b> days.</p><ul><li>unused</li><li>boxed</li></ul>
<table><tr><th>Size</th><th>Fee</th></tr><tr><td>small</td><td>$5</td></tr></table>
<pre>if late:
    pay()</pre><script>track()</script><!-- draft --></main><footer>© Shop</footer></body></html>"""


def pdf(*pages, title=None, password=None):
    """The bytes of a PDF with one line of text on each page."""
    writer = pypdf.PdfWriter()
    font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    for text in pages:
        page = writer.add_blank_page(300, 300)
        page[NameObject("/Resources")] = DictionaryObject(
            {
                NameObject("/Font"): DictionaryObject(
                    {
                        NameObject("/F1"): DictionaryObject(
                            {NameObject(key): NameObject(value) for key, value in font.items()}
                        )
                    }
                )
            }
        )
        stream = StreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode() if text else b"")
        page[NameObject("/Contents")] = writer._add_object(stream)
    if title:
        writer.add_metadata({"/Title": title})
    if password is not None:
        writer.encrypt(password, owner_password="owner", algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


@pytest.fixture
def folder(tmp_path):
    """``folder({path: text or bytes})`` → the folder with these files."""

    def folder(files):
        root = tmp_path / "docs"
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        root.mkdir(exist_ok=True)
        return root

    return folder


def titles(found):
    return {document.metadata["source"]: document.metadata["title"] for document in found.documents}


def text_of(found, source):
    (text,) = [d.page_content for d in found.documents if d.metadata["source"] == source]
    return text


def the_problem(found):
    (problem,) = found.problems
    return problem


# ------------------------------------------------------------------------------ what it reads


def test_reads_every_kind_in_order_and_names_it(folder):
    found = load_folder(
        folder(
            {
                "b/guide.md": "# Guide\n\nIt costs $19.",
                "a.txt": "Plain words.",
                "Z.RST": ".. note\n\n=====\n Big\n=====\n\nText.",
                "page.html": PAGE,
                "paper.pdf": pdf("One", "Two"),
                "picture.png": b"\x89PNG",
            }
        )
    )
    assert [document.metadata["source"] for document in found.documents] == [
        "Z.RST",
        "a.txt",
        "b/guide.md",
        "page.html",
        "paper.pdf#page=1",
        "paper.pdf#page=2",
    ]
    assert titles(found)["Z.RST"] == "Big"
    assert titles(found)["a.txt"] == "a"
    assert found.problems == []
    assert (found.files, found.skipped) == (5, {".png": 1})
    assert str(found) == "5 files read, 0 problems; not read: 1 .png"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("---\ntitle: From the front\n---\n# Heading\n\nText", "From the front"),
        ("---\ntitle: 2024\n---\nText", "2024"),
        ("---\nauthor: me\n---\n# Heading #\n\nText", "Heading"),
        ("Intro\n\n```sh\n# no heading\n```\n\n## Real one\n", "Real one"),
        ("Underlined\n==========\n\nText", "Underlined"),
        ("No heading at all", "file"),
        (f"# {'long ' * 100}\n", ("long " * 24).strip()),
    ],
)
def test_the_title_of_a_markdown_file(folder, text, title):
    found = load_folder(folder({"file.md": text}))
    assert titles(found)["file.md"].strip() == title
    assert found.problems == []


def test_front_matter_is_no_text_and_text_is_no_front_matter(folder):
    found = load_folder(
        folder({"a.md": "---\nid: 7\n---\nBody", "b.md": "---\nBetween rulers.\n\n---\nAfter"})
    )
    assert text_of(found, "a.md") == "Body"
    assert "Between rulers." in text_of(found, "b.md")


def test_broken_front_matter_is_named_and_the_file_read(folder):
    found = load_folder(folder({"a.md": "---\ntitle: x\nkey: a: b\n---\nBody"}))
    assert the_problem(found).startswith("a.md: the front matter is not YAML (line 3)")
    assert text_of(found, "a.md").endswith("Body")


def test_of_a_page_only_the_main_text(folder):
    found = load_folder(folder({"page.htm": PAGE}))
    assert titles(found) == {"page.htm": "Returns & refunds"}
    text = text_of(found, "page.htm")
    assert "Send it back within 30 days." in text
    assert "unused\nboxed" in text
    assert "small | $5" in text
    assert "if late:\n    pay()" in text
    for other in ("Home", "Shop", "track", "draft", "color", "Window", "¶"):
        assert other not in text


def test_a_page_without_main_and_in_another_encoding(folder):
    page = "<meta charset=iso-8859-1><title>Gr\xf6\xdfe</title><header>Top</header><p>F\xfcnf</p>"
    found = load_folder(folder({"a.html": page.encode("latin-1")}))
    assert titles(found) == {"a.html": "Größe"}
    assert text_of(found, "a.html") == "Fünf"


@pytest.mark.parametrize("declared", ["", "<meta charset=ascii>", "<meta charset=nonsense>"])
def test_a_page_that_declares_nothing_true_is_not_guessed_at(folder, declared):
    found = load_folder(folder({"a.html": f"{declared}<p>Fünf</p>".encode("cp1252")}))
    assert text_of(found, "a.html") == "Fünf"
    assert the_problem(found).startswith("a.html: line 1 is not UTF-8")


def test_pages_of_a_pdf(folder):
    found = load_folder(
        folder({"a.pdf": pdf("First page", "", "Third", title="A paper"), "b.pdf": pdf("Bare")})
    )
    assert titles(found) == {
        "a.pdf#page=1": "A paper",
        "a.pdf#page=3": "A paper",
        "b.pdf#page=1": "b",
    }
    assert [document.metadata["page"] for document in found.documents] == [1, 3, 1]
    assert text_of(found, "a.pdf#page=1") == "First page"
    assert the_problem(found) == "a.pdf: 1 of 3 pages hold no text (2); look at them"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_encodings(folder, encoding):
    found = load_folder(folder({"a.txt": "Zürich\r\nkostet 5 €".encode(encoding)}))
    assert text_of(found, "a.txt") == "Zürich\nkostet 5 €"
    assert found.problems == []


def test_what_windows_wrote_is_read_and_named(folder):
    found = load_folder(folder({"a.txt": "eins\nkostet 5 €".encode("cp1252")}))
    assert text_of(found, "a.txt").endswith("5 €")
    assert the_problem(found).startswith("a.txt: line 2 is not UTF-8")


# ------------------------------------------------------------------------- what it leaves out


def test_hidden_files_and_folders_are_left_out(folder):
    found = load_folder(folder({"a.md": "A", ".b.md": "B", ".git/c.md": "C", "d/.e/f.md": "F"}))
    assert list(titles(found)) == ["a.md"]
    assert found.problems == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_are_followed_inside_the_folder_only(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.md").write_text("Secret")
    root = folder({"a.md": "A"})
    (root / "inside.md").symlink_to(root / "a.md")
    (root / "out.md").symlink_to(tmp_path / "elsewhere" / "secret.md")
    (root / "gone.md").symlink_to(root / "nothing.md")
    (root / "outside").symlink_to(tmp_path / "elsewhere")
    (root / "loop").symlink_to(root)
    found = load_folder(root)
    assert list(titles(found)) == ["a.md", "inside.md"]
    assert sorted(problem.split(":")[0] for problem in found.problems) == [
        "gone.md",
        "loop",
        "out.md",
        "outside",
    ]
    assert all(";" in problem for problem in found.problems)


# --------------------------------------------------------------------------------- bad input

BAD = {
    "empty.md": (b" \n", "the file is empty"),
    "binary.txt": (b"MZ\x90\x00\x03\x00\x00", "it is binary"),
    "binary.rst": (b"\x7fELF\x02\x01\x01\xff\xfe", "it is binary"),
    "odd.txt": (b"fine\nnot \x81\x8d fine", "line 2 is neither UTF-8 nor Windows-1252"),
    "script.html": (b"<body><script>draw()</script></body>", "it holds no text"),
    "binary.html": (b"<p>\x00\x01</p>", "it is binary"),
    "rejected.html": (b"<![foo bar]>x", "it is not HTML"),
    "scan.pdf": (pdf("", ""), "none of its 2 pages holds text"),
    "secret.pdf": (pdf("Text", password="secret"), "the PDF is encrypted"),
    "damaged.pdf": (pdf("Text")[:200], "the PDF is damaged"),
    "nothing.pdf": (pdf(), "the PDF has no pages"),
    "no.pdf": (b"no pdf at all", "the PDF is damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_with_a_cure_and_the_others_are_read(folder, name):
    content, what = BAD[name]
    found = load_folder(folder({name: content, "good.md": "Good"}))
    assert list(titles(found)) == ["good.md"]
    assert the_problem(found).startswith(f"{name}: {what}")
    assert "; " in the_problem(found)


def test_a_pdf_that_opens_without_a_password_is_read(folder):
    found = load_folder(folder({"a.pdf": pdf("Text", password="")}))
    assert text_of(found, "a.pdf#page=1") == "Text"


@pytest.mark.skipif(
    sys.platform == "win32" or getattr(os, "geteuid", lambda: 1)() == 0, reason="root reads all"
)
def test_a_file_without_permission_is_named(folder):
    root = folder({"a.md": "A", "b.md": "B"})
    (root / "b.md").chmod(0)
    assert the_problem(load_folder(root)).startswith("b.md: it cannot be read (Permission denied)")


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
def test_a_pipe_does_not_hang(folder):
    root = folder({"a.md": "A"})
    os.mkfifo(root / "pipe.txt")
    assert the_problem(load_folder(root)).startswith("pipe.txt: it is no regular file")


def test_without_a_folder(tmp_path):
    with pytest.raises(CourseError, match="there is no folder") as failure:
        load_folder(tmp_path / "nothing")
    assert failure.value.cure
    (tmp_path / "a.md").write_text("A")
    with pytest.raises(CourseError, match="is a file, not a folder") as failure:
        load_folder(tmp_path / "a.md")
    assert str(tmp_path) in failure.value.cure


def test_with_nothing_to_read(folder):
    with pytest.raises(CourseError, match="it is empty") as failure:
        load_folder(folder({}))
    assert ".md, .txt, .rst, .html, .htm, .pdf" in failure.value.cure
    with pytest.raises(CourseError, match=r"only 1 \.png"):
        load_folder(folder({"a.png": b"\x89PNG"}))
    bad = {f"{number:02}.md": b"" for number in range(12)}
    with pytest.raises(CourseError, match="could be read") as failure:
        load_folder(folder(bad))
    assert "09.md: the file is empty" in failure.value.what
    assert "10.md" not in failure.value.what
    assert "and 2 more" in failure.value.what


# ---------------------------------------------------------------------------------- passages


def test_passages_are_short_and_know_their_title_and_source():
    text = "\n\n".join(f"Sentence number {number} is here." for number in range(40))
    chunks = split([Document(page_content=text, metadata={"source": "a.md", "title": "A title"})])
    assert all(chunk.page_content.startswith("A title\nSentence") for chunk in chunks)
    assert all(len(chunk.page_content) <= 300 + len("A title\n") for chunk in chunks)
    assert {chunk.metadata["source"] for chunk in chunks} == {"a.md"}
    assert len(split([Document(page_content=text, metadata={"title": ""})], size=100)) > len(chunks)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_case_is_split_as_lesson_02_writes_it_out(version):
    splitter = RecursiveCharacterTextSplitter(chunk_size=300, chunk_overlap=0)
    chunks = splitter.split_documents(load_documents(version))
    for chunk in chunks:
        chunk.page_content = f"{chunk.metadata['title']}\n{chunk.page_content}"
    assert acme_chunks(version) == chunks
