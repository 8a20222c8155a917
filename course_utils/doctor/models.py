"""Checks of the models: weights and their checksums, the engine, retirements."""

from course_utils import registry
from course_utils.connection import host_of
from course_utils.doctor.finding import SETUP, Finding, course, fail, fine, note
from course_utils.settings import settings


def weights() -> Finding:
    """Are the local models here, byte for byte?"""
    from course_utils.weights import is_sound

    wanted = [registry.local_chat(), registry.local_encoder()]
    broken = [
        f"{entry.id}/{file.filename}"
        for entry in wanted
        for file in entry.files
        if not is_sound(entry, file)
    ]
    if broken:
        cure = f"run {course('models prepare')}"
        return fail(f"missing or damaged: {', '.join(broken)}", cure)
    return fine(f"{' and '.join(entry.name for entry in wanted)}, checksums right")


def engine() -> Finding:
    """Does llama.cpp load?"""
    try:
        import xllamacpp
    except ImportError as error:
        cure = f"{SETUP}; on a slim Linux also `apt install libgomp1`"
        return fail(f"llama.cpp does not load: {error}", cure)
    return fine(f"llama.cpp in xllamacpp {xllamacpp.__version__}")


def retiring() -> Finding:
    """Does the host end a model of the lessons soon? The registry names what replaces it."""
    provider = settings().provider
    host = host_of("openai" if provider == "local" else provider)
    leaving = registry.retiring(host.chat, host.embedding)
    if not leaving:
        return fine(f"none retires within {registry.WARN_BEFORE.days} days")
    if provider == "local":  # nobody is concerned yet
        return fine("; ".join(leaving))
    cure = "expect other answers and prices from that day on; see data/models.toml"
    return note("; ".join(leaving), cure)
