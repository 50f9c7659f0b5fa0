"""Identity: ids for what we make, content digests for what we are given."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from evaltrail.core.values import Json

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_CLOSE = 0.7
_MINUTE_MS = 0x1_0000
"""66 seconds, in as many milliseconds as four hex digits count."""
_SPREAD = 40_503
"""The golden ratio's share of them: minutes that follow one another are far apart, and none comes again for 49 days."""
_PART = 3
"""Characters of a known word that is looked for in a longer one."""


def new_id() -> str:
    """A fresh id of 16 hex digits: 4 of its minute, 4 of the time in it, 8 at random.

    What is made at the same time lies together in an index, and what is made in another minute begins otherwise, so
    that a few digits are a usable prefix.
    """
    minute, within = divmod(time.time_ns() // 1_000_000, _MINUTE_MS)
    return f"{minute * _SPREAD % _MINUTE_MS:04x}{within:04x}{secrets.token_hex(4)}"


def digest(value: Json) -> str:
    """The identity of a JSON value: 32 hex digits of blake2b over its canonical form (sorted keys)."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return digest_bytes(text.encode("utf-8", "surrogatepass"))


def digest_bytes(data: bytes) -> str:
    """The identity of some bytes: 32 hex digits of blake2b."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def slug(text: str) -> str:
    """The text as a safe file name: letters, digits, ``_ . -``, at most 80 characters, never hidden, never empty."""
    return _UNSAFE.sub("-", text).strip("-.")[:80] or "unnamed"


def nearest(word: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` with the closest known word, or an empty string when none is close."""
    close = nearest_word(word, known)
    return f"did you mean {close!r}?" if close else ""


def nearest_word(word: str, known: Iterable[str]) -> str:
    """The closest known word, or an empty string when none is close."""
    return next(iter(get_close_matches(word, list(known), n=1)), "")


def alike(word: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """The known words that one may have been meant for: close ones, else those that hold it or that it holds.

    Args:
        word: as it was written, in whatever case.
        known: what there is.
        most: so many at most, the likeliest first.
    """
    by_fold = {each.casefold(): each for each in known}
    plain = word.casefold()
    close = get_close_matches(plain, by_fold, n=most, cutoff=_CLOSE)
    parts = sorted((each for each in by_fold if plain in each or (len(each) >= _PART and each in plain)), key=len)
    return [by_fold[each] for each in (close or parts)[:most]] if plain else []


def did_you_mean(words: Sequence[str]) -> str:
    """``did you mean 'x' or 'y'?``; empty where there are none."""
    return f"did you mean {' or '.join(map(repr, words))}?" if words else ""
