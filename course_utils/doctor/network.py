"""Checks of what stands between programs: loopback, the endpoint, proxies, base URLs."""

import os
import socket
import urllib.request
from urllib.parse import urlsplit

import psutil

from course_utils.doctor.finding import Finding, course, fail, fine, note

ENDPOINT_S = 4
CONNECT_S = 2


def loopback() -> Finding:
    """Can programs of this machine talk to each other at 127.0.0.1?"""
    try:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            address = listening.getsockname()
            with (
                socket.create_connection(address, CONNECT_S) as asking,
                listening.accept()[0] as answering,
            ):
                answering.settimeout(CONNECT_S)
                asking.sendall(b"?")
                answering.recv(1)
    except OSError as error:
        cure = "let programs use 127.0.0.1: see the firewall, the VPN or the sandbox they run in"
        return fail(f"nobody can serve at 127.0.0.1 ({error.strerror or error})", cure)
    return fine("a port at 127.0.0.1 can be taken and reached")


def endpoint() -> Finding:
    """Does the local endpoint answer, if there is one?"""
    from course_utils.endpoint import process

    noted = process.noted()
    if noted is None:
        return fine("not running (connect() starts it)")
    if process.running(ENDPOINT_S):
        return fine(f"running at {noted.base_url}")
    if process.is_served():
        detail = f"process {noted.pid} serves this course home and gives no answer"
        return fail(f"{detail} at {noted.base_url}", f"run {course('stop')}; connect() starts anew")
    detail = f"a note is left of one that has ended (process {noted.pid})"
    if psutil.pid_exists(noted.pid):
        detail += "; another program has its number now"
    if _answers("127.0.0.1", noted.port):
        detail += f"; another program has its port {noted.port} now"
    return note(detail, f"run {course('stop')} to remove the note; connect() starts anew")


def proxy() -> Finding:
    """Can clients use the proxy that is set, and do they leave it out on this machine?"""
    proxies = _proxies()
    if not proxies:
        return fine("none set")
    if trouble := _unusable(proxies):
        return trouble
    listed = ", ".join(f"{name}={without_password(url)}" for name, url in proxies.items())
    for name, url in proxies.items():
        parts = urlsplit(url if "://" in url else f"http://{url}")
        usual = 443 if parts.scheme == "https" else 80
        if not _answers(parts.hostname or "", parts.port or usual):
            detail = (
                f"{name}={without_password(url)} does not answer: no downloads, no hosted models"
            )
            return note(detail, f"correct or unset {name}; the lessons need no network")
    if not urllib.request.proxy_bypass("127.0.0.1"):
        command = "set" if os.name == "nt" else "export"
        detail = f"{listed}; NO_PROXY lacks this machine (connect() sees to it in notebooks)"
        return note(detail, f"for other programs: `{command} NO_PROXY=127.0.0.1,localhost`")
    return fine(f"{listed}, not used on this machine")


def _proxies() -> dict[str, str]:
    """Name of the variable → proxy. On macOS and Windows the system's settings count too."""
    found = urllib.request.getproxies()
    return {
        f"{kind.upper()}_PROXY": found[kind] for kind in ("http", "https", "all") if found.get(kind)
    }


def _unusable(proxies: dict[str, str]) -> Finding | None:
    """What keeps every HTTP client from starting, also those that ask this machine only."""
    import httpx

    for name, url in proxies.items():
        try:
            httpx.Client(proxy=url if "://" in url else f"http://{url}", trust_env=False).close()
        except (ImportError, ValueError, httpx.InvalidURL):
            detail = f"no client starts with {name}={without_password(url)}"
            return fail(detail, f"give {name} the proxy's http:// address, or unset it")
    try:
        httpx.Client().close()
    except (ValueError, httpx.InvalidURL):
        return fail(
            "no client starts with NO_PROXY as it is set",
            "set NO_PROXY to names and addresses alone, such as 127.0.0.1,localhost",
        )
    return None


def proxy_for(url: str) -> str:
    """The proxy that a request would go through, without its password; empty without one."""
    parts = urlsplit(url)
    proxies = _proxies()
    found = proxies.get(f"{parts.scheme.upper()}_PROXY") or proxies.get("ALL_PROXY", "")
    return "" if urllib.request.proxy_bypass(parts.hostname or "") else without_password(found)


def without_password(url: str) -> str:
    """An address without user name and password."""
    before, found, after = url.rpartition("@")
    return f"{before.partition('://')[0]}://{after}" if found and "://" in before else after


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except (OSError, UnicodeError):
        return False
    return True


def base_url() -> Finding:
    """Does the environment send OpenAI clients elsewhere? connect() decides, whatever it says."""
    names = [name for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE") if os.environ.get(name)]
    if not names:
        return fine("not set by the environment")
    url = os.environ[names[0]]
    if urlsplit(url).hostname == "127.0.0.1":
        return fine(f"{names[0]} is {url}, on this machine")
    detail = f"{' and '.join(names)} set ({without_password(url)}): connect() does not ask there"
    return note(detail, f"unset {names[0]}; to use that host, set COURSE_PROVIDER to its address")
