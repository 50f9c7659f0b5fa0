"""Rounds: windows are asked side by side for what is missing, until nothing is, or nobody has more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from evaltrail.core.question import QuestionType
from evaltrail.generation.asking.paid_model import BUDGET
from evaltrail.generation.asking.together import together
from evaltrail.generation.checking import Checked, Checker, question_of
from evaltrail.generation.drafts import Draft, Passage
from evaltrail.generation.harvest import DUPLICATE, QUOTA, Gathered, Harvest
from evaltrail.generation.quotas import Quota, share_missing
from evaltrail.generation.sieve.near_duplicate import normal
from evaltrail.generation.source import Source, WriteOrder
from evaltrail.generation.watching import Watcher


class Rounds:
    """Asks for questions until the harvest is whole.

    Inside of a round no window waits for another one: its questions are checked as soon as they are written. What
    depends on other windows is decided at the end of the round, in their order.

    Args:
        passages: every window with its chunks.
        source: who writes.
        checker: the gates.
        harvest: where questions go.
        watcher: told what comes.
        concurrency: windows at work at a time.
        personas: who asks, in turn.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        source: Source,
        checker: Checker,
        harvest: Harvest,
        watcher: Watcher,
        *,
        concurrency: int,
        personas: Sequence[str] = (),
    ) -> None:
        self._passages = passages
        self._source = source
        self._checker = checker
        self._harvest = harvest
        self._watcher = watcher
        self._concurrency = concurrency
        self._personas = personas
        self._known: set[str] = set()

    async def run(self, most: int) -> None:
        """Ask until nothing is missing.

        Args:
            most: attempts at what could be asked for at once.

        Raises:
            EndpointError: every further request would fail too; answers are kept.
        """
        attempt = 0
        while most > 0:
            wanted = self._shared_out()
            if not any(wanted):
                return
            attempt += 1
            asked = [at_most(each, self._source.most) for each in wanted]
            accepted = self._harvest.accepted
            gathered = await self._round(asked, attempt)
            self._harvest.take(gathered)
            self._known = {normal(question.query) for question in self._harvest.questions}
            self._watcher.round_ended(self._harvest.accepted)
            if any(each.reason == BUDGET for each in gathered):
                return
            # Where more was wanted than may be asked for at once, the rest is no second attempt.
            if asked == list(wanted) or self._harvest.accepted == accepted:
                most -= 1

    def _shared_out(self) -> tuple[Quota, ...]:
        """What each window is asked for now."""
        offered = {kind: count for kind, count in self._harvest.missing.items() if kind in self._source.offers}
        return share_missing(offered, self._harvest.given, spent=self._harvest.spent)

    async def _round(self, asked: Sequence[Quota], attempt: int) -> list[Gathered]:
        found: dict[int, Gathered] = {}
        waiting = iter([place for place, wanted in enumerate(asked) if wanted])

        async def work(places: Iterator[int]) -> None:
            for place in places:
                found[place] = await self._window(place, asked[place], attempt)

        workers = min(self._concurrency, sum(map(bool, asked)))
        await together(work(waiting) for _ in range(workers))
        return [found[place] for place in sorted(found)]

    async def _window(self, place: int, wanted: Quota, attempt: int) -> Gathered:
        passage = self._passages[place]
        persona = self._personas[(place + attempt - 1) % len(self._personas)] if self._personas else ""
        order = WriteOrder(
            passage=passage, wanted=wanted, before=self._harvest.before[place], attempt=attempt, persona=persona
        )
        held = await self._source.begin(order)
        try:
            writing = await self._source.write(order)
            if writing.reason:
                self._watcher.lost(writing.reason)
            chosen = self._chosen(writing.drafts, order)
            checked = await together(self._check(draft, passage, reason) for draft, reason in chosen)
        finally:
            self._source.finish(held)
        return Gathered(
            place=place,
            passage=passage,
            wanted=wanted,
            checked=tuple(checked),
            reason=writing.reason,
            detail=writing.detail,
            spent=writing.spent,
        )

    def _chosen(self, drafts: Sequence[Draft], order: WriteOrder) -> list[tuple[Draft, str]]:
        """Each draft with the reason why it need not even be checked: no call is spent on it."""
        room: Counter[QuestionType] = Counter(dict(order.wanted))
        here: set[tuple[str, str]] = set()
        chosen: list[tuple[Draft, str]] = []
        for draft in drafts:
            words = normal(draft.query)
            reason = ""
            if draft.query and (words in self._known or (words, draft.response) in here):
                reason = DUPLICATE
            elif room[draft.type] <= 0:
                reason = QUOTA
            else:
                room[draft.type] -= 1
            here.add((words, draft.response))
            chosen.append((draft, reason))
        return chosen

    async def _check(self, draft: Draft, passage: Passage, reason: str) -> Checked:
        if reason == DUPLICATE:
            checked = _unchecked(draft, passage).rejected(reason, "the same words were asked before")
        elif reason:
            checked = _unchecked(draft, passage).rejected(reason, "more than its window was asked for")
        else:
            checked = await self._checker.check(draft, passage)
        self._watcher.checked(checked.reason)
        return checked


def at_most(wanted: Quota, most: int) -> Quota:
    """As much of a window's share as one order may ask for, of every type about as large a part."""
    total = sum(wanted.values())
    if total <= most:
        return wanted
    kept: dict[QuestionType, int] = {}
    done = 0
    for kind, count in wanted.items():
        kept[kind] = (done + count) * most // total - done * most // total
        done += count
    return {kind: count for kind, count in kept.items() if count}


def _unchecked(draft: Draft, passage: Passage) -> Checked:
    return Checked(question=question_of(draft, passage, None, {}))
