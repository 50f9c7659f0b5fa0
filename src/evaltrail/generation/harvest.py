"""Harvest: what rounds have brought, decided in the order of the windows so that it does not matter who came first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from evaltrail.core.question import Question, QuestionType, Rejected
from evaltrail.generation.asking.paid_model import BUDGET
from evaltrail.generation.checking import Checked
from evaltrail.generation.drafts import Passage
from evaltrail.generation.quotas import Quota, still_missing
from evaltrail.generation.sieve.near_duplicate import NearDuplicates

QUOTA = "quota"
"""Reason of a question beyond those that were asked for."""
DUPLICATE = "duplicate"
TOO_FEW = "too_few"
"""Why a question is missing that a window was asked for and did not give."""
_NOT_ASKED = frozenset({BUDGET})
"""Reasons of windows of which nothing was asked: no answer was rejected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What one window gave in one round."""

    place: int
    """Of the window, from 0."""
    passage: Passage
    wanted: Quota
    checked: tuple[Checked, ...] = ()
    reason: str = ""
    """Why it gave nothing."""
    detail: str = ""
    spent: frozenset[QuestionType] = field(default_factory=frozenset)


class Harvest:
    """The questions so far.

    Args:
        totals: of each type over all windows.
        windows: how many there are.
        duplicate: from which likeness on two questions are one; 0 = likeness is not asked for.
    """

    def __init__(self, totals: Quota, *, windows: int, duplicate: float) -> None:
        self._totals = totals
        self._near = NearDuplicates(duplicate)
        self._asks_near = duplicate > 0.0
        self._ids: set[str] = set()
        self._questions: list[tuple[int, Question]] = []
        self._rejected: list[tuple[int, Rejected]] = []
        self._accepted: Counter[QuestionType] = Counter()
        self.given = [0] * windows
        """Accepted of each window."""
        self.before: list[tuple[str, ...]] = [()] * windows
        """Every question that each window brought, good or bad."""
        self.spent: dict[QuestionType, set[int]] = {}
        """Per type the places of windows that have no more of it."""
        self._lost: dict[QuestionType, Counter[str]] = {}
        """Per type why the last round that asked for it did not bring all."""
        self._met: dict[QuestionType, Counter[str]] = {}
        """Per type everything that stopped a question in any round."""

    @property
    def missing(self) -> dict[QuestionType, int]:
        """How many of each type are wanted yet."""
        return still_missing(self._totals, self._accepted)

    @property
    def accepted(self) -> int:
        """Questions so far."""
        return len(self._questions)

    @property
    def questions(self) -> tuple[Question, ...]:
        """In the order of the windows."""
        return tuple(question for _, question in sorted(self._questions, key=lambda each: each[0]))

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        """In the order of the windows."""
        return tuple(each for _, each in sorted(self._rejected, key=lambda each: each[0]))

    def take(self, gathered: Sequence[Gathered]) -> None:
        """Decide on all that one round brought.

        Args:
            gathered: a window each, in their order.
        """
        for kind in {kind for each in gathered for kind in each.wanted}:
            self._lost[kind] = Counter()
        for each in gathered:
            self._take(each)

    def explained(self, kinds: Collection[QuestionType], otherwise: str) -> dict[str, int]:
        """Why questions are missing, reason to how many: exactly as many as are missing.

        The last round that asked for a type tells. Windows that gave too few then had nothing to give but what was
        stopped before, so that the reasons for this come first.

        Args:
            kinds: types that are looked at.
            otherwise: reason of those that nothing explains.
        """
        found: Counter[str] = Counter()
        for kind, count in self.missing.items():
            if kind in kinds:
                lost, met = self._lost.get(kind, Counter()), self._met.get(kind, Counter())
                told = _cut(Counter({reason: lost[reason] for reason in lost if reason != TOO_FEW}), count)
                told += _cut(met - told, min(lost[TOO_FEW], count - told.total()))
                told += _cut(Counter({TOO_FEW: lost[TOO_FEW]}), count - told.total())
                found += told
                # Windows that were not asked for all of it at once would have fared as those that were asked did.
                usual = max(sorted(told), key=told.__getitem__) if told else otherwise
                found[usual] += count - told.total()
        return {reason: count for reason, count in sorted(found.items()) if count}

    def _take(self, each: Gathered) -> None:
        accepted: Counter[QuestionType] = Counter()
        reasons: dict[QuestionType, list[str]] = {}
        for checked in each.checked:
            decided = self._decided(checked)
            kind = decided.question.type
            if decided.reason:
                if decided.reason != QUOTA:
                    reasons.setdefault(kind, []).append(decided.reason)
                self._reject(each.place, decided)
            else:
                accepted[kind] += 1
                self._accepted[kind] += 1
                self._questions.append((each.place, decided.question))
        if each.reason and each.reason not in _NOT_ASKED:
            self._reject(each.place, Checked(question=_nothing(each), reason=each.reason, detail=each.detail))
        self.given[each.place] += accepted.total()
        self.before[each.place] += tuple(checked.question.query for checked in each.checked)
        for kind in each.spent:
            self.spent.setdefault(kind, set()).add(each.place)
        for kind, count in each.wanted.items():
            slots = max(0, count - accepted[kind])
            told = reasons.get(kind, [])[:slots]
            told += [each.reason or TOO_FEW] * (slots - len(told))
            self._lost[kind].update(told)
            self._met.setdefault(kind, Counter()).update(reason for reason in told if reason != TOO_FEW)

    def _decided(self, checked: Checked) -> Checked:
        """The question as it stands among the others."""
        question = checked.question
        if checked.reason:
            return checked
        if self._accepted[question.type] >= self._totals.get(question.type, 0):
            return checked.rejected(QUOTA, f"there are {self._totals.get(question.type, 0)} of its type already")
        if question.id in self._ids:
            return checked.rejected(DUPLICATE, "the same question with the same answer")
        gated = self._near.seen(question.query, question.response)
        if not gated.passed:
            scores = {**question.gates, DUPLICATE: round(gated.score, 6)}
            return replace(checked.rejected(DUPLICATE, gated.detail), question=replace(question, gates=scores))
        self._ids.add(question.id)
        if not self._asks_near:
            return checked
        scores = {**question.gates, DUPLICATE: round(gated.score, 6)}
        return replace(checked, question=replace(question, gates=scores))

    def _reject(self, place: int, checked: Checked) -> None:
        rejected = Rejected(question=checked.question, reason=checked.reason, detail=checked.detail)
        self._rejected.append((place, rejected))


def _nothing(each: Gathered) -> Question:
    """A question without words: of its window alone."""
    cited = each.passage.chunks[0]
    return Question(
        id="",
        query="",
        response="",
        relevant_chunks=tuple(chunk.text for chunk in each.passage.chunks),
        type=next(iter(each.wanted)),
        source=cited.source,
        page=cited.page,
        chunk_ids=tuple(chunk.number for chunk in each.passage.chunks),
        window=each.passage.window.number,
    )


def _cut(reasons: Counter[str], most: int) -> Counter[str]:
    """So many of the reasons at most, the frequent ones first."""
    cut: Counter[str] = Counter()
    for reason, count in sorted(reasons.items(), key=lambda each: (-each[1], each[0])):
        cut[reason] = min(count, most - cut.total())
    return +cut
