"""Values as the tables keep them: JSON as text, times as microseconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from evaltrail.core.errors import InputError, StorageError
from evaltrail.core.values import Json

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_text(value: Json, where: str = "") -> str:
    """The value as JSON in ASCII, which every database keeps as it is.

    Raises:
        InputError: it holds what JSON does not know, such as NaN.
    """
    try:
        return _ENCODE(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"it cannot be kept as JSON: {error}", where=where) from error


def from_text(text: str | None) -> Any:
    """The value that was kept; None where there is none.

    Raises:
        StorageError: what was kept is no JSON, so that somebody else has written it.
    """
    if not text or text == "null":  # as most places and results are
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise StorageError(
            f"the database of jobs holds what is no JSON: {error}",
            code="database_broken",
            hint="mend that row, or remove the job",
        ) from error


def moment(microseconds: int) -> datetime:
    """The time in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def moment_if(microseconds: int | None) -> datetime | None:
    """The time in UTC; None where there is none."""
    return None if microseconds is None else moment(microseconds)


def _plain(value: object) -> dict[str, Json]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


_ENCODE = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_plain).encode
"""Made once: `json.dumps` makes an encoder for every value where its options are not the usual ones."""
