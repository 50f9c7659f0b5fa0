"""Which stored thing an id, or the beginning of one, means."""

from __future__ import annotations

from collections.abc import Iterable

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest

_MOST_TOLD = 5


def find_id(given: str, known: Iterable[str], *, noun: str, hint: str) -> str:
    """The one known id that is meant by an id or by the beginning of one.

    Args:
        given: as somebody wrote it.
        known: whole ids.
        noun: what it is the id of, for the error: ``upload``.
        hint: where the ids can be seen.

    Raises:
        InputError: none begins so (``unknown_id``), or several do (``ambiguous_id``).
    """
    ids = sorted(known)
    found = [each for each in ids if given and each.startswith(given)]
    if given in found:
        return given
    if not found:
        raise InputError(f"no {noun} has the id {given!r:.80}", code="unknown_id", hint=nearest(given, ids) or hint)
    if len(found) > 1:
        told = ", ".join(found[:_MOST_TOLD]) + (", ..." if len(found) > _MOST_TOLD else "")
        raise InputError(f"several ids begin with {given!r}: {told}", code="ambiguous_id", hint="give more of it")
    return found[0]


def page_of(ids: list[str], *, after: str, limit: int | None, noun: str) -> list[str]:
    """The part of a listing that comes after an id.

    Args:
        ids: all of them, in the order of the listing.
        after: the last id of the part before; empty = from the begin.
        limit: so many at most; None = all the rest.
        noun: what is listed, for the error.

    Raises:
        InputError: the listing holds no such id (``unknown_id``).
    """
    if after and after not in ids:
        raise InputError(
            f"no {noun} has the id {after!r:.80}, after which the listing was to go on",
            code="unknown_id",
            hint="list from the begin again",
        )
    first = ids.index(after) + 1 if after else 0
    return ids[first:] if limit is None else ids[first : first + limit]
