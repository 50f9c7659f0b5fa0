"""The last words of a log: what a program said before it ended."""

from __future__ import annotations

from pathlib import Path

_LOOKED_AT_BYTES = 4096
_MOST_CHARACTERS = 500


def last_line(log: Path) -> str:
    """The last line that is not blank, cut to some hundred characters; ``it said nothing`` where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LOOKED_AT_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    return next((line.strip()[:_MOST_CHARACTERS] for line in reversed(lines) if line.strip()), "it said nothing")
