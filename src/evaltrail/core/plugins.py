"""One registry for what can be named: built-ins as text, strangers by entry points, all loaded on first use."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from operator import attrgetter
from typing import TYPE_CHECKING

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints


class Registry:
    """Names of one kind of plugin.

    Args:
        group: entry-point group, such as ``evaltrail.metrics``.
        builtin: name to ``module:attribute``; a test proves it equal to our own entry points.
    """

    def __init__(self, group: str, builtin: Mapping[str, str]) -> None:
        self.group = group
        self.builtin = builtin

    def load(self, name: str) -> object:
        """The object behind a name; built-ins never look at other distributions.

        Raises:
            InputError: nobody offers the name, two distributions do, or the plugin cannot be imported.
        """
        place = self.builtin.get(name) or self._stranger(name)
        module, _, attribute = place.partition(":")
        try:
            found: object = attrgetter(attribute)(importlib.import_module(module))
        except Exception as error:  # a plugin's wall: whatever its import raises is its author's news
            raise InputError(
                f"{self._kind} {name!r} cannot be loaded from {place}: {type(error).__name__}: {error}",
                code="broken_plugin",
                hint="reinstall the package that offers it",
            ) from error
        return found

    def names(self) -> list[str]:
        """Every name that can be loaded, sorted."""
        return sorted({*self.builtin, *(point.name for point in _entry_points(self.group))})

    @property
    def _kind(self) -> str:
        return self.group.rpartition(".")[2].rstrip("s")

    def _stranger(self, name: str) -> str:
        offers = {point.value: point for point in _entry_points(self.group).select(name=name)}
        if not offers:
            hint = nearest(name, self.names()) or f"known: {', '.join(self.names())}"
            raise InputError(f"unknown {self._kind} {name!r}", code=f"unknown_{self._kind}", hint=hint)
        if len(offers) > 1:
            owners = " and ".join(sorted(_owner(point) for point in offers.values()))
            raise InputError(
                f"{self._kind} {name!r} is offered by {owners}", code="plugin_conflict", hint="uninstall one of them"
            )
        return next(iter(offers))


def _entry_points(group: str) -> EntryPoints:
    from importlib.metadata import entry_points  # noqa: PLC0415  28 ms that no built-in name needs

    return entry_points(group=group)


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
