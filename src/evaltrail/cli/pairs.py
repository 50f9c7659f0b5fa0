"""K=V arguments."""

from __future__ import annotations

from collections.abc import Sequence

from evaltrail.core.errors import InputError
from evaltrail.core.values import Scalar


def read_pairs(words: Sequence[str], flag: str) -> dict[str, Scalar]:
    """The pairs of a repeated K=V flag; values stay text.

    Raises:
        InputError: a word is no pair, or a key stands twice.
    """
    pairs: dict[str, Scalar] = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign or not key:
            raise InputError(f"{flag} {word!r} is no K=V", code="usage", hint=f"write {flag} name=value")
        if key in pairs:
            raise InputError(f"{flag} {key!r} is given twice", code="usage")
        pairs[key] = value
    return pairs
