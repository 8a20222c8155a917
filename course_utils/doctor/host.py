"""The check of a hosted provider: is there a key, does it work, is there money left?"""

from urllib.parse import urlsplit

from course_utils.connection import LOOPBACK, OPENAI_URL, Host, host_of, users_key
from course_utils.doctor.finding import Finding, fail, fine, note
from course_utils.doctor.network import proxy_for, without_password
from course_utils.settings import settings

TIMEOUT_S = 5
BACK = "or unset COURSE_PROVIDER to use the local model"
WRONG_URL = "correct the address in COURSE_PROVIDER (most end in /v1), " + BACK
# What a host's status means, and what to do. Never its own words: some quote the key.
REFUSALS = {
    401: ("refuses the key (401)", f"set OPENAI_API_KEY to a key that is valid there, {BACK}"),
    403: ("forbids the use of the key (403)", f"see the key's permissions and region, {BACK}"),
    404: ("has no OpenAI-compatible API at this address (404)", WRONG_URL),
    405: ("has no OpenAI-compatible API at this address (405)", WRONG_URL),
    407: (
        "is not reached: the proxy wants a login (407)",
        "set HTTPS_PROXY=http://USER:PASSWORD@…",
    ),
    429: ("gets too many requests (429)", "wait a minute, then run it again"),
}
NO_QUOTA = ("has no credit left for this key (429 insufficient_quota)", f"pay in there, {BACK}")


def provider_and_key() -> Finding:
    """Who answers, and can they? A host is asked only if ``COURSE_PROVIDER`` names it."""
    provider, key = settings().provider, users_key()
    if provider == "local":
        state = "is set, and stays unused" if key else "is not set"
        return fine(f"provider local; OPENAI_API_KEY {state}")
    host = host_of(provider)
    where = f"provider {without_password(provider)}"
    if not key:
        return fail(f"{where}; OPENAI_API_KEY is not set", f"set OPENAI_API_KEY, {BACK}")
    if not _plausible(key):
        detail = f"{where}; OPENAI_API_KEY holds quotes, spaces or letters that no key has"
        return fail(detail, "copy the key again, without anything around it")
    free = urlsplit(host.base_url).hostname in {*LOOPBACK, "::1"}
    return _asked(host, key, free) or _budget(host, free)


def _plausible(key: str) -> bool:
    return key.isascii() and key.isprintable() and not set(key) & set(" \"'`")


def _asked(host: Host, key: str, free: bool) -> Finding | None:
    """What is wrong with host or key, asked as the relay asks, for what costs nothing."""
    import httpx

    address = without_password(host.base_url)
    try:
        answer = httpx.get(
            f"{host.base_url}/models",
            headers={"Authorization": f"Bearer {key}"},
            timeout=TIMEOUT_S,
            trust_env=not free,  # as connect() does: no proxy on this machine
        )
    except httpx.TimeoutException:
        return fail(f"{address} gives no answer within {TIMEOUT_S} s", _unreached(host, free))
    except httpx.ProxyError as error:
        reason = str(error) or "no reason given"
        return fail(
            f"the proxy {proxy_for(host.base_url)} refuses: {reason}", _unreached(host, free)
        )
    except httpx.RequestError as error:
        reason = _reason(error)
        return fail(f"{address} is not reached: {reason}", _unreached(host, free, reason))
    except (ImportError, ValueError, httpx.InvalidURL):
        return fail(f"{address} cannot be asked", "see the proxy's line, and COURSE_PROVIDER")
    return _refusal(answer, address) or _unlisted(answer, host)


def _refusal(answer, address: str) -> Finding | None:
    if answer.is_success:
        return (
            None if _ids(answer) is not None else fail(f"{address} {REFUSALS[404][0]}", WRONG_URL)
        )
    if answer.status_code == 429 and b"insufficient_quota" in answer.content:
        what, cure = NO_QUOTA
    elif answer.status_code >= 500:
        what, cure = f"has trouble ({answer.status_code})", f"see the host's status page, {BACK}"
    else:
        what = f"refuses the request ({answer.status_code})"
        what, cure = REFUSALS.get(answer.status_code, (what, WRONG_URL))
    return fail(f"{address} {what}", cure)


def _ids(answer) -> set[str] | None:
    """The models that a host lists; ``None`` where the answer is something else."""
    try:
        return {entry["id"] for entry in answer.json()["data"]}
    except (ValueError, KeyError, TypeError):
        return None


def _unlisted(answer, host: Host) -> Finding | None:
    missing = {host.chat, host.embedding} - _ids(answer)
    if not missing:
        return None
    cure = "set COURSE_CHAT_MODEL and COURSE_EMBEDDING_MODEL to ids that the host serves"
    names = " and ".join(sorted(missing))
    return note(f"the key works; {names} is not in the host's list of models", cure)


def _unreached(host: Host, free: bool, reason: str = "") -> str:
    if "certificate" in reason:
        return "set the clock; behind an organisation's proxy, SSL_CERT_FILE to its certificates"
    through = "" if free else proxy_for(host.base_url)
    if through:
        return f"check the proxy {through} (HTTPS_PROXY, NO_PROXY), {BACK}"
    if free:
        return f"start the program that should answer there, {BACK}"
    address = "" if host.base_url == OPENAI_URL else " and the address in COURSE_PROVIDER"
    return f"check the network{address}, {BACK}"


def _reason(error: Exception) -> str:
    """The system's words, such as "Connection refused"."""
    text = str(error)
    return text.partition("] ")[2] or text or type(error).__name__


def _budget(host: Host, free: bool) -> Finding:
    from course_utils.endpoint.budget import Budget
    from course_utils.endpoint.pricing import priced

    works = f"{without_password(host.base_url)} takes the key"
    if free:
        return fine(f"{works}; it is on this machine, free of charge")
    priced(host.chat)  # raises for a model whose price nobody has noted
    budget = Budget()
    spent = f"{works}; ${budget.spent_usd():.4f} of ${budget.limit_usd:.2f} spent here"
    if budget.spent_usd() >= budget.limit_usd:
        return note(spent, "raise COURSE_BUDGET_USD if you mean to pay more")
    return fine(f"{spent}; credit at the host shows only when it is used")
