"""Notes: what a reader meets and cannot keep, written down as it goes along."""

from __future__ import annotations

from evaltrail.core.delivery import Skipped

_MOST = 1000
_MOST_CHARACTERS = 1000


class Notes:
    """What was left out of one result, and why; bounded, the rest is counted."""

    def __init__(self) -> None:
        self._noted: list[Skipped] = []
        self._more = 0

    def skip(self, what: str, why: str) -> None:
        """Note one thing that is left out.

        Args:
            what: the value's path, or the file and line: ``beir.json: NDCG@10``.
            why: the reason, with the next step where there is one.
        """
        if len(self._noted) < _MOST:
            self._noted.append(Skipped(what=_printable(what), why=_printable(why)))
        else:
            self._more += 1

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Everything noted, in order."""
        more = (Skipped(what=f"{self._more:,} more", why=f"only the first {_MOST:,} are listed"),) if self._more else ()
        return (*self._noted, *more)


def _printable(text: str) -> str:
    """The text as any terminal and table takes it: not endless, no control characters, no bytes that are no text."""
    if len(text) > _MOST_CHARACTERS:
        text = text[:_MOST_CHARACTERS] + "..."
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
