"""Quotas: which window is asked for how many questions of which type, so that the totals come out exactly."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from evaltrail.core.question import QUESTION_TYPES, QuestionType

Quota = Mapping[QuestionType, int]
"""How many questions of each type; a type that is not wanted is not named."""


def share_out(totals: Quota, windows: int) -> tuple[Quota, ...]:
    """What each window is asked for in the first round.

    Every type is spread over all windows, and no window is asked for two questions more than another. The same totals
    are always shared alike.

    Args:
        totals: of each type over all windows.
        windows: how many there are; without any nothing is asked.
    """
    return share_missing(totals, [0] * windows)


def still_missing(totals: Quota, accepted: Quota) -> dict[QuestionType, int]:
    """How many of each type are wanted yet; types that are complete are not named."""
    left = {kind: totals.get(kind, 0) - accepted.get(kind, 0) for kind in QUESTION_TYPES}
    return {kind: count for kind, count in left.items() if count > 0}


def share_missing(
    missing: Quota, given: Sequence[int], *, spent: Mapping[QuestionType, Collection[int]] | None = None
) -> tuple[Quota, ...]:
    """What each window is asked for in a later round: those that gave least come first.

    Args:
        missing: of each type over all windows.
        given: questions that were accepted of each window.
        spent: per type the places (from 0) of windows that have no more of it. A type whose windows are all spent is
            asked of none.
    """
    asked: list[dict[QuestionType, int]] = [{} for _ in given]
    load = list(given)
    for kind in QUESTION_TYPES:
        gone = frozenset((spent or {}).get(kind, ()))
        able = [place for place in range(len(given)) if place not in gone]
        for place, count in _shares(missing.get(kind, 0), able, load).items():
            asked[place][kind] = count
            load[place] += count
    return tuple(asked)


def _shares(count: int, able: Sequence[int], load: Sequence[int]) -> dict[int, int]:
    """The count over the windows that are able to give, the less loaded ones first."""
    shares: dict[int, int] = {}
    if not able:
        return shares
    # Filled like vessels: level by level, and where a level cannot be filled the rest lies evenly spread over it.
    levels = {place: load[place] for place in able}
    while count > 0:
        lowest = min(levels.values())
        low = [place for place, level in levels.items() if level == lowest]
        higher = [level for level in levels.values() if level > lowest]
        if count < len(low):
            low, rise = _spread(low, count), 1
        else:
            rise = min(count // len(low), min(higher, default=lowest + count) - lowest)
        for place in low:
            shares[place] = shares.get(place, 0) + rise
            levels[place] += rise
        count -= rise * len(low)
    return shares


def _spread(places: Sequence[int], count: int) -> list[int]:
    """So many of the places, evenly spaced."""
    return [places[(2 * turn + 1) * len(places) // (2 * count)] for turn in range(count)]
