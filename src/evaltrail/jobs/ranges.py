"""Ranges: how the records of one large task are cut into units that several workers share."""

from __future__ import annotations

from itertools import pairwise
from math import ceil

_CONCURRENCIES = 20
"""A range ends with fewer and fewer requests in flight; at 20 times the concurrency that idles about 1/20 of it."""
_SECONDS = 300.0
_SECONDS_UNKNOWN = 1.0
"""Of an answer, where nobody has measured."""
_SHARES = 16
"""Parts that a task falls into even if it is done sooner, so that workers who come late find work too."""


def cut(
    total: int, concurrency: int, seconds_per_sample: float | None = None, *, repeats: int = 1
) -> tuple[range, ...]:
    """Ranges of positions, in order and without gaps, that differ in size by one record at most.

    A range holds about five minutes of work, less where the task would else be in fewer than 16 of them, but never
    less than 20 times the concurrency in samples.

    Args:
        total: records.
        concurrency: samples that one worker has in work at a time, at least 1.
        seconds_per_sample: from question to answer; None = not measured.
        repeats: samples a record, at least 1.

    Returns:
        At least one range; the only one is empty where there are no records.
    """
    least = -(-_CONCURRENCIES * concurrency // repeats)
    seconds = _SECONDS_UNKNOWN if seconds_per_sample is None else seconds_per_sample
    longest = max(1.0, _SECONDS * concurrency / (max(seconds, 1e-6) * repeats))
    parts = max(1, min(max(_SHARES, ceil(total / longest)), total // least))
    bounds = [total * number // parts for number in range(parts + 1)]
    return tuple(range(start, stop) for start, stop in pairwise(bounds))
