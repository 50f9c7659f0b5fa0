"""Lists of texts in one cell: as JSON, or as Python shows a list (pandas writes them so); anything else is one text.

Python's form is read by its grammar for strings alone, so that nothing is ever evaluated and nothing nests.
"""

from __future__ import annotations

import re

import msgspec

from evaltrail.core.decoding import decoder

_DECODER = decoder(tuple[str, ...])
_ITEM = re.compile(r"""\s*[uU]?(?:'([^'\\]*+(?:\\.[^'\\]*+)*+)'|"([^"\\]*+(?:\\.[^"\\]*+)*+)")\s*(?:,|\Z)""", re.DOTALL)
_NOTHING_MORE = re.compile(r"\s*\Z")
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U(00(?:0[0-9a-fA-F]{5}|10[0-9a-fA-F]{4}))|(.))", re.DOTALL
)
_SIMPLE = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_LIST_OF_MORE = re.compile(r"\[\s*[uU]?['\"\[{].*\]\s*", re.DOTALL)
"""What cannot be meant as a text of its own: ``[1] Smith et al.`` can, ``['a', ...]`` cannot."""


def read_texts(cell: str) -> tuple[str, ...]:
    """The texts that a cell lists; one that is no list is a list of one, and an empty one lists nothing.

    Raises:
        ValueError: it looks like a list and cannot be read as one; says why.
    """
    if not cell.strip():
        return ()
    try:
        return _DECODER.decode(cell)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        found = _python_list(cell.strip())
    if found is not None:
        return found
    if _LIST_OF_MORE.fullmatch(cell):
        raise ValueError("neither a JSON list of texts nor a Python one")
    return (cell,)


def _python_list(text: str) -> tuple[str, ...] | None:
    """The strings of a list as Python shows it; None where it is none."""
    if not (text.startswith("[") and text.endswith("]")):
        return None
    inner, place, found = text[1:-1], 0, []
    while not _NOTHING_MORE.match(inner, place):
        item = _ITEM.match(inner, place)
        if item is None:
            return None
        found.append(_unescaped(item[2] if item[1] is None else item[1]))
        place = item.end()
    return tuple(found)


def _unescaped(body: str) -> str:
    return _ESCAPE.sub(_character, body) if "\\" in body else body


def _character(found: re.Match[str]) -> str:
    """What an escape stands for; one that Python does not know stands for itself, as there."""
    code = found[1] or found[2] or found[3]
    return chr(int(code, 16)) if code else _SIMPLE.get(found[4], found[0])
