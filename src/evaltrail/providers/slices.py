"""Slices of questions: by which of their attributes results are told apart, and for which values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from evaltrail.core.delivery import Skipped

SLICED = ("type", "difficulty", "source")
"""Attributes for whose values results are told apart."""
MOST_SLICES = 50
"""Values of one attribute that get results of their own: the commonest."""
NO_SLICES: Mapping[str, Sequence[str]] = MappingProxyType({})


class SliceValues:
    """The values of those attributes, counted over the questions of a task."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in SLICED}

    def see(self, told: Mapping[str, object]) -> None:
        """Take in what one question is."""
        for name, counts in self._counts.items():
            if name in told:
                counts[str(told[name])] += 1

    def slices(self) -> dict[str, Sequence[str]]:
        """Attribute to the values that get a slice, the commonest first."""
        return {name: [value for value, _ in _commonest(counts)] for name, counts in self._counts.items()}

    def left_out(self) -> tuple[Skipped, ...]:
        """What gets none, and why."""
        return tuple(_left_out(name, counts) for name, counts in self._counts.items() if len(counts) > MOST_SLICES)


def _commonest(counts: Counter[str]) -> Sequence[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:MOST_SLICES]


def _left_out(name: str, counts: Counter[str]) -> Skipped:
    told = sum(count for _, count in _commonest(counts))
    return Skipped(
        what=f"results by {name}",
        why=f"the {MOST_SLICES} commonest of {len(counts):,} are told apart: {told:,} of {counts.total():,} questions",
    )
