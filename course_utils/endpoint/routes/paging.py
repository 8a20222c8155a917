"""Lists, in parts."""

from collections.abc import Callable
from typing import Any

from course_utils.endpoint.errors import EndpointError
from course_utils.endpoint.store import Row, Store


def answer_page(
    store: Store, table: str, show: Callable[[Row], dict], *, after: str | None, **wanted: Any
) -> dict:
    """A part of a list in OpenAI's terms.

    Args:
        store: Where the list is kept.
        table: Its name there.
        show: Makes an API object of a row.
        after: Id of the last object of the part before.
        wanted: As for ``Store.page``.

    Raises:
        EndpointError: There is no object ``after``.
    """
    try:
        page = store.page(table, after=after, **wanted)
    except KeyError:
        raise EndpointError(
            f"There is no {after!r} in this list: begin without 'after'.", param="after"
        ) from None
    data = [show(row) for row in page.rows]
    return {
        "object": "list",
        "data": data,
        "has_more": page.has_more,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }
