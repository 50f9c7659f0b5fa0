"""Fields: a document of the catalog read strictly, each value by its kind, so that a typo is an error with a place."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.values import Json

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_SHOWN = 60
_LONGEST = 4000
_LARGEST = 1e15


@dataclass(frozen=True, slots=True)
class Fields:
    """One mapping and where it stands."""

    values: Mapping[str, Json]
    place: str
    """Such as ``catalog.yaml: servers.lab``; empty at the top of a request."""

    @classmethod
    def of(cls, value: Json, place: str, known: Sequence[str]) -> Fields:
        """The mapping, once every key of it is known.

        Raises:
            InputError: it is no mapping, or has another key.
        """
        fields = cls(_mapping(value, place), place)
        for key in fields.values:
            if key not in known:
                hint = nearest(key, known) or f"known: {', '.join(known)}"
                raise InputError(f"unknown key {key[:_SHOWN]!r}", code="unknown_key", where=fields.at(key), hint=hint)
        return fields

    def at(self, key: str) -> str:
        """Where a key stands, for errors."""
        return joined(self.place, key)

    def text(self, key: str, default: str = "") -> str:
        """A text of one value; the default where the key is not there."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, str) or len(value) > _LONGEST:
            self._refuse(key, f"a text of up to {_LONGEST:,} characters is wanted", "put it in quotes")
        return value.strip()

    def name(self, key: str, default: str = "") -> str:
        """A name that may stand in paths and URLs.

        Raises:
            InputError: it is not there and there is no default, or has other characters.
        """
        value = self.text(key, default)
        if not value:
            raise InputError(f"{key!r} is missing", code="missing_key", where=self.at(key), hint=f"add {key}: ...")
        return checked_name(value, self.at(key))

    def number(self, key: str) -> float | None:
        """A finite number."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_sane(value):
            self._refuse(key, "a number is wanted", "write it without quotes, such as 0.7")
        return float(value)

    def count(self, key: str, least: int) -> int | None:
        """A whole number."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _LARGEST:
            self._refuse(key, f"a whole number from {least} on is wanted", "write it without quotes")
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self.values.get(key)
        found = listed(value)
        if value is not None and (found is None or not all(isinstance(each, str) and each for each in found)):
            self._refuse(key, "a list of texts is wanted", "write [one, another]")
        return tuple(str(each) for each in found or ())

    def mapping(self, key: str) -> Mapping[str, Json]:
        """An object; an empty one where the key is not there."""
        value = self.values.get(key)
        return {} if value is None else _mapping(value, self.at(key))

    def items(self, key: str) -> Iterator[tuple[str, Json]]:
        """The elements of a list, each with its place; none where the key is not there.

        Raises:
            InputError: it is no list.
        """
        value = self.values.get(key)
        found = listed(value)
        if value is not None and found is None:
            self._refuse(key, "a list is wanted", "write - before each of them")
        for number, each in enumerate(found or ()):
            yield joined(self.at(key), str(number)), each

    def spelled(self, *keys: str) -> str:
        """Which of several spellings of one key is there; the first where none is.

        Raises:
            InputError: two of them are.
        """
        there = [key for key in keys if self.values.get(key) is not None]
        if len(there) > 1:
            message = f"{there[0]!r} and {there[1]!r} say the same"
            raise InputError(message, code="bad_value", where=self.at(there[1]), hint="keep one of them")
        return there[0] if there else keys[0]

    def _refuse(self, key: str, wanted: str, hint: str) -> NoReturn:
        shown = f"{self.values.get(key)!r}"[:_SHOWN]
        raise InputError(f"{wanted}, not {shown}", code="bad_value", where=self.at(key), hint=hint)


def joined(place: str, key: str) -> str:
    """The place of a key below a place."""
    return f"{place}.{key}" if place and not place.endswith(" ") else f"{place}{key}"


def listed(value: Json) -> Sequence[Json] | None:
    """The value if it is a list; None where it is not."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else None


def checked_name(value: str, where: str) -> str:
    """The name, once it may stand in paths and URLs.

    Raises:
        InputError: it may not.
    """
    if not _NAME.fullmatch(value):
        raise InputError(
            f"{value[:_SHOWN]!r} is no name: letters, digits, _ . and - are, 128 at most",
            code="bad_value",
            where=where,
            hint="begin it with a letter, a digit or _",
        )
    return value


def _mapping(value: Json, place: str) -> Mapping[str, Json]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        shown = f"{value!r}"[:_SHOWN]
        hint = "write key: value pairs"
        raise InputError(
            f"a mapping of keys to values is wanted, not {shown}", code="bad_value", where=place, hint=hint
        )
    return value


def _is_sane(value: float) -> bool:
    return math.isfinite(value) and abs(value) <= _LARGEST if isinstance(value, float) else abs(value) <= _LARGEST
