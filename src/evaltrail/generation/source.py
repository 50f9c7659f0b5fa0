"""What questions come from: a model that is asked, or the text alone. Both are ordered from window by window."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from evaltrail.core.question import QuestionType
from evaltrail.generation.drafts import Draft, Passage
from evaltrail.generation.quotas import Quota


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOrder:
    """What one window is to give in one round."""

    passage: Passage
    wanted: Quota
    """Not empty, and no zeros in it."""
    before: tuple[str, ...] = ()
    """Questions that earlier rounds brought of this window, good or bad."""
    attempt: int = 1
    """Round, from 1."""
    persona: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """What came of an order."""

    drafts: tuple[Draft, ...] = ()
    """In the order they were written; may be more or fewer than were wanted."""
    reason: str = ""
    """Why there are none: ``unreadable``, ``refused``, ``http_500``..."""
    detail: str = ""
    spent: frozenset[QuestionType] = field(default_factory=frozenset)
    """Types that the window has no more of."""


class Source(Protocol):
    """Writes drafts; used by many coroutines at a time."""

    offers: frozenset[QuestionType]
    """Types that it can write at all."""
    most: int
    """Questions that one order may ask for; further ones follow in further orders."""

    async def begin(self, order: WriteOrder) -> int:
        """Wait until there is room for a window; hand the answer to ``finish``."""
        ...

    def finish(self, worst: int) -> None:
        """The window is done, its questions checked."""
        ...

    async def write(self, order: WriteOrder) -> Writing:
        """The drafts of one window, or why there are none.

        Raises:
            EndpointError: every further order would fail too.
        """
        ...
