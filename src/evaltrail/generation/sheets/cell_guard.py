"""Cells that a spreadsheet would run as a formula: defused on the way out, restored exactly on the way in.

A cell is dangerous that begins with ``= + - @``, a tab or a line's end, also behind spaces, or behind apostrophes: the
latter so that a text which has one of its own is told from one that was defused.
"""

from __future__ import annotations

import re

_DANGEROUS = re.compile(r"'*[\s\ufeff\u200b]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""The last four are the full-width signs, which some spreadsheets take for the plain ones."""


def defuse(text: str) -> str:
    """The text as a cell may hold it: with an apostrophe before what a spreadsheet would run."""
    return f"'{text}" if _DANGEROUS.match(text) else text


def restore(cell: str) -> str:
    """The text that a cell was made of; ``restore(defuse(text)) == text`` for every text."""
    return cell[1:] if cell.startswith("'") and _DANGEROUS.match(cell[1:]) else cell
