"""ClozeSource: questions that a text gives without a model; a later order goes on where an earlier one ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from evaltrail.core.question import QuestionType
from evaltrail.generation.cloze.writing import CLOZE_TYPES, ClozeWriter
from evaltrail.generation.drafts import Passage
from evaltrail.generation.source import WriteOrder, Writing


class ClozeSource:
    """Questions by blanking out.

    Args:
        passages: every window.
        seed: of the choice of what is blanked out.
    """

    offers: frozenset[QuestionType] = CLOZE_TYPES
    most: int = 1000

    def __init__(self, passages: Sequence[Passage], *, seed: int) -> None:
        self._writer = ClozeWriter(passages, seed=seed)
        self._had: dict[int, Counter[QuestionType]] = {}

    async def begin(self, order: WriteOrder) -> int:
        """Nothing to wait for."""
        del order
        return 0

    def finish(self, worst: int) -> None:
        """Nothing is held."""

    async def write(self, order: WriteOrder) -> Writing:
        """The next drafts of a window: those that earlier orders did not have yet."""
        had = self._had.setdefault(order.passage.window.number, Counter())
        drafts = self._writer.write(order.passage, order.wanted, after=had)
        found = Counter(draft.type for draft in drafts)
        had.update(found)
        spent = frozenset(kind for kind, count in order.wanted.items() if found[kind] < count)
        return Writing(drafts=drafts, spent=spent)
