"""Who asks, what of the endpoint's things is theirs, and how much they may ask for at once.

An endpoint for one person has no keys and answers this machine alone. One for a class knows each
learner by a key: files, jobs and fine-tuned models belong to whoever made them, and for everybody
else they do not exist. The instructor sees all.
"""

import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from course_utils.endpoint.errors import EndpointError, answer
from course_utils.endpoint.store import Row, Store
from course_utils.endpoint.traffic import Traffic
from course_utils.settings import settings

INSTRUCTOR = "instructor"
# To be typed from a sheet of paper: without letters that look like others. 124 bits.
ALPHABET, GROUPS, GROUP = "abcdefghjkmnpqrstuvwxyz23456789", 5, 5
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Person:
    """Who asks.

    Attributes:
        name: As in the class list; empty for the one user of an endpoint that is for one.
        sees_all: Whether other people's things exist for them.
    """

    name: str
    sees_all: bool

    @property
    def only(self) -> dict[str, str]:
        """Column values that rows must have to be theirs, for the store's ``equal``."""
        return {} if self.sees_all else {"owner": self.name}


ALONE = Person("", sees_all=True)
# Nothing is theirs: no learner can have this name.
STRANGER = Person("?", sees_all=False)


def make_keys(store: Store, names: Iterable[str], renew: bool = False) -> dict[str, str]:
    """Give each of these people a key. Only its hash is kept.

    Args:
        store: Where the class list is.
        names: Learners; the instructor is always added.
        renew: Take all earlier keys back first; else people who have one keep it.

    Returns:
        Name → new key.
    """
    made = {}
    with store.transaction():
        if renew:
            for row in store.all("people"):
                store.delete("people", row["id"])
        for name in [INSTRUCTOR, *names]:
            if store.get("people", name) is None:
                made[name] = _new_key()
                values = {"key_hash": _hash(made[name]), "instructor": int(name == INSTRUCTOR)}
                store.add("people", id=name, **values)
    return made


def who(connection: HTTPConnection) -> Person:
    """The person behind a request to ``/v1``."""
    return connection.state.person


class KeyRing:
    """The keys of a class.

    Args:
        store: Where the class list is.
    """

    def __init__(self, store: Store) -> None:
        self._people = store.all("people")
        self.learners = [row["id"] for row in self._people if not row["instructor"]]

    def person(self, key: str) -> Person | None:
        """Whose key this is. Takes the same time whoever it is."""
        hashed, found = _hash(key), None
        for row in self._people:
            if hmac.compare_digest(hashed, row["key_hash"]):
                found = Person(row["id"], bool(row["instructor"]))
        return found


class Guard:
    """Plain ASGI middleware: finds out who asks, or sends them away.

    Args:
        app: What is guarded.
        keys: Those of the class; ``None``: anybody on this machine is the one user.
        traffic: Where requests are counted.
    """

    def __init__(self, app: ASGIApp, keys: KeyRing | None, traffic: Traffic) -> None:
        self.app = app
        self._keys = keys
        self._traffic = traffic
        self._most_in_flight = settings().class_in_flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            person = self._admit(HTTPConnection(scope))
            scope.setdefault("state", {})["person"] = person
            # Strangers have nothing but the page; one of them must not keep the others out.
            limited = not person.sees_all and person is not STRANGER
            counted = scope["method"] == "POST" and limited
            if counted:
                self._check_load(person)
        except EndpointError as error:
            await answer(error)(scope, receive, send)
            return
        self._traffic.requests[person.name] += 1
        self._traffic.in_flight[person.name] += counted
        try:
            await self.app(scope, receive, send)
        finally:
            self._traffic.in_flight[person.name] -= counted

    def _admit(self, connection: HTTPConnection) -> Person:
        if self._keys is None:
            _refuse_other_sites(connection)
            return ALONE
        if not connection.url.path.startswith("/v1/"):
            return STRANGER
        kind, _, key = connection.headers.get("authorization", "").partition(" ")
        person = self._keys.person(key.strip()) if kind.lower() == "bearer" else None
        if person is None:
            raise EndpointError(
                "This endpoint serves a class and does not know your key. Set COURSE_CLASS_KEY to "
                "the key that your instructor gave you (class-…), or ask for a new one.",
                status=401,
                code="invalid_api_key",
            )
        return person

    def _check_load(self, person: Person) -> None:
        most = self._most_in_flight
        if self._traffic.in_flight[person.name] >= most:
            raise EndpointError(
                f"{most} of your requests are being answered already, and no more are taken at "
                "once. Wait for one of them.",
                status=429,
                type="requests",
                code="rate_limit_exceeded",
                retry_after=1,
            )


def stored_bytes(store: Store, person: Person) -> Counter[str]:
    """Owner → bytes of their files and fine-tuned models, as far as this person may see."""
    stored: Counter[str] = Counter()
    for row in store.all("files", **person.only):
        stored[row["owner"]] += row["bytes"]
    for row in store.all("models", **person.only):
        path = store.folder / row["adapter"]
        stored[row["owner"]] += path.stat().st_size if path.exists() else 0
    return stored


def check_stored(store: Store, person: Person, more: int) -> None:
    """May this learner store so many more bytes?

    Raises:
        EndpointError: No: files and fine-tuned models together are too much.
    """
    if person.sees_all:
        return
    most = settings().class_stored_mb * 2**20
    stored = stored_bytes(store, person)[person.name]
    if stored + more > most:
        raise EndpointError(
            f"You store {stored / 2**20:.1f} MiB here, and {most // 2**20} are allowed. Delete "
            "files or fine-tuned models that you no longer need: client.files.delete(id), "
            "client.models.delete(id).",
            status=429,
            param="file",
            type="insufficient_quota",
            code="insufficient_quota",
            retry_after=0,
        )


def check_jobs(unfinished: list[Row], person: Person) -> None:
    """May this learner have one more unfinished job?

    Raises:
        EndpointError: No.
    """
    most = settings().class_jobs
    if not person.sees_all and len(unfinished) >= most:
        raise EndpointError(
            f"{len(unfinished)} of your jobs are unfinished, and {most} are allowed. Wait for one "
            "to end, or cancel one.",
            status=429,
            type="requests",
            code="rate_limit_exceeded",
            retry_after=60,
        )


def _refuse_other_sites(connection: HTTPConnection) -> None:
    """A page from elsewhere, open in this machine's browser, could ask here unseen."""
    origin = connection.headers.get("origin")
    try:
        hosts = [connection.url.hostname, urlsplit(origin).hostname if origin else "localhost"]
    except ValueError:  # an address that is none
        hosts = [None]
    if not LOOPBACK.issuperset(hosts):
        raise EndpointError(
            "This endpoint answers programs on its own machine, by the address 127.0.0.1, and no "
            "pages of other sites. For other machines there is `course serve --class`.",
            status=403,
            code="wrong_origin",
        )


def _new_key() -> str:
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS))
    return "-".join(("class", *groups))


def _hash(key: str) -> str:
    # A key has 124 random bits: nobody can try them all, so the hash need not be slow.
    return hashlib.sha256(key.encode()).hexdigest()
