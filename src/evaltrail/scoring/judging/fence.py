"""Fences text that others wrote off from what a judge is told, so that no text can close its own fence.

The key of a fence is a digest of the very texts inside it: a text that holds its own digest cannot be written down in
advance, and where one holds the key all the same, another key is taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b

_CONTROL = re.compile(r"<(?=\|)|<(?=/?s>|start_of_turn>|end_of_turn>)|\[(?=/?INST\])")
"""Where a chat template's own marks begin: an endpoint may read them as such wherever they stand."""
_KEY_BYTES = 6


def fenced(parts: Sequence[tuple[str, str]]) -> str:
    """The parts as ``fenced_verbatim`` has them, but for the marks of chat templates (``<|...|>``, ``[INST]``...).

    They get a space, so that what a judge is to grade is not read as its orders.
    """
    return fenced_verbatim([(name, _defused(text)) for name, text in parts])


def fenced_verbatim(parts: Sequence[tuple[str, str]]) -> str:
    """The parts as one text: the line ``Key: KEY``, then each between ``<<<KEY name`` and ``KEY>>>``, as it is.

    Args:
        parts: name and text of each. In names everything but letters, digits, ``_`` and ``-`` becomes ``_``.
    """
    texts = [text for _, text in parts]
    key = fence_key(texts)
    lines = [f"Key: {key}"]
    for (name, _), text in zip(parts, texts, strict=True):
        lines += (f"<<<{key} {_plain(name)}", text, f"{key}>>>")
    return "\n".join(lines)


def fence_key(texts: Sequence[str]) -> str:
    """Twelve hex digits that depend on all texts and stand in none of them."""
    state = blake2b("\0".join(texts).encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES)
    key = state.hexdigest()
    while any(key in text for text in texts):
        state.update(key.encode())
        key = state.hexdigest()
    return key


def _defused(text: str) -> str:
    return _CONTROL.sub(r"\g<0> ", text) if "<" in text or "[" in text else text


def _plain(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else re.sub(r"[^A-Za-z0-9_-]", "_", name)
