"""Line numbers of the keys and items of a YAML text, and keys that it says twice; found without recursion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

_MERGE = "<<"
_EXPONENT = re.compile(r"(?a)[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d{1,3}\Z")


@dataclass(slots=True)
class Lines:
    """Where a value stands, and what is inside it."""

    line: int
    """Counted from 1; of a key's value it is the key's line."""
    inside: dict[str | int, Lines] = field(default_factory=dict)
    is_number: bool = False
    """Whether it is written as a number with an exponent, which YAML 1.1 takes for a text: ``1e-5``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """A key that a mapping holds twice."""

    key: str
    first: int
    again: int


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end was not met yet."""

    lines: Lines
    is_mapping: bool
    key: str | None = None
    key_line: int = 0
    is_key_next: bool = True
    keys: dict[str, int] = field(default_factory=dict)


def line_tree(text: str) -> tuple[Lines, list[Repeated]]:
    """The lines of the first document of a text, and the keys that it says twice.

    Args:
        text: YAML that is known to be readable.
    """
    finder = _Finder()
    for event in _events(text):
        finder.take(event)
    return finder.root.inside.get(0, Lines(1)), finder.repeated


def _events(text: str) -> Iterator[Any]:
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.DocumentEndEvent):
            return
        if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
            yield event


class _Finder:
    def __init__(self) -> None:
        self.root = Lines(1)
        self.repeated: list[Repeated] = []
        self._open = [_Open(self.root, is_mapping=False)]
        self._anchors: dict[str, Lines] = {}

    def take(self, event: Any) -> None:
        top = self._open[-1]
        if isinstance(event, yaml.CollectionEndEvent):
            _merge_in(top.lines)
            self._open.pop()
            return
        if top.is_mapping and top.is_key_next:
            self._key(top, event)
            return
        found = self._value(top, event)
        top.is_key_next = True
        self._enter(event, found)

    def _key(self, top: _Open, event: Any) -> None:
        line = event.start_mark.line + 1
        top.is_key_next = False
        top.key, top.key_line = None, line
        if not isinstance(event, yaml.ScalarEvent):
            self._enter(event, Lines(line))  # a list or mapping as a key has lines that nobody asks for
            return
        key: str = event.value
        top.key = key
        if key in top.keys and key != _MERGE:
            self.repeated.append(Repeated(key=key, first=top.keys[key], again=line))
        top.keys.setdefault(key, line)

    def _value(self, top: _Open, event: Any) -> Lines:
        found = Lines(top.key_line if top.is_mapping else event.start_mark.line + 1)
        if isinstance(event, yaml.AliasEvent):
            known = self._anchors.get(event.anchor or "")
            if known is not None:
                found.inside, found.is_number = known.inside, known.is_number
        elif event.anchor is not None:
            self._anchors[event.anchor] = found
        if isinstance(event, yaml.ScalarEvent) and event.tag is None and event.implicit[0]:
            found.is_number = bool(_EXPONENT.match(event.value))
        if not top.is_mapping:
            top.lines.inside[len(top.lines.inside)] = found
        elif top.key is not None:
            top.lines.inside[top.key] = found
        return found

    def _enter(self, event: Any, lines: Lines) -> None:
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append(_Open(lines, is_mapping=isinstance(event, yaml.MappingStartEvent)))


def _merge_in(lines: Lines) -> None:
    """Let keys that ``<<`` brings in be found where they are written."""
    source = lines.inside.get(_MERGE)
    if source is None:
        return
    several = [inner for step, inner in source.inside.items() if isinstance(step, int)]
    for one in several or [source]:
        for key, inner in one.inside.items():
            lines.inside.setdefault(key, inner)
