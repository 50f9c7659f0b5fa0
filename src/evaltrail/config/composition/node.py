"""Values of configuration files, each with the file and line that it came from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaltrail.config.composition.lines import Lines
from evaltrail.core.errors import InputError
from evaltrail.core.values import Json, Scalar

MISSING = "???"
"""What stands where a value must still be given."""
MOST_LEVELS = 50
"""Levels in one another; what works on nodes may recurse."""
MOST_NODES = 200_000
"""Values in one configuration, with what aliases repeat."""

Step = str | int
Path = tuple[Step, ...]
"""Keys and places in lists, from the top."""


@dataclass(frozen=True, slots=True)
class Node:
    """One value and what is inside it."""

    value: Scalar | Mapping[str, Node] | tuple[Node, ...]
    where: str
    """``file:line``, or the option of the command line."""

    @property
    def mapping(self) -> Mapping[str, Node] | None:
        """The node as a mapping, or None where it is none."""
        return self.value if isinstance(self.value, Mapping) else None

    @property
    def is_missing(self) -> bool:
        """Whether a value must still be given."""
        return self.value == MISSING

    def child(self, step: Step) -> Node | None:
        """What stands at a key, or at a place in a list (also as text); None where nothing does."""
        if isinstance(self.value, Mapping):
            return self.value.get(str(step))
        if isinstance(self.value, tuple):
            place = place_of(step)
            return self.value[place] if place is not None and place < len(self.value) else None
        return None

    def plain(self) -> Json:
        """The value without the places."""
        if isinstance(self.value, Mapping):
            return {key: inner.plain() for key, inner in self.value.items()}
        if isinstance(self.value, tuple):
            return [inner.plain() for inner in self.value]
        return self.value


def place_of(step: Step) -> int | None:
    """A step as a place in a list, or None where it names none."""
    if isinstance(step, int):
        return step
    return int(step) if step.isascii() and step.isdigit() and len(step) < 7 else None


def dotted(path: Sequence[Step]) -> str:
    """A path as it is written: ``evaluation.tasks.0.name``."""
    return ".".join(map(str, path))


def planted(value: Json, lines: Lines | None, source: str) -> Node:
    """A value as a tree of nodes.

    Args:
        value: as YAML gave it.
        lines: where its parts stand in the file; None = all of it stands at the source itself.
        source: the file, or the option of the command line.

    Raises:
        InputError: it is nested too deeply, or too large.
    """
    planter = _Planter(source)
    return planter.node(value, lines, source if lines is None else f"{source}:{lines.line}", 0)


class _Planter:
    def __init__(self, source: str) -> None:
        self._source = source
        self._count = 0

    def node(self, value: Json, lines: Lines | None, where: str, depth: int) -> Node:
        self._count += 1
        if depth > MOST_LEVELS:
            raise InputError(f"is nested deeper than {MOST_LEVELS} levels", code="bad_config", where=where)
        if self._count > MOST_NODES:
            raise InputError(f"holds more than {MOST_NODES:,} values", code="bad_config", where=self._source)
        if isinstance(value, Mapping):
            return Node({key: self._inner(inner, lines, key, where, depth) for key, inner in value.items()}, where)
        if isinstance(value, str) and lines is not None and lines.is_number and math.isfinite(float(value)):
            return Node(float(value), where)
        if isinstance(value, str) or not isinstance(value, Sequence):
            return Node(value, where)
        return Node(tuple(self._inner(inner, lines, place, where, depth) for place, inner in enumerate(value)), where)

    def _inner(self, value: Json, lines: Lines | None, step: Step, where: str, depth: int) -> Node:
        inside = lines.inside.get(step) if lines is not None else None
        return self.node(value, inside, where if inside is None else f"{self._source}:{inside.line}", depth + 1)


def merged(under: Node, over: Node) -> Node:
    """One node laid over another: mappings key by key, everything else replaced, ``???`` replaces nothing."""
    if over.is_missing:
        return under
    below, above = under.mapping, over.mapping
    if below is None or above is None:
        return over
    both = dict(below)
    for key, inner in above.items():
        both[key] = merged(below[key], inner) if key in below else inner
    return Node(both, over.where)


def wrapped(node: Node, package: str) -> Node:
    """A node below the keys of a package such as ``execution`` or ``a.b``; an empty package wraps nothing."""
    for key in reversed(package.split(".") if package else []):
        node = Node({key: node}, node.where)
    return node
