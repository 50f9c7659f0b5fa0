"""Catalog: everything that a request can name, read again by itself when files or entries have changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock

from evaltrail.config.settings import Settings
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.values import Json
from evaltrail.models.outside import allowed_places
from evaltrail.service.catalog.edits import Edits
from evaltrail.service.catalog.entries import BenchmarkEntry, CollectionEntry, ProviderEntry, ServerEntry
from evaltrail.service.catalog.loading import Loaded, Loader
from evaltrail.service.catalog.shelf import Shelf
from evaltrail.store.catalog_entries import CatalogEntries

_LOOK_EVERY_S = 1.0


class Catalog:
    """Providers, benchmarks, collections and servers; any thread may use it.

    What requests ask for is a look into dictionaries. Once a second at most, whoever comes by looks whether the
    operator's file, the task files or the entries have changed; a new version of the file that breaks a rule is told in
    ``problems``, and the one before stays in force.

    Args:
        settings: of this process.
        entries: what requests added; None = nothing can be added.
        data_root: that task files of requests lie below; None = the working folder.
        look_every_s: seconds between two looks.

    Raises:
        InputError: the operator's file or a variable is wrong at the start, when there is no version before it.
        StorageError: the entries cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        entries: CatalogEntries | None = None,
        *,
        data_root: Path | None = None,
        look_every_s: float = _LOOK_EVERY_S,
    ) -> None:
        self._loader = Loader(settings.home, settings.environ, entries)
        self._look_every_s = look_every_s
        self._turn = Lock()
        self._loaded: Loaded = self._loader.load(None)
        self._look_at = time.monotonic() + look_every_s
        self._edits = Edits(
            entries,
            home=settings.home,
            data_root=data_root or Path.cwd(),
            allowed=allowed_places(settings.environ),
        )

    @property
    def problems(self) -> tuple[InputError, ...]:
        """What of the operator's files and of the entries is not in force, and why."""
        self.shelf()
        return self._loaded.problems

    def shelf(self) -> Shelf:
        """The catalog as it is now; it does not change while one looks several things up in it."""
        if time.monotonic() >= self._look_at and self._turn.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._turn.release()
        return self._loaded.shelf

    def refresh(self) -> None:
        """Look now whether anything has changed: for a service that looks in a thread of its own."""
        with self._turn:
            self._look()

    def providers(self) -> tuple[ProviderEntry, ...]:
        """Every provider, with the benchmarks that are listed."""
        return tuple(self.shelf().providers.values())

    def provider(self, provider_id: str, *, where: str = "") -> ProviderEntry:
        """See ``Shelf.provider``."""
        return self.shelf().provider(provider_id, where=where)

    def require_offered(self, provider_id: str, *, where: str = "") -> ProviderEntry:
        """See ``Shelf.require_offered``."""
        return self.shelf().require_offered(provider_id, where=where)

    def benchmarks(self, provider_id: str = "") -> tuple[BenchmarkEntry, ...]:
        """The benchmarks that are listed, of one provider or of all.

        Raises:
            InputError: there is no such provider.
        """
        shelf = self.shelf()
        return shelf.provider(provider_id).benchmarks if provider_id else tuple(shelf.benchmarks.values())

    def benchmark(self, provider_id: str, benchmark_id: str, *, where: str = "") -> BenchmarkEntry:
        """See ``Shelf.benchmark``."""
        return self.shelf().benchmark(provider_id, benchmark_id, where=where)

    def collections(self) -> tuple[CollectionEntry, ...]:
        """Every collection."""
        return tuple(self.shelf().collections.values())

    def collection(self, collection_id: str, *, where: str = "") -> CollectionEntry:
        """See ``Shelf.collection``."""
        return self.shelf().collection(collection_id, where=where)

    def collection_for(self, tags: Mapping[str, str], *, where: str = "") -> CollectionEntry | None:
        """See ``Shelf.collection_for``."""
        return self.shelf().collection_for(tags, where=where)

    def default_collection(self) -> CollectionEntry | None:
        """The collection that the operator's file has for requests that mean no other; None where it says none."""
        shelf = self.shelf()
        return shelf.collections.get(shelf.default_collection)

    def servers(self) -> tuple[ServerEntry, ...]:
        """Every server."""
        return tuple(self.shelf().servers.values())

    def server(self, name: str, *, where: str = "") -> ServerEntry:
        """See ``Shelf.server``."""
        return self.shelf().server(name, where=where)

    def add_collection(self, body: Json, *, where: str = "") -> CollectionEntry:
        """Keep a collection that is not there yet; without an ``id`` it is given one.

        Raises:
            InputError: the body is wrong, or there is one of that id (``already_exists``).
            StorageError: the database is away.
        """
        added = self._edited(lambda shelf: self._edits.add_collection(shelf, body, where))
        return self.collection(added, where=where)

    def put_collection(self, collection_id: str, body: Json, *, where: str = "") -> CollectionEntry:
        """Keep a collection, in place of an earlier one of a user's.

        Raises:
            InputError: the body is wrong, or the collection is not a user's (``read_only``).
            StorageError: the database is away.
        """
        self._edited(lambda shelf: self._edits.put_collection(shelf, collection_id, body, where))
        return self.collection(collection_id, where=where)

    def delete_collection(self, collection_id: str, *, where: str = "") -> None:
        """Forget a collection of a user's; evaluations that were accepted with it keep its benchmarks.

        Raises:
            InputError: there is none, or it is not a user's (``read_only``).
            StorageError: the database is away.
        """
        self._edited(lambda shelf: self._edits.delete_collection(shelf, collection_id, where))

    def add_server(self, body: Json, *, where: str = "") -> ServerEntry:
        """Keep a server that is not there yet; its ``id`` or ``name`` is what it is called.

        Raises:
            InputError: the body is wrong, its URL is not allowed, or there is one of that name (``already_exists``).
            StorageError: the database is away.
        """
        added = self._edited(lambda shelf: self._edits.add_server(shelf, body, where))
        return self.server(added, where=where)

    def put_server(self, name: str, body: Json, *, where: str = "") -> ServerEntry:
        """Keep a server, in place of an earlier one of a user's.

        Raises:
            InputError: the body is wrong, its URL is not allowed, or the server is not a user's (``read_only``).
            StorageError: the database is away.
        """
        self._edited(lambda shelf: self._edits.put_server(shelf, name, body, where))
        return self.server(name, where=where)

    def delete_server(self, name: str, *, where: str = "") -> None:
        """Forget a server of a user's.

        Raises:
            InputError: there is none, or it is not a user's (``read_only``).
            StorageError: the database is away.
        """
        self._edited(lambda shelf: self._edits.delete_server(shelf, name, where))

    def add_benchmark(self, body: Json, *, where: str = "") -> BenchmarkEntry:
        """Keep a benchmark of `native` that is not there yet; see ``own_benchmarks`` for its form.

        Raises:
            InputError: the body is wrong, a path leads elsewhere, or there is one of that id (``already_exists``).
            StorageError: the disk or the database refuses.
        """
        added = self._edited(lambda shelf: self._edits.add_benchmark(shelf, body, where))
        return self.benchmark("native", added, where=where)

    def put_benchmark(self, body: Json, *, where: str = "") -> BenchmarkEntry:
        """Keep a benchmark of `native`, in place of an earlier one of a user's.

        Raises:
            InputError: the body is wrong, a path leads elsewhere, or it is not a user's (``read_only``).
            StorageError: the disk or the database refuses.
        """
        put = self._edited(lambda shelf: self._edits.put_benchmark(shelf, body, where))
        return self.benchmark("native", put, where=where)

    def delete_benchmark(self, benchmark_id: str, *, where: str = "") -> None:
        """Forget a benchmark of a user's; its files stay for evaluations that were accepted with it.

        Raises:
            InputError: there is none, it is not a user's (``read_only``), or a collection has it (``in_use``).
            StorageError: the database is away.
        """
        self._edited(lambda shelf: self._edits.delete_benchmark(shelf, benchmark_id, where))

    def _edited(self, edit: Callable[[Shelf], str]) -> str:
        """What the edit says, made on the newest state, which everyone sees afterwards."""
        with self._turn:
            self._loaded = self._loader.load(self._loaded)
            said = edit(self._loaded.shelf)
            self._loaded = self._loader.load(self._loaded)
            return said

    def _look(self) -> None:
        self._look_at = time.monotonic() + self._look_every_s
        try:
            self._loaded = self._loader.load(self._loaded)
        except EvaltrailError:
            return  # what is known goes on being known; health tells that the database is away
