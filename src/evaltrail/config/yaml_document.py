"""The first document of a YAML 1.1 text as plain values, made from the C parser's events within bounds.

The loader of the library would compose by recursion in C (deep nesting ends the process) and copy merged keys without
end. What departs from it: dates and times with colons stay texts, keys are the texts they are written as (``no`` is a
language), unknown tags are passed over, and of two equal keys the last is kept and the other told.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from evaltrail.core.values import Json, Scalar

MOST_NESTING = 200
"""Lists and objects in one another, in every format: what works on values may recurse."""
_MOST_REPEATED = 2_000_000
"""Values that aliases may add to those that are written out."""
_CHARACTERS_A_VALUE = 100
"""A repeated text counts as one value more for each of these."""
_MOST_DIGITS = 1000
_MOST_KEY = 1000
_STANDARD = "tag:yaml.org,2002:"
_MERGE = "<<"
_WORDS: Mapping[str, Scalar] = {
    form: value
    for words, value in ((("null",), None), (("true", "yes", "on"), True), (("false", "no", "off"), False))
    for word in words
    for form in (word, word.capitalize(), word.upper())
} | {"": None, "~": None}
_INTEGER = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?\Z")
_NO_NUMBER = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")


class YamlLimitError(ValueError):
    """The document is more than is read: nested too deeply, or repeating itself without end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlDocument:
    """What a YAML text holds."""

    value: Json
    """None for a text without a document."""
    left_out: tuple[tuple[str, Json], ...]
    """Key and value of what stands under a key that comes again, with another value."""
    has_more: bool
    """Whether something follows the first document."""


def first_document(text: str) -> YamlDocument:
    """The first document of a text; values that stand there by an alias are shared, not copied.

    Raises:
        YamlLimitError: it is nested too deeply, holds itself, or repeats itself more than two million times.
        yaml.YAMLError: it is no YAML.
    """
    parser: Any = yaml.CSafeLoader(text)
    try:
        parser.get_event()
        if type(parser.get_event()) is yaml.StreamEndEvent:
            return YamlDocument(value=None, left_out=(), has_more=False)
        builder = _Builder(parser)
        value = builder.value(parser.get_event(), 0)
        parser.get_event()
        return YamlDocument(value=value, left_out=tuple(builder.left_out), has_more=_has_more(parser))
    finally:
        parser.dispose()


def _has_more(parser: Any) -> bool:
    try:
        return not parser.check_event(yaml.StreamEndEvent)
    except yaml.YAMLError:
        return True


class _Builder:
    """Makes values of events; counts what aliases repeat."""

    def __init__(self, parser: Any) -> None:
        self._next = parser.get_event
        self._anchors: dict[str, tuple[Json, int, int]] = {}
        """Value, how many values it is, and how many levels it has."""
        self._weight = 0
        self._deepest = 0
        self._repeated = 0
        self.left_out: list[tuple[str, Json]] = []

    def value(self, event: Any, depth: int) -> Json:
        """The value that begins with an event."""
        kind = type(event)
        if kind is yaml.AliasEvent:
            return self._alias(event.anchor, depth)
        if kind is not yaml.ScalarEvent:
            return self._collection(event, depth)
        found = _scalar(event)
        self._weigh(event, found)
        return found

    def _weigh(self, event: Any, found: Scalar) -> None:
        weight = 1 + len(event.value) // _CHARACTERS_A_VALUE
        self._weight += weight
        if event.anchor is not None:
            self._anchors[event.anchor] = (found, weight, 0)

    def _collection(self, event: Any, depth: int) -> Json:
        if depth >= MOST_NESTING:
            raise YamlLimitError("it is nested too deeply")
        weight, deepest = self._weight, self._deepest
        self._deepest = depth + 1
        if type(event) is yaml.SequenceStartEvent:
            found: Json = self._sequence(depth)
        else:
            mapping = self._mapping(depth)
            found = list(mapping) if event.tag == _STANDARD + "set" else mapping
        if event.anchor is not None:
            self._anchors[event.anchor] = (found, self._weight - weight, self._deepest - depth)
        self._deepest = max(deepest, self._deepest)
        return found

    def _alias(self, anchor: str | None, depth: int) -> Json:
        if anchor is None or anchor not in self._anchors:
            raise YamlLimitError(f"the alias {anchor!r:.80} names nothing before it, or what it stands in")
        found, weight, height = self._anchors[anchor]
        self._weight += weight
        self._repeated += weight
        self._deepest = max(self._deepest, depth + height)
        if self._repeated > _MOST_REPEATED:
            raise YamlLimitError(f"its aliases repeat more than {_MOST_REPEATED:,} values")
        if self._deepest > MOST_NESTING:
            raise YamlLimitError("it is nested too deeply")
        return found

    def _sequence(self, depth: int) -> list[Json]:
        found: list[Json] = []
        self._weight += 1
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            found.append(self.value(event, depth + 1))
        return found

    def _mapping(self, depth: int) -> dict[str, Json]:
        found: dict[str, Json] = {}
        merged: dict[str, Json] = {}
        self._weight += 1
        while type(event := self._next()) is not yaml.MappingEndEvent:
            key = self._key(event, depth)
            value = self.value(self._next(), depth + 1)
            if key == _MERGE and _is_plain(event) and (sources := _merge_sources(value)) is not None:
                for name, inner in (pair for source in sources for pair in source.items()):
                    merged.setdefault(name, inner)
                continue
            if key in found and found[key] != value:
                self.left_out.append((key, found[key]))
            found[key] = value
        return {**merged, **found} if merged else found

    def _key(self, event: Any, depth: int) -> str:
        """The text of a key; a list or an object in its place is written as JSON."""
        if type(event) is not yaml.ScalarEvent:
            found = self.value(event, depth + 1)
            return found if isinstance(found, str) else json.dumps(found)[:_MOST_KEY]
        text: str = event.value
        self._weigh(event, text)
        return text


def _merge_sources(value: Json) -> list[Mapping[str, Json]] | None:
    """What ``<<`` brings in, or None where it names no mappings: then it is a key like any other."""
    sources = value if isinstance(value, list) else [value]
    mappings: list[Mapping[str, Json]] = [source for source in sources if isinstance(source, dict)]
    return mappings if len(mappings) == len(sources) else None


def _is_plain(event: Any) -> bool:
    return bool(event.tag is None and type(event) is yaml.ScalarEvent and event.implicit[0])


def _scalar(event: Any) -> Scalar:
    text: str = event.value
    if event.tag is None:
        return _plain(text) if event.implicit[0] else text
    tag = event.tag.removeprefix(_STANDARD)
    if tag == "binary":
        return _binary(text)
    found = _plain(text) if tag in {"int", "float", "bool", "null"} else text
    return float(found) if tag == "float" and type(found) is int and abs(found) < 1 << 1000 else found


def _plain(text: str) -> Scalar:
    """What a text without quotes stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "-+.0123456789":
        return text
    try:
        if _INTEGER.match(text):
            return _integer(text.replace("_", ""))
        if _FLOAT.match(text):
            return float(text.replace("_", ""))
    except ValueError:  # `0x_`, or more digits than Python takes for a number
        return text
    return float(text.replace(".", "", 1)) if _NO_NUMBER.match(text) else text


def _integer(digits: str) -> int:
    bare = digits.lstrip("-+")
    if bare.startswith(("0b", "0x")):
        base = 0 if len(bare) <= _MOST_DIGITS else 10  # a number that cannot be written out again is left a text
    else:
        base = 8 if len(bare) > 1 and bare.startswith("0") else 10
    return int(bare, base) * (-1 if digits.startswith("-") else 1)


def _binary(text: str) -> str:
    try:
        return base64.b64decode(text).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return text
