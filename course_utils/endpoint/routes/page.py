"""``/``: the endpoint's page, for a browser.

In a class, whoever shows a key sees what is theirs, and the instructor sees all, with names. The
key itself is not kept: the browser gets a token, which opens this page and nothing else.
"""

from typing import Any
from urllib.parse import parse_qsl

import jinja2
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.requests import ClientDisconnect

from course_utils.endpoint.access import ALONE, Person
from course_utils.endpoint.errors import EndpointError
from course_utils.endpoint.overview import overview
from course_utils.endpoint.sessions import LASTS_S

router = APIRouter(include_in_schema=False)

COOKIE = "course_class_page"
REFRESH_S = 5
MOST_FORM_BYTES = 1000  # a key and its field's name are 40

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_pages = jinja2.Environment(
    loader=jinja2.PackageLoader("course_utils.endpoint", "."),
    autoescape=True,  # names come from class lists, suffixes and messages from requests
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


@router.get("/")
async def page(request: Request) -> HTMLResponse:
    """What the endpoint does just now."""
    state, person = request.app.state, _viewer(request)
    # Whoever reads with a screen reader, or selects text, can stop it.
    refresh = None if "still" in request.query_params else REFRESH_S
    shown = {"person": person, "refresh": refresh, **overview(state, person)}
    return _page("page.html.j2", is_class=state.is_class, **shown)


@router.get("/key")
async def ask_for_key(request: Request) -> HTMLResponse:
    """The form for a key; it does not refresh itself, so that nothing typed is lost."""
    _only_in_a_class(request)
    return _page("page_key.html.j2", wrong=False)


@router.post("/")
async def enter_or_leave(request: Request) -> Response:
    """Take the key of the form, or the token back."""
    _only_in_a_class(request)
    state, form = request.app.state, await _form(request)
    back = RedirectResponse("/", 303, HEADERS)
    if "leave" in form:
        state.sessions.end(request.cookies.get(COOKIE, ""))
        back.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return back
    person = state.keys.person(form.get("key", "").strip())
    if person is None:
        return _page("page_key.html.j2", 401, wrong=True)
    token = state.sessions.begin(person)
    back.set_cookie(COOKIE, token, max_age=LASTS_S, httponly=True, samesite="strict")
    return back


def _viewer(request: Request) -> Person:
    state = request.app.state
    if not state.is_class:
        return ALONE
    return state.sessions.person(request.cookies.get(COOKIE, ""))


def _page(template: str, status: int = 200, **shown: Any) -> HTMLResponse:
    return HTMLResponse(_pages.get_template(template).render(shown), status, HEADERS)


def _only_in_a_class(request: Request) -> None:
    if not request.app.state.is_class:
        message = "This endpoint is for one person: its page, /, needs no key."
        raise EndpointError(message, status=404)


async def _form(request: Request) -> dict[str, str]:
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > MOST_FORM_BYTES:
                message = f"Send the form of the page: {MOST_FORM_BYTES} bytes at most."
                raise EndpointError(message, status=413)
    except ClientDisconnect:
        raise EndpointError("The form did not arrive. Send it again.", status=408) from None
    return dict(parse_qsl(body.decode("utf-8", "replace")))
