"""Rows of a summary with those of some jobs replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from evaltrail.destinations.files.entry import Key

Row = TypeVar("Row")


def merged(before: Sequence[Row], fresh: Mapping[Key, Sequence[Row]], key_of: Callable[[Row], Key]) -> list[Row]:
    """The rows so far with the fresh ones in them.

    Args:
        before: the rows so far.
        fresh: all rows of each job that has some; they stand where the job's first row stood, else at the end.
        key_of: the job of a row.
    """
    waiting = dict(fresh)
    kept: list[Row] = []
    for row in before:
        key = key_of(row)
        kept += waiting.pop(key, ()) if key in fresh else (row,)
    return kept + [row for rows in waiting.values() for row in rows]
