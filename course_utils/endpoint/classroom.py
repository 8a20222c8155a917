"""The class list of ``course serve --class``: who takes part, and the sheet to hand out."""

import re
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from course_utils.endpoint.access import INSTRUCTOR, make_keys
from course_utils.endpoint.store import Store
from course_utils.errors import CourseError
from course_utils.settings import settings

MOST_LEARNERS = 500
NAME = re.compile(r"[\w][\w .'-]{0,39}")


def learners(count: int | None, file: Path | None) -> list[str]:
    """Names of those who take part.

    Args:
        count: So many are called ``learner-01`` and so on.
        file: Text file with a name on each line, instead.

    Raises:
        CourseError: There is no such file, or a name that is none.
    """
    if file is None:
        if not 1 <= (count or 0) <= MOST_LEARNERS:
            raise CourseError(
                f"a class has 1 to {MOST_LEARNERS} learners",
                "say how many with --learners N, or name them with --names FILE",
            )
        return [f"learner-{number:02}" for number in range(1, count + 1)]
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"{file} cannot be read: {error}", "give a text file in UTF-8") from None
    names = [line.strip() for line in lines]
    for number, name in enumerate(names, 1):
        wrong = name and not NAME.fullmatch(name)
        if wrong or name == INSTRUCTOR or (name and name in names[: number - 1]):
            raise CourseError(
                f"{file}:{number}: {name!r} cannot be a learner's name",
                "write each name once, up to 40 letters, digits, spaces, dots or hyphens",
            )
    found = [name for name in names if name]
    if not 1 <= len(found) <= MOST_LEARNERS:
        raise CourseError(
            f"{file} has {len(found)} names", f"write 1 to {MOST_LEARNERS}, one on each line"
        )
    return found


def hand_out(names: Sequence[str], renew: bool = False) -> Mapping[str, str]:
    """Make the keys of a class before its endpoint starts; those made earlier stay.

    Args:
        names: Learners.
        renew: Make all anew; earlier keys open nothing any more.

    Returns:
        Name → key, for keys that are new. They are never shown again.
    """
    store = Store(settings().endpoint_dir)
    try:
        return make_keys(store, names, renew)
    finally:
        store.close()


def sheet(keys: Mapping[str, str], base_url: str) -> str:
    """What to print and cut into strips."""
    if not keys:
        return (
            "All keys were made and shown earlier; they are kept as hashes only. Lost ones: end "
            "this endpoint and start it with --new-keys, which makes all anew."
        )
    width = max(map(len, keys))
    rows = [f"  {name:{width}}  {key}" for name, key in keys.items()]
    return "\n".join(
        [
            "Keys, shown this once. The instructor's sees everything: keep it.",
            *rows,
            "Each learner, before `make lab` (on Windows `set` instead of `export`):",
            f"  export COURSE_PROVIDER={base_url}",
            "  export COURSE_CLASS_KEY=class-…",
            "  export COURSE_SHARE_PROGRESS=1    (only who wants the instructor to see it)",
            f"The class's page, for a browser: {base_url.removesuffix('v1')}",
            "The network between can read what is sent: use one that you trust.",
        ]
    )


def reachable_host(host: str) -> str:
    """The address under which other machines reach a server that listens on ``host``."""
    if host not in ("0.0.0.0", "::"):
        return host
    family, far = (
        (socket.AF_INET6, "2001:db8::1") if host == "::" else (socket.AF_INET, "192.0.2.1")
    )
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((far, 9))  # chooses the way there, sends nothing
            return probe.getsockname()[0]
        except OSError:
            return "localhost"
