"""Which samples a page holds: those that are asked for, after so many were looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from evaltrail.core.sample import Sample, Score

SampleFilter = Literal["", "failed", "unscored"]
FILTERS: tuple[SampleFilter, ...] = ("", "failed", "unscored")
MOST_LOOKED_AT = 20_000
"""A page that few samples fit ends after so many: a request has its end whatever it asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a page is to hold."""

    limit: int
    only: SampleFilter = ""
    """Failed: not answered, or graded below 1; unscored: some grade is missing; empty = all."""
    observed: frozenset[str] = frozenset()
    """Metrics that grade nothing."""
    has_metrics: bool = True
    """False before the end, when nobody has said which metrics grade: then only what is plainly wrong has failed."""

    def takes(self, sample: Sample) -> bool:
        """Whether the page is to hold a sample."""
        if not self.only:
            return True
        scores = [score for name, score in sample.scores.items() if name not in self.observed]
        if self.only == "unscored":
            return any(score.reason for score in scores) or bool(sample.error)
        return bool(sample.error) or any(map(self._is_wrong, scores))

    def _is_wrong(self, score: Score) -> bool:
        if not isinstance(score.value, bool | float | int):
            return False
        return score.value < 1 if self.has_metrics else score.value == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A sample, and where the next one may be."""

    sample: Sample
    task: str = ""
    after: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The samples of a page."""

    found: tuple[Found, ...] = ()
    goes_on: tuple[int, int] | None = None
    """Where the next page begins; None = there is nothing more."""


def choose(samples: Iterable[Found], wanted: Wanted, *, most: int = MOST_LOOKED_AT) -> Chosen:
    """The samples of a page.

    Args:
        samples: from where the page begins, in their order.
        wanted: of them.
        most: that are looked at.
    """
    found: list[Found] = []
    last: tuple[int, int] | None = None
    for looked, each in enumerate(samples):
        if len(found) == wanted.limit or looked == most:
            return Chosen(found=tuple(found), goes_on=last)
        last = each.after
        if wanted.takes(each.sample):
            found.append(each)
    return Chosen(found=tuple(found))
