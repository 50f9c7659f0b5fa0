"""Notes: what was met in a document and could not be kept, each reason told once."""

from __future__ import annotations

from evaltrail.core.delivery import Skipped

_NAMED = 5


class Notes:
    """Gathers what was left out."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = {}
        self._more: dict[str, int] = {}

    def add(self, what: str, why: str) -> None:
        """Note one thing; of many with the same reason the first five are named and the others counted."""
        named = self._found.setdefault(why, [])
        if len(named) < _NAMED:
            named.append(what)
        else:
            self._more[why] = self._more.get(why, 0) + 1

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """One entry a reason."""
        return tuple(Skipped(what=self._told(why), why=why) for why in self._found)

    def _told(self, why: str) -> str:
        more = self._more.get(why, 0)
        return ", ".join(self._found[why]) + (f" and {more:,} more" if more else "")
