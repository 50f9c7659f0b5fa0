"""Means, standard errors and confidence intervals (Wilson 1927; Miller, "Adding Error Bars to Evals", 2024)."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from evaltrail.stats.student import normal_quantile, t_quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A confidence interval, ends included."""

    low: float
    high: float


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean, the same in whatever order the values come.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("the mean of no values")
    return math.fsum(values) / len(values)


def standard_error(values: Sequence[float]) -> float | None:
    """Standard error of the mean of independent values, None for fewer than two.

    Source: central limit theorem with the n - 1 variance (Miller 2024, section 2.1).
    """
    n = len(values)
    if n < 2:
        return None
    centre = mean(values)
    return math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (n * (n - 1)))


def clustered_standard_error(values: Sequence[float], clusters: Sequence[Hashable]) -> float | None:
    """Standard error of the mean where values of one cluster depend on each other; None for fewer than two.

    Args:
        values: shape (n,).
        clusters: shape (n,), the cluster of each value.

    Source: Miller 2024, section 2.2, with the factor G / (G - 1) for G clusters, so that clusters of one value each
    give ``standard_error`` exactly.
    """
    centre = mean(values)
    deviations: dict[Hashable, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        deviations.setdefault(cluster, []).append(value - centre)
    count = len(deviations)
    if count < 2:
        return None
    squares = math.fsum(math.fsum(part) ** 2 for part in deviations.values())
    return math.sqrt(squares * count / (count - 1)) / len(values)


def wilson_interval(share: float, n: float, level: float = 0.95) -> Interval:
    """Wilson's score interval of a share.

    Args:
        share: in [0, 1].
        n: trials behind the share, above 0; an effective number where trials depend on each other.
        level: confidence in (0, 1).

    Source: Wilson 1927, without continuity correction.
    """
    z = normal_quantile(0.5 + level / 2.0)
    spread = z * z / n
    centre = (share + spread / 2.0) / (1.0 + spread)
    half = z / (1.0 + spread) * math.sqrt(share * (1.0 - share) / n + spread / (4.0 * n))
    # Rounding would leave the ends a hair inside at shares of exactly 0 and 1.
    low = 0.0 if share == 0.0 else max(0.0, centre - half)
    high = 1.0 if share == 1.0 else min(1.0, centre + half)
    return Interval(low=low, high=high)


def t_interval(centre: float, stderr: float, df: int, level: float = 0.95) -> Interval:
    """Student's interval around a mean, from its standard error and degrees of freedom (values or clusters minus 1)."""
    half = t_quantile(0.5 + level / 2.0, df) * stderr
    return Interval(low=centre - half, high=centre + half)
