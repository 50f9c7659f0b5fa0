"""Labels: names that strangers gave, made fit to be shown. They are never used as paths."""

from __future__ import annotations

import re

_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters, those that turn the direction of writing, and halves of characters."""
_MOST = 255


def file_label(name: str) -> str:
    """The last part of a file's name, without what cannot be shown; ``document`` where nothing is left."""
    last = _UNSHOWN.sub("", name).replace("\\", "/").rstrip("/ ").rpartition("/")[2].strip()
    return "document" if last.strip(".") == "" else _shortened(last)


def source_label(name: str) -> str:
    """A source as a chunk names it, folders kept, without what cannot be shown; may be empty."""
    return _shortened(_UNSHOWN.sub("", name).strip())


def _shortened(name: str) -> str:
    """The name with at most 255 characters; its end stays, which tells the format."""
    return name if len(name) <= _MOST else f"{name[: _MOST - 33]}...{name[-30:]}"
