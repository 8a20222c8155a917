"""Paths and environment variables, in one place.

Every setting is an environment variable with the prefix ``COURSE_``: ``COURSE_HOME``,
``COURSE_PROVIDER``, ``COURSE_BUDGET_USD`` and so on.
"""

import errno
import os
import secrets
import shutil
from pathlib import Path

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from course_utils.errors import CourseError

# What connect() puts into OPENAI_API_KEY, so that no client holds a user's own key: nobody checks
# the first, and the relay to a hosted API wants the second followed by its token.
LOCAL_KEY = "local"
RELAY_KEY = "held-by-the-course"

REPO = Path(__file__).resolve().parent.parent
DATA = REPO / "data"
NOTEBOOKS = REPO / "notebooks"


class Settings(BaseSettings):
    """What the environment says; see ``settings()``.

    Attributes:
        home: Folder for everything made at run time; deleting it resets the course.
        models_dir: Folder of the model weights (``home/models``); may be shared and read-only.
        provider: ``local``, ``openai``, or the base URL of a compatible host.
        chat_model: Chat model id to use instead of the provider's usual one.
        embedding_model: Embedding model id to use instead of the provider's usual one.
        budget_usd: Hosted use stops before it would cost more than this, in US dollars.
        idle_minutes: Minutes without a request after which the local endpoint ends itself.
        threads: CPU threads of the local engine; ``None`` leaves one core free while it answers.
        context_tokens: Tokens of context (prompt and answer) per request.
        parallel: Requests that the local engine answers at the same time; each more needs 190 MB,
            and on two cores answers come no sooner for it.
        max_file_mb: Largest file that the local endpoint takes, in MiB.
        patience_s: Seconds that the local endpoint waits for a client that has stopped sending or
            reading; whatever is large may take longer.
        record_progress: Whether solved exercises and right quiz answers are remembered; the checks
            that run solutions turn it off.
        class_key: A learner's key for the endpoint of a class, whose base URL is ``provider``.
        share_progress: Whether the class's endpoint is told which exercises are solved.
        class_in_flight, class_stored_mb, class_jobs: What a learner of the class that this machine
            serves may have: requests answered at once, MiB of files and models, unfinished jobs.
        chroma_url: A Chroma server for the vector indexes; ``None`` keeps them in ``home``.
    """

    model_config = SettingsConfigDict(env_prefix="COURSE_", env_ignore_empty=True)

    home: Path = REPO / ".course"
    models_dir: Path | None = None
    provider: str = "local"
    chat_model: str | None = None
    embedding_model: str | None = None
    budget_usd: float = 1.0
    idle_minutes: float = 30.0
    threads: int | None = None
    context_tokens: int = 8192
    parallel: int = 1
    max_file_mb: int = 512
    patience_s: float = 30.0
    record_progress: bool = True
    class_key: SecretStr | None = None
    share_progress: bool = False
    class_in_flight: int = 4
    class_stored_mb: int = 200
    class_jobs: int = 3
    chroma_url: str | None = None

    def model_post_init(self, _context: object) -> None:
        # One spelling of the folder, so that two notebooks started from different working
        # directories find the same endpoint.
        self.home = self.home.expanduser().resolve()
        self.models_dir = (self.models_dir or self.home / "models").expanduser().resolve()

    @property
    def endpoint_dir(self) -> Path:
        """Folder of the local endpoint's state file, lock and log."""
        return self.home / "endpoint"

    @property
    def indexes_dir(self) -> Path:
        """Folder of the vector indexes."""
        return self.home / "indexes"


def settings() -> Settings:
    """Read the environment afresh, so that a changed variable counts at once.

    Raises:
        CourseError: A variable has a value that makes no sense.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"COURSE_{first['loc'][0]}".upper()
        raise CourseError(
            f"{name} is {first['input']!r}: {first['msg'].lower()}", f"correct or unset {name}"
        ) from None


FULL = {errno.ENOSPC, errno.EDQUOT}


def refused(error: OSError) -> CourseError | None:
    """What the system would not do in the course's folder, with the cure.

    Args:
        error: Any; ``None`` comes back for one that neither space nor a permission cures.
    """
    where = error.filename or settings().home
    if error.errno in FULL:
        return CourseError(
            f"the disk is full ({where})",
            "free some space, or point COURSE_HOME at a folder on another disk",
        )
    ours = settings().home in (Path(where), *Path(where).parents)
    if error.errno == errno.EROFS or (ours and isinstance(error, PermissionError)):
        return CourseError(
            f"{where} cannot be written ({error.strerror})",
            "point COURSE_HOME at a folder that you may write to",
        )
    return None


def own_key() -> str | None:
    """The user's own key in ``OPENAI_API_KEY``, and not what ``connect()`` has put there."""
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    return None if not key or key == LOCAL_KEY or key.startswith(RELAY_KEY) else key


def write_atomic(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that a reader sees the old file or the new, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with aside.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        if path.exists():
            shutil.copymode(path, aside)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
