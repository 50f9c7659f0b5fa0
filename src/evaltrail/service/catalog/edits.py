"""Edits: what requests put into the catalog and take out of it, checked against one state of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evaltrail.core.errors import InputError
from evaltrail.core.ids import new_id
from evaltrail.core.outside import AllowedPlaces
from evaltrail.core.values import Json
from evaltrail.models.outside import check_outside_url
from evaltrail.service.catalog.entries import BenchmarkEntry, CollectionEntry, ServerEntry
from evaltrail.service.catalog.fields import Fields, checked_name, joined
from evaltrail.service.catalog.own_benchmarks import made_benchmark, stored_form
from evaltrail.service.catalog.reading import NATIVE, read_collection, read_server
from evaltrail.service.catalog.shelf import Shelf, folded
from evaltrail.store.catalog_entries import CatalogEntries

_SERVER = ("id", "name", "url", "api_key_env", "max_concurrency")


class Edits:
    """Writes entries; each verb returns the id that it was about.

    Args:
        entries: where they are kept; None = nothing can be.
        home: EVALTRAIL_HOME.
        data_root: that task files of requests lie below.
        allowed: private places that the URL of a server may lead to.
    """

    def __init__(self, entries: CatalogEntries | None, *, home: Path, data_root: Path, allowed: AllowedPlaces) -> None:
        self._kept = entries
        self._home, self._data_root = home, data_root
        self._allowed = allowed

    def add_collection(self, shelf: Shelf, body: Json, where: str) -> str:
        """See ``Catalog.add_collection``."""
        given = body.get("id") if isinstance(body, Mapping) else None
        collection_id = given if isinstance(given, str) and given else new_id()
        _refuse_known(shelf.collections.get(collection_id), f"collection {collection_id!r}", joined(where, "id"))
        return self.put_collection(shelf, collection_id, body, where)

    def put_collection(self, shelf: Shelf, collection_id: str, body: Json, where: str) -> str:
        """See ``Catalog.put_collection``."""
        checked_name(collection_id, joined(where, "id"))
        _refuse_foreign(shelf.collections.get(collection_id), f"collection {collection_id!r}", where)
        read_collection(collection_id, body, where, "rest", shelf)
        self._entries.put("collection", collection_id, _document(body))
        return collection_id

    def delete_collection(self, shelf: Shelf, collection_id: str, where: str) -> str:
        """See ``Catalog.delete_collection``."""
        found = shelf.collection(collection_id, where=where)
        _refuse_foreign(found, f"collection {collection_id!r}", where)
        self._entries.delete("collection", collection_id)
        return collection_id

    def add_server(self, shelf: Shelf, body: Json, where: str) -> str:
        """See ``Catalog.add_server``."""
        fields = Fields.of(body, where, _SERVER)
        named = fields.spelled("id", "name")
        name = fields.name(named)
        _refuse_known(shelf.servers.get(folded(name)), f"server {name!r}", fields.at(named))
        return self.put_server(shelf, name, body, where)

    def put_server(self, shelf: Shelf, name: str, body: Json, where: str) -> str:
        """See ``Catalog.put_server``."""
        fields = Fields.of(body, where, _SERVER)
        named = fields.spelled("id", "name")
        if folded(fields.text(named, name)) != folded(name):
            message = f"the server is called {name!r}"
            raise InputError(message, code="bad_value", where=fields.at(named), hint="leave it out, or say the same")
        _refuse_foreign(shelf.servers.get(folded(name)), f"server {name!r}", where)
        about = {key: value for key, value in fields.values.items() if key not in {"id", "name"}}
        entry = read_server(name, about, where, "rest")
        try:
            check_outside_url(entry.url, self._allowed)
        except InputError as error:
            error.where = fields.at("url")
            raise
        self._entries.put("server", folded(name), {"name": entry.name, **about})
        return name

    def delete_server(self, shelf: Shelf, name: str, where: str) -> str:
        """See ``Catalog.delete_server``."""
        _refuse_foreign(shelf.server(name, where=where), f"server {name!r}", where)
        self._entries.delete("server", folded(name))
        return name

    def add_benchmark(self, shelf: Shelf, body: Json, where: str) -> str:
        """See ``Catalog.add_benchmark``."""
        given = body.get("id") if isinstance(body, Mapping) else None
        if isinstance(given, str):
            known = shelf.benchmarks.get((NATIVE, given))
            _refuse_known(known, f"benchmark {given!r} of {NATIVE}", joined(where, "id"))
        return self.put_benchmark(shelf, body, where)

    def put_benchmark(self, shelf: Shelf, body: Json, where: str) -> str:
        """See ``Catalog.put_benchmark``."""
        given = body.get("id") if isinstance(body, Mapping) else None
        if isinstance(given, str):
            _refuse_foreign(shelf.benchmarks.get((NATIVE, given)), f"benchmark {given!r} of {NATIVE}", where)
        kept = self._entries
        entry = made_benchmark(body, where, home=self._home, data_root=self._data_root)
        kept.put("benchmark", entry.id, stored_form(entry, self._home))
        return entry.id

    def delete_benchmark(self, shelf: Shelf, benchmark_id: str, where: str) -> str:
        """See ``Catalog.delete_benchmark``."""
        found = shelf.benchmarks.get((NATIVE, benchmark_id)) or shelf.benchmark("", benchmark_id, where=where)
        _refuse_foreign(found, f"benchmark {benchmark_id!r}", where)
        owners = [each.id for each in shelf.collections.values() if _has(each, benchmark_id)]
        if owners:
            hint = "take it out of there, or delete the collection, first"
            message = f"the benchmark {benchmark_id!r} is in {', '.join(sorted(owners))}"
            raise InputError(message, code="in_use", where=where, hint=hint)
        self._entries.delete("benchmark", benchmark_id)
        return benchmark_id

    @property
    def _entries(self) -> CatalogEntries:
        if self._kept is None:
            raise InputError("this catalog cannot be changed", code="read_only", hint="ask the service itself")
        return self._kept


def _has(collection: CollectionEntry, benchmark_id: str) -> bool:
    return any(each.provider_id == NATIVE and each.id == benchmark_id for each in collection.benchmarks)


def _refuse_known(found: BenchmarkEntry | CollectionEntry | ServerEntry | None, what: str, where: str) -> None:
    if found is not None:
        hint = "choose another name, or change the one that is there" if found.is_users else "choose another name"
        raise InputError(f"there is a {what} already", code="already_exists", where=where, hint=hint)


def _refuse_foreign(found: BenchmarkEntry | CollectionEntry | ServerEntry | None, what: str, where: str) -> None:
    if found is not None and not found.is_users:
        owner = "ships with evaltrail" if found.source == "shipped" else "is the operator's"
        hint = "choose another name; the operator changes it in catalog.yaml"
        raise InputError(f"the {what} {owner}, and no request changes it", code="read_only", where=where, hint=hint)


def _document(body: Json) -> Mapping[str, Json]:
    return dict(body) if isinstance(body, Mapping) else {}
