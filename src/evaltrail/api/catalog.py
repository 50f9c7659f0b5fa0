"""/api/v1/providers, benchmarks, collections and servers: what a submission can name, and how users add to it."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from anyio.to_thread import run_sync
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from evaltrail.api.accounts import Wire
from evaltrail.api.backend import Backend
from evaltrail.api.entries import (
    benchmark_object,
    collection_object,
    list_object,
    provider_object,
    server_object,
)
from evaltrail.api.json_body import read_json
from evaltrail.api.path_ids import known
from evaltrail.api.replies import QueryForm, json_reply, read_query, understood
from evaltrail.core.values import Json

_ROOT = "/api/v1"


class BenchmarksQuery(QueryForm):
    """Which benchmarks are listed."""

    provider_id: str = Field(default="", max_length=500)


class CatalogRoutes:
    """Shows the catalog and changes what users added to it.

    Args:
        backend: what is spoken to.
    """

    def __init__(self, backend: Backend) -> None:
        self._catalog = backend.catalog

    def providers(self, request: Request) -> Response:
        """List the providers with their benchmarks."""
        read_query(QueryForm, request)
        return json_reply(list_object([provider_object(each) for each in self._catalog.providers()]))

    def provider(self, request: Request) -> Response:
        """Show one provider with its benchmarks."""
        read_query(QueryForm, request)
        return json_reply(provider_object(known(lambda: self._catalog.provider(_id(request)))))

    def provider_benchmarks(self, request: Request) -> Response:
        """List the benchmarks of one provider."""
        read_query(QueryForm, request)
        found = known(lambda: self._catalog.benchmarks(_id(request)))
        return json_reply(list_object([benchmark_object(each) for each in found]))

    def benchmarks(self, request: Request) -> Response:
        """List the benchmarks that are known by name; lm_evaluation_harness has thousands more."""
        query = read_query(BenchmarksQuery, request)
        found = self._catalog.benchmarks(query.provider_id)
        return json_reply(list_object([benchmark_object(each) for each in found]))

    async def add_benchmark(self, request: Request) -> Response:
        """Add a benchmark of one's own: a task file below the data root, or the task itself, as data."""
        entry = await run_sync(self._catalog.add_benchmark, await _document(request))
        return _created(benchmark_object(entry), f"{_ROOT}/providers/{entry.provider_id}/benchmarks")

    def delete_benchmark(self, request: Request) -> Response:
        """Forget a benchmark that a user added."""
        known(lambda: self._catalog.delete_benchmark(_id(request)))
        return Response(status_code=204)

    def collections(self, request: Request) -> Response:
        """List the collections."""
        read_query(QueryForm, request)
        return json_reply(list_object([collection_object(each) for each in self._catalog.collections()]))

    def collection(self, request: Request) -> Response:
        """Show one collection."""
        read_query(QueryForm, request)
        return json_reply(collection_object(known(lambda: self._catalog.collection(_id(request)))))

    async def add_collection(self, request: Request) -> Response:
        """Add a collection."""
        entry = await run_sync(self._catalog.add_collection, await _document(request))
        return _created(collection_object(entry), f"{_ROOT}/collections/{quote(entry.id, safe='')}")

    async def put_collection(self, request: Request) -> Response:
        """Put a collection in the place of one that a user added, or make it."""
        put = partial(self._catalog.put_collection, _id(request), await _document(request))
        return json_reply(collection_object(await run_sync(put)))

    def delete_collection(self, request: Request) -> Response:
        """Forget a collection that a user added; evaluations of it go on."""
        known(lambda: self._catalog.delete_collection(_id(request)))
        return Response(status_code=204)

    def servers(self, request: Request) -> Response:
        """List the servers of models."""
        read_query(QueryForm, request)
        return json_reply(list_object([server_object(each) for each in self._catalog.servers()]))

    def server(self, request: Request) -> Response:
        """Show one server of models."""
        read_query(QueryForm, request)
        return json_reply(server_object(known(lambda: self._catalog.server(_id(request)))))

    async def add_server(self, request: Request) -> Response:
        """Add a server of models."""
        entry = await run_sync(self._catalog.add_server, await _document(request))
        return _created(server_object(entry), f"{_ROOT}/servers/{quote(entry.name, safe='')}")

    async def put_server(self, request: Request) -> Response:
        """Put a server in the place of one that a user added, or make it."""
        put = partial(self._catalog.put_server, _id(request), await _document(request))
        return json_reply(server_object(await run_sync(put)))

    def delete_server(self, request: Request) -> Response:
        """Forget a server that a user added."""
        known(lambda: self._catalog.delete_server(_id(request)))
        return Response(status_code=204)


def _id(request: Request) -> str:
    return str(request.path_params["id"])


async def _document(request: Request) -> Json:
    """The body as a document, which the catalog looks through itself."""
    return await understood(request, read_json)


def _created(entry: Wire, location: str) -> Response:
    return json_reply(entry, 201, {"Location": location})
