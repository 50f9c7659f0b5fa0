"""/api/v1/evaluations/providers and .../collections: the catalog as today's Eval Hub clients ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NoReturn, cast
from urllib.parse import quote

from anyio.to_thread import run_sync
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from evaltrail.api.accounts import Wire
from evaltrail.api.backend import Backend
from evaltrail.api.hub_entries import document_of, hub_collection, hub_provider, merged, with_tags
from evaltrail.api.hub_pages import MOST_A_PAGE, HubPageQuery, page_object, split_words
from evaltrail.api.json_body import read_json
from evaltrail.api.path_ids import known
from evaltrail.api.replies import QueryForm, json_reply, read_query, understood
from evaltrail.core.errors import InputError
from evaltrail.core.values import Json
from evaltrail.service.catalog.entries import CollectionEntry

COLLECTIONS = "/api/v1/evaluations/collections"


class HubEntriesQuery(HubPageQuery):
    """Which entries are listed; they are few, so that all are unless less is asked for."""

    limit: Annotated[int, Field(ge=1, le=MOST_A_PAGE)] = MOST_A_PAGE
    name: str = Field(default="", max_length=500)
    category: str = Field(default="", max_length=500)
    tags: str = Field(default="", max_length=2000, description="words that an entry bears, all of them: one,two")


class HubCatalogRoutes:
    """Shows providers and collections, and changes collections that users added.

    Args:
        backend: what is spoken to.
    """

    def __init__(self, backend: Backend) -> None:
        self._catalog = backend.catalog

    def providers(self, request: Request) -> Response:
        """List the providers with their benchmarks."""
        return _listed(request, [hub_provider(each) for each in self._catalog.providers()])

    def provider(self, request: Request) -> Response:
        """Show one provider with its benchmarks."""
        read_query(QueryForm, request)
        return json_reply(hub_provider(known(lambda: self._catalog.provider(_id(request)))))

    def add_provider(self, _request: Request) -> Response:
        """Refuse a provider: it would name what is run."""
        _refuse_provider("no request adds a provider: it would name a program that is run")

    def change_provider(self, request: Request) -> Response:
        """Refuse to change or delete a provider."""
        entry = known(lambda: self._catalog.provider(_id(request)))
        _refuse_provider(f"the provider {entry.id!r} ships with evaltrail, and no request changes it")

    def collections(self, request: Request) -> Response:
        """List the collections."""
        return _listed(request, [hub_collection(each) for each in self._catalog.collections()])

    def collection(self, request: Request) -> Response:
        """Show one collection."""
        read_query(QueryForm, request)
        return json_reply(hub_collection(self._found(_id(request))))

    async def add_collection(self, request: Request) -> Response:
        """Add a collection; it is given an id unless it says one."""
        entry = await run_sync(self._catalog.add_collection, await understood(request, read_json))
        return json_reply(hub_collection(entry), 201, {"Location": f"{COLLECTIONS}/{quote(entry.id, safe='')}"})

    async def put_collection(self, request: Request) -> Response:
        """Put a collection in the place of one that a user added."""
        body = await understood(request, read_json)
        return json_reply(hub_collection(await run_sync(self._replaced, _id(request), body)))

    async def patch_collection(self, request: Request) -> Response:
        """Change some fields of a collection that a user added."""
        changes = await understood(request, read_json)
        return json_reply(hub_collection(await run_sync(self._patched, _id(request), changes)))

    def delete_collection(self, request: Request) -> Response:
        """Forget a collection that a user added; jobs of it go on."""
        read_query(QueryForm, request)
        known(lambda: self._catalog.delete_collection(_id(request)))
        return Response(status_code=204)

    def _replaced(self, name: str, body: Json) -> CollectionEntry:
        return self._catalog.put_collection(name, with_tags(body, self._found(name)))

    def _patched(self, name: str, changes: Json) -> CollectionEntry:
        before = self._found(name)
        return self._catalog.put_collection(name, with_tags(merged(document_of(before), changes), before))

    def _found(self, name: str) -> CollectionEntry:
        return known(lambda: self._catalog.collection(name))


def _listed(request: Request, entries: Sequence[Wire]) -> Response:
    query = read_query(HubEntriesQuery, request)
    words = set(split_words(query.tags))
    found = [
        each
        for each in entries
        if (not query.name or each["name"] == query.name)
        and (not query.category or each.get("category") == query.category)
        and words <= set(cast("Sequence[str]", each["tags"]))
    ]
    return json_reply(page_object(request, query, found[query.offset :][: query.limit], len(found)))


def _id(request: Request) -> str:
    return str(request.path_params["id"])


def _refuse_provider(message: str) -> NoReturn:
    hint = "POST /api/v1/benchmarks adds a benchmark of your own to the provider native"
    raise InputError(message, code="read_only", hint=hint)
