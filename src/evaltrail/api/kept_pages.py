"""A page of what a store keeps, newest first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from evaltrail.api.accounts import Wire
from evaltrail.api.question_wire import ListQuery
from evaltrail.api.replies import json_reply, read_query
from evaltrail.store.dataset_store import StoredDataset
from evaltrail.store.document_store import StoredUpload

Kept = TypeVar("Kept", StoredUpload, StoredDataset)
_Kept_co = TypeVar("_Kept_co", StoredUpload, StoredDataset, covariant=True)


class _Store(Protocol[_Kept_co]):
    def list(self, *, after: str = "", limit: int | None = None) -> tuple[_Kept_co, ...]: ...


def kept_page(request: Request, store: _Store[Kept], told: Callable[[Kept], Wire]) -> Response:
    """The part of a list that a request asks for.

    Args:
        request: may say a limit, and the cursor of the page before.
        store: that keeps them.
        told: one of them as JSON.
    """
    query = read_query(ListQuery, request)
    every = store.list()
    found = store.list(after=query.cursor) if query.cursor else every
    shown = found[: query.limit]
    return json_reply(
        {
            "items": [told(each) for each in shown],
            "total_count": len(every),
            "next_cursor": shown[-1].id if len(found) > len(shown) else None,
        }
    )
