"""Lists as today's Eval Hub clients read them: with a link to the first page and, where there is one, to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field
from starlette.requests import Request

from evaltrail.api.accounts import Wire
from evaltrail.api.links import Link
from evaltrail.api.replies import QueryForm

MOST_A_PAGE = 1000


class HubPageQuery(QueryForm):
    """Which part of a list is wanted."""

    limit: Annotated[int, Field(ge=1, le=MOST_A_PAGE)] = 50
    offset: Annotated[int, Field(ge=0, le=10_000_000, description="how many are passed over")] = 0


def page_object(request: Request, query: HubPageQuery, items: Sequence[Wire], total: int) -> Wire:
    """A page of a list.

    Args:
        request: that asked for it.
        query: of the request.
        items: of this page.
        total: on all pages.
    """
    end = query.offset + len(items)
    return {
        "first": {"href": _link(request, query.limit, 0)},
        "next": {"href": _link(request, query.limit, end)} if items and end < total else None,
        "limit": query.limit,
        "total_count": total,
        "items": items,
    }


def split_words(text: str) -> tuple[str, ...]:
    """The words of a parameter that lists them with commas between."""
    return tuple(word for word in map(str.strip, text.split(",")) if word)


def _link(request: Request, limit: int, offset: int) -> Link:
    kept = [(key, value) for key, value in request.query_params.multi_items() if key not in {"limit", "offset"}]
    told = [*kept, ("limit", str(limit)), *([("offset", str(offset))] if offset else [])]
    return Link(f"{request.url.path}?{urlencode(told)}")
