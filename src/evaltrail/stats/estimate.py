"""Estimate: a mean with its standard error and interval, by the rule that fits the data (Miller 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaltrail.stats.interval import clustered_standard_error, mean, standard_error, t_interval, wilson_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean and how sure it is."""

    value: float
    stderr: float | None = None
    """None where one independent value is all there is."""
    low: float | None = None
    high: float | None = None
    method: str = ""
    """``wilson``, ``t``, either with ``_clustered``; empty without an interval."""


def estimate_mean(values: Sequence[float], clusters: Sequence[int] | None = None) -> Estimate:
    """The mean with a t interval at 95 %; its degrees of freedom are independent values (or clusters) minus one.

    Args:
        values: shape (n,), n >= 1.
        clusters: shape (n,), values of one cluster depend on each other; None = all are independent.
    """
    centre = mean(values)
    stderr, units = _spread(values, clusters)
    if stderr is None:
        return Estimate(value=centre)
    interval = t_interval(centre, stderr, units - 1)
    method = "t" if clusters is None else "t_clustered"
    return Estimate(value=centre, stderr=stderr, low=interval.low, high=interval.high, method=method)


def estimate_share(shares: Sequence[float], trials: int, clusters: Sequence[int] | None = None) -> Estimate:
    """The mean of 0/1 outcomes with a Wilson interval at 95 %.

    Dependent outcomes count for less: the interval takes the effective number of trials that the standard error
    implies, never more than there were, and the number of independent units where all outcomes are alike.

    Args:
        shares: shape (n,), one per item: its outcome, or the share of its repeats that came out 1.
        trials: 0/1 outcomes behind all the shares; n when every item was tried once.
        clusters: shape (n,), items of one cluster depend on each other; None = all are independent.
    """
    centre = mean(shares)
    stderr, units = _spread(shares, clusters)
    is_plain = clusters is None and trials == len(shares)
    effective = float(trials) if is_plain else _effective_trials(centre, stderr, trials, units)
    interval = wilson_interval(centre, effective)
    method = "wilson" if is_plain else "wilson_clustered"
    return Estimate(value=centre, stderr=stderr, low=interval.low, high=interval.high, method=method)


def _spread(values: Sequence[float], clusters: Sequence[int] | None) -> tuple[float | None, int]:
    """Standard error and the number of independent units."""
    if clusters is None:
        return standard_error(values), len(values)
    return clustered_standard_error(values, clusters), len(set(clusters))


def _effective_trials(share: float, stderr: float | None, trials: int, units: int) -> float:
    if stderr is None or share in {0.0, 1.0}:
        return float(units)
    if stderr == 0.0:
        return float(trials)
    return min(float(trials), 1.0 + share * (1.0 - share) / stderr**2)
