"""The messages that docs/troubleshooting.md explains, as patterns: words in capitals stand for anything."""

from __future__ import annotations

import re
from pathlib import Path

_PAGE = Path(__file__).resolve().parents[1] / "docs" / "troubleshooting.md"
_PLACEHOLDER = re.compile(r"\b(?:HOST:PORT|NAME|WHY|PORT|ID|N)\b")
_LEAST = 12
"""Shorter words in code letters are names, not messages."""


def told_messages() -> tuple[str, ...]:
    """What the first column of the page's tables quotes."""
    rows = [line for line in _PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    quoted = [span for row in rows for span in re.findall(r"`([^`]+)`", row.split(" | ")[0])]
    return tuple(span for span in quoted if len(span) >= _LEAST and " " in span)


def explanations_of(message: str) -> list[str]:
    """The quoted messages that a message begins with."""
    return [told for told in told_messages() if re.match(_pattern(told), message)]


def _pattern(told: str) -> str:
    parts = _PLACEHOLDER.split(told)
    return ".+".join(map(re.escape, parts))
