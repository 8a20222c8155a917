"""``connect()``: decides who answers, and sets the environment so that OpenAI clients ask there."""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from course_utils import registry
from course_utils.errors import CourseError
from course_utils.settings import LOCAL_KEY, own_key, settings

OPENAI_URL = "https://api.openai.com/v1"
LOOPBACK = ("127.0.0.1", "localhost")
# The user's own key, once seen. Here and not in the environment: a child process (the endpoint,
# which outlives the notebook) has no use for it.
_key: str | None = None


@dataclass(frozen=True)
class Connection:
    """Who answers.

    Attributes:
        provider: ``local``, ``class``, ``openai``, or a base URL.
        base_url: Where the clients send their requests.
        chat_model, embedding_model: Ids to pass as ``model=``.
        name: The chat model's name for people.
    """

    provider: str
    base_url: str
    chat_model: str
    embedding_model: str
    name: str

    @property
    def is_local(self) -> bool:
        """True when the course's own endpoint answers, for free; a class has it elsewhere."""
        return self.provider in ("local", "class")

    def spent_usd(self) -> float:
        """US dollars that hosted use has cost so far in this course home."""
        from course_utils.endpoint.budget import Budget

        return Budget().spent_usd()


def connect(provider: str | None = None) -> Connection:
    """Make ``OpenAI()`` and ``ChatOpenAI(model=…)`` work, and print one line on who answers.

    Starts or reuses the local endpoint unless another provider is asked for. A key in the
    environment never spends money by itself.

    Args:
        provider: ``local``, ``openai``, or the base URL of a compatible host; ``None`` takes
            ``COURSE_PROVIDER``, and ``local`` where that is not set. With ``COURSE_CLASS_KEY`` a
            base URL is that of a class's endpoint.

    Returns:
        The connection, with the model ids to use.

    Raises:
        CourseError: The endpoint does not start, or a hosted provider lacks key, model or price.
    """
    provider = provider or settings().provider
    key = users_key()
    _reach_loopback_directly()
    class_key = settings().class_key
    if provider == "local":
        connection, line, client_key = _connect_local(key, class_key)
    elif class_key and urlsplit(provider).scheme in {"http", "https"}:
        connection, line, client_key = _connect_class(provider.rstrip("/"), class_key)
    else:
        connection, line, client_key = _connect_hosted(provider, key)
    # Only now: a connection that failed leaves the last one as it was.
    os.environ["OPENAI_API_KEY"] = client_key
    os.environ["OPENAI_BASE_URL"] = connection.base_url
    os.environ.pop("OPENAI_API_BASE", None)  # ChatOpenAI would prefer it
    print(line)
    return connection


def users_key() -> str | None:
    """The user's own key; connecting locally hides it from clients but does not forget it."""
    global _key
    _key = own_key() or _key
    return _key


def _reach_loopback_directly() -> None:
    """Keep clients from asking a proxy for this machine's own address."""
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host.strip() for host in os.environ.get(name, "").split(",") if host.strip()]
        missing = [host for host in LOOPBACK if host not in hosts]
        if missing and "*" not in hosts:
            os.environ[name] = ",".join([*hosts, *missing])


def _connect_local(key: str | None, class_key: SecretStr | None) -> tuple[Connection, str, str]:
    from course_utils.endpoint.process import ensure_running

    chat = registry.local_chat()
    endpoint = ensure_running()
    if endpoint.is_class:
        if class_key is None:
            raise CourseError(
                f"the endpoint of this course home serves a class ({endpoint.base_url})",
                "set COURSE_CLASS_KEY to your key, or COURSE_HOME to another folder",
            )
        return _connect_class(endpoint.base_url, class_key)
    line = f"{chat.name} answers on this machine ({endpoint.base_url}), free of charge."
    if key:
        line += (
            "\nAn OpenAI key was found and stays unused: "
            'connect("openai") or COURSE_PROVIDER=openai would spend money with it.'
        )
    encoder = registry.local_encoder()
    connection = Connection("local", endpoint.base_url, chat.id, encoder.id, chat.name)
    return connection, line, LOCAL_KEY


def _connect_class(base_url: str, class_key: SecretStr) -> tuple[Connection, str, str]:
    """A class's endpoint costs nothing, so there is no relay between; the key is no secret of
    value, and no other key is ever sent there."""
    import httpx

    key = class_key.get_secret_value()
    try:
        headers = {"Authorization": f"Bearer {key}"}
        answer = httpx.get(f"{base_url}/models", headers=headers, timeout=30)
        served = answer.json()
        if answer.is_success:
            chat, encoder = (model["id"] for model in served["data"][:2])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise CourseError(
            f"no class's endpoint answers at {base_url} ({type(error).__name__})",
            "check COURSE_PROVIDER against the address that your instructor gave you",
        ) from None
    if not answer.is_success:
        raise CourseError(
            f"{base_url} refuses this key (status {answer.status_code})",
            "check COURSE_CLASS_KEY against the key that your instructor gave you",
        )
    name = registry.models()[chat].name if chat in registry.models() else chat
    line = f"{name} answers at your class's endpoint ({base_url}), free of charge."
    return Connection("class", base_url, chat, encoder, name), line, key


@dataclass(frozen=True)
class Host:
    """A hosted API: its base URL and the ids of the models to ask there."""

    base_url: str
    chat: str
    embedding: str


def host_of(provider: str) -> Host:
    """The host that a provider stands for.

    Args:
        provider: ``openai``, or the base URL of a compatible host.

    Raises:
        CourseError: It is neither, or nobody has said which models to ask.
    """
    chat, embedding = settings().chat_model, settings().embedding_model
    if provider == "openai":
        chat = chat or registry.hosted_chat().id
        embedding = embedding or registry.hosted_encoder().id
        return Host(OPENAI_URL, chat, embedding)
    if urlsplit(provider).scheme in {"http", "https"}:
        if not chat or not embedding:
            raise CourseError(
                f"{provider} is asked to answer, but with which models?",
                "set COURSE_CHAT_MODEL and COURSE_EMBEDDING_MODEL to ids that it serves",
            )
        return Host(provider.rstrip("/"), chat, embedding)
    raise CourseError(
        f"unknown provider {provider!r}",
        "use local, openai, or a base URL that starts with http:// or https://",
    )


def _connect_hosted(provider: str, key: str | None) -> tuple[Connection, str, str]:
    from course_utils.endpoint.relay import start_relay

    host = host_of(provider)
    if not key:
        raise CourseError(
            f"{provider} needs a key and OPENAI_API_KEY is not set",
            'set OPENAI_API_KEY (for a host that needs none: "none"), or use connect("local")',
        )
    relay = start_relay(host.base_url, key)
    connection = Connection(provider, relay.base_url, host.chat, host.embedding, host.chat)
    line = (
        f"{host.chat} answers at {host.base_url}, {relay.price_of(host.chat)}. "
        f"${relay.budget.spent_usd():.4f} of ${relay.budget.limit_usd:.2f} spent so far "
        "(COURSE_BUDGET_USD changes the stop)."
        + "".join(f"\nSoon: {note}." for note in registry.retiring(host.chat, host.embedding))
    )
    return connection, line, relay.token
