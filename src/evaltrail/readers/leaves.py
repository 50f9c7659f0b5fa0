"""The scalars of a document by their paths: numbers as metrics, the rest as settings, none of them forgotten."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import cast

from evaltrail.config.redaction import is_secret_name, redact_text, without_secrets
from evaltrail.core.metric import MetricValue
from evaltrail.core.values import Json, Scalar
from evaltrail.readers.notes import Notes

MOST_SETTINGS = 80
_MOST_CHARACTERS = 6000
_LOOKED_AT = 500
"""Characters of a text that may show in a note."""
MOST_LEAVES = 2_000_000


def leaves(value: Json) -> Iterator[tuple[tuple[str, ...], Scalar]]:
    """Path and value of every scalar, in the order of the document; the items of a list are named 0, 1, 2...

    Made one at a time; stops after ``MOST_LEAVES``, more than any result of use holds.
    """
    open_ones = [_members((), {"": value})]
    count = 0
    while open_ones and count < MOST_LEAVES:
        member = next(open_ones[-1], None)
        if member is None:
            open_ones.pop()
            continue
        path, found = member
        if isinstance(found, str | int | float | None):
            count += 1
            yield path[1:], found
        else:
            open_ones.append(_members(path, found))


def _members(path: tuple[str, ...], value: Json) -> Iterator[tuple[tuple[str, ...], Json]]:
    """Path and value of each thing right below a path, made one at a time."""
    if isinstance(value, Mapping):
        return (((*path, str(key)), inner) for key, inner in value.items())
    return (((*path, str(place)), inner) for place, inner in enumerate(cast("Sequence[Json]", value)))


def number(value: Json) -> float | None:
    """The finite number that a scalar is or spells (``1e-05`` is a text to YAML), else None; no bool is a number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and not (isinstance(value, str) and "_" in value) else None


def why_no_number(value: Json) -> str:
    """What to note of a value that should be a number and is none; texts without the secrets in them."""
    if value is None:
        return "it is null"
    if isinstance(value, int) and not isinstance(value, bool):
        return "it is beyond the range of floating-point numbers"
    if isinstance(value, float):
        return f"{value!r} is not a finite number"
    shown = redact_text(value[:_LOOKED_AT]) if isinstance(value, str) else value
    return f"{shown!r:.80} is no number"


def measured(name: str, value: Json, notes: Notes, *, where: str) -> tuple[MetricValue, ...]:
    """The metric of a plain number, or nothing and a note.

    Args:
        name: as the producer says it.
        value: the number, or what stands in its place.
        notes: told why there is no metric.
        where: the value's path in its file, for the note.
    """
    found = number(value)
    if found is None:
        is_hidden = isinstance(value, str) and is_secret_name(name)
        notes.skip(where, "it is no number, and its name says it is a secret" if is_hidden else why_no_number(value))
        return ()
    return (MetricValue(name=name, value=found, better="neither"),)


def settings(
    value: Json, notes: Notes, *, where: str, leave_out: Collection[str] = (), most: int = MOST_SETTINGS
) -> dict[str, Scalar]:
    """The scalars of a document under dotted names, fit for params: no secrets, no long texts, not too many.

    Args:
        value: a mapping.
        notes: told what is left out, as one line.
        where: the document's name, for the note.
        leave_out: names at the top that were read already.
        most: settings at most.
    """
    cleaned, _ = without_secrets(value)
    found: dict[str, Scalar] = {}
    more = 0
    for path, leaf in leaves(cleaned):
        if not path or path[0] in leave_out or leaf is None:
            continue
        if len(found) >= most or (isinstance(leaf, str) and len(leaf) > _MOST_CHARACTERS):
            more += 1
        else:
            found[_free_name(".".join(path), leaf, found)] = leaf
    if more:
        notes.skip(f"{where}: {more:,} settings", "too many or too long for params; they are in the file")
    return found


def _free_name(name: str, value: Scalar, taken: Mapping[str, Scalar]) -> str:
    """The name, or with a number behind it where another value has it: ``{"a.b": 1, "a": {"b": 2}}``."""
    found, count = name, 2
    while found in taken and repr(taken[found]) != repr(value):
        found, count = f"{name}_{count}", count + 1
    return found
