"""Further aggregates of one metric's scores, by the names that MLflow's judges know them by."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence

SPREADS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "min": min,
    "max": max,
    "median": statistics.median,
    "variance": lambda values: float(statistics.pvariance(values)),
    "p90": lambda values: percentile(values, 0.9),
}
"""The variance is that of these scores (divided by n), as numpy's and MLflow's is."""


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies, between two of them in proportion.

    Args:
        values: not empty.
        share: in [0, 1].

    Source: Hyndman and Fan 1996, definition 7; numpy's default.
    """
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
