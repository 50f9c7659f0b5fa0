"""Entries of the catalog that a path names: where there is none, the path leads nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from evaltrail.core.errors import InputError

_Entry = TypeVar("_Entry")
_UNKNOWN = frozenset({"unknown_provider", "unknown_benchmark", "unknown_collection", "unknown_server"})


def known(work: Callable[[], _Entry]) -> _Entry:
    """What is found under the path's id.

    Raises:
        InputError: (code ``not_found``) nothing is.
    """
    try:
        return work()
    except InputError as error:
        if error.code in _UNKNOWN:
            raise InputError(error.message, code="not_found", hint=error.hint) from error
        raise
