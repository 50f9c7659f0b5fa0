"""Shelf: one state of the catalog, which never changes; every look into it is one into a dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from evaltrail.core.errors import InputError
from evaltrail.core.ids import did_you_mean, nearest
from evaltrail.service.catalog.entries import BenchmarkEntry, CollectionEntry, ProviderEntry, ServerEntry
from evaltrail.service.catalog.harness_names import HARNESS, HarnessNames

_SHOWN = 80
_MOST_NAMED = 40


class Shelf:
    """Everything that can be named.

    Args:
        providers: in the order they are listed.
        aliases: what providers are called too, folded, to their ids.
        harness: knows the tasks of the harness that are not listed.
        benchmarks: by provider and id.
        collections: by id.
        servers: by folded name.
        default_collection: id of the one that is meant where no other is; empty = none is.
    """

    def __init__(
        self,
        *,
        providers: Iterable[ProviderEntry],
        aliases: Mapping[str, str],
        harness: HarnessNames,
        benchmarks: Mapping[tuple[str, str], BenchmarkEntry],
        collections: Mapping[str, CollectionEntry],
        servers: Mapping[str, ServerEntry],
        default_collection: str = "",
    ) -> None:
        self.benchmarks, self.collections, self.servers = benchmarks, collections, servers
        self.default_collection = default_collection
        self._aliases, self._harness = aliases, harness
        self._by_id: dict[str, list[BenchmarkEntry]] = {}
        by_provider: dict[str, list[BenchmarkEntry]] = {}
        for entry in benchmarks.values():
            self._by_id.setdefault(entry.id, []).append(entry)
            by_provider.setdefault(entry.provider_id, []).append(entry)
        self.providers = {each.id: replace(each, benchmarks=tuple(by_provider.get(each.id, ()))) for each in providers}

    def plus(
        self,
        *,
        benchmarks: Iterable[BenchmarkEntry] = (),
        collections: Iterable[CollectionEntry] = (),
        servers: Iterable[ServerEntry] = (),
        default_collection: str = "",
    ) -> Shelf:
        """A shelf with more on it; what has the same name is replaced."""
        return Shelf(
            providers=self.providers.values(),
            aliases=self._aliases,
            harness=self._harness,
            benchmarks={**self.benchmarks, **{(each.provider_id, each.id): each for each in benchmarks}},
            collections={**self.collections, **{each.id: each for each in collections}},
            servers={**self.servers, **{folded(each.name): each for each in servers}},
            default_collection=default_collection or self.default_collection,
        )

    def provider(self, provider_id: str, *, where: str = "") -> ProviderEntry:
        """The provider of an id, or of another of its names.

        Raises:
            InputError: there is none.
        """
        found = self.providers.get(provider_id) or self.providers.get(self._aliases.get(folded(provider_id), ""))
        if found is None:
            hint = nearest(provider_id[:_SHOWN], self.providers) or f"known: {', '.join(self.providers)}"
            message = f"there is no provider {provider_id[:_SHOWN]!r}"
            raise InputError(message, code="unknown_provider", where=where, hint=hint)
        return found

    def require_offered(self, provider_id: str, *, where: str = "") -> ProviderEntry:
        """The provider, if its benchmarks are run here and not merely listed.

        Raises:
            InputError: there is none, or nothing here runs them.
        """
        found = self.provider(provider_id, where=where)
        if not found.is_offered:
            message = f"{found.id} is not installed: nothing here runs its benchmarks"
            raise InputError(message, code="provider_not_installed", where=where, hint=found.install)
        return found

    def benchmark(self, provider_id: str, benchmark_id: str, *, where: str = "") -> BenchmarkEntry:
        """The benchmark of an id, also one of the harness that is not listed.

        Args:
            provider_id: whose it is; empty = whoever has the only one of that id.
            benchmark_id: as its provider calls it.
            where: the place to name in errors.

        Raises:
            InputError: there is none, or several providers have one.
        """
        found = self.benchmarks.get((provider_id, benchmark_id))
        if found is None and provider_id:
            found = self._of_provider(self.provider(provider_id, where=where).id, benchmark_id)
        elif found is None:
            found = self._of_anyone(benchmark_id, where)
        if found is None:
            raise self._unknown_benchmark(provider_id, benchmark_id, where)
        return found

    def collection(self, collection_id: str, *, where: str = "") -> CollectionEntry:
        """The collection of an id.

        Raises:
            InputError: there is none.
        """
        found = self.collections.get(collection_id)
        if found is None:
            hint = nearest(collection_id[:_SHOWN], self.collections) or f"known: {_some(self.collections)}"
            message = f"there is no collection {collection_id[:_SHOWN]!r}"
            raise InputError(message, code="unknown_collection", where=where, hint=hint)
        return found

    def collection_for(self, tags: Mapping[str, str], *, where: str = "") -> CollectionEntry | None:
        """The one collection whose tags are all among an experiment's; None where there is none.

        Raises:
            InputError: there are several.
        """
        items = tags.items()
        found = [each for each in self.collections.values() if each.tags and each.tags.items() <= items]
        if len(found) > 1:
            names = sorted(each.id for each in found)
            message = f"the experiment's tags fit several collections: {_some(names)}"
            raise InputError(message, code="ambiguous_collection", where=where, hint="name one of them: collection")
        return found[0] if found else None

    def server(self, name: str, *, where: str = "") -> ServerEntry:
        """The server of a name, in whatever case, with - for _.

        Raises:
            InputError: there is none.
        """
        found = self.servers.get(folded(name))
        if found is None:
            names = [each.name for each in self.servers.values()]
            close = nearest(name[:_SHOWN], names)
            known = f"known: {_some(names)}"
            message = f"there is no server {name[:_SHOWN]!r}"
            hint = f"{close} {known}" if close else known
            raise InputError(message, code="unknown_server", where=where, hint=hint)
        return found

    def _of_provider(self, provider_id: str, benchmark_id: str) -> BenchmarkEntry | None:
        listed = self.benchmarks.get((provider_id, benchmark_id))
        return self._harness.find(benchmark_id) if listed is None and provider_id == HARNESS else listed

    def _of_anyone(self, benchmark_id: str, where: str) -> BenchmarkEntry | None:
        listed = self._by_id.get(benchmark_id, [])
        if len(listed) > 1:
            owners = sorted(each.provider_id for each in listed)
            message = f"the benchmark {benchmark_id!r} is offered by {' and '.join(owners)}"
            raise InputError(message, code="ambiguous_benchmark", where=where, hint="name one of them: provider_id")
        return listed[0] if listed else self._harness.find(benchmark_id)

    def _unknown_benchmark(self, provider_id: str, benchmark_id: str, where: str) -> InputError:
        shown = benchmark_id[:_SHOWN]
        owner = self.provider(provider_id).id if provider_id else ""
        known = [each.id for each in self.benchmarks.values() if owner in {"", each.provider_id}]
        hint = nearest(shown, known)
        if not hint and owner in {"", HARNESS}:
            hint = did_you_mean(self._harness.like(benchmark_id))
        whose = f"the provider {owner!r} has" if owner else "there is"
        return InputError(
            f"{whose} no benchmark {shown!r}",
            code="unknown_benchmark",
            where=where,
            hint=hint or (f"known: {_some(known)}" if known else "add one first"),
        )


def folded(name: str) -> str:
    """A name as it is looked up: in lower case, with _ for -."""
    return name.casefold().replace("-", "_")


def _some(names: Iterable[str]) -> str:
    every = sorted(names)
    more = f" and {len(every) - _MOST_NAMED} more" if len(every) > _MOST_NAMED else ""
    return ", ".join(every[:_MOST_NAMED]) + more
