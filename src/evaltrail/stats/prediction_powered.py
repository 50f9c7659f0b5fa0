"""A mean from few labels and many predictions (Angelopoulos et al. 2023: PPI and PPI++)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evaltrail.stats.interval import mean, t_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class PoweredMean:
    """What the mean of all labels would be, had every item been labelled."""

    value: float
    stderr: float
    low: float
    high: float
    weight: float
    """Lambda: how far the predictions are used, from 0 (labels alone) to 1."""
    n: int
    """Labelled items."""
    n_unlabelled: int


def powered_mean(labels: Sequence[float], predictions: Sequence[float], unlabelled: Sequence[float]) -> PoweredMean:
    """The mean of the labels over all items, with a 95 % interval that holds however bad the predictions are.

    The weight is the one with the least variance, so that the interval is, for many items, never wider than that of
    the labels alone. The ends come from Student's t with n - 1 degrees of freedom, where the papers take the normal
    quantile: with few labels that would promise too much.

    Args:
        labels: shape (n,), n >= 2: the truth of the labelled items.
        predictions: shape (n,): the prediction for each of them.
        unlabelled: shape (N,), N >= 1: predictions for items without a label, drawn as the labelled ones were.

    Raises:
        ValueError: fewer values than that, or labels without their prediction.

    Source: Angelopoulos, Duchi, Zrnic 2023, "PPI++", section 6 (power tuning), for the mean.
    """
    n, size = len(labels), len(unlabelled)
    if n < 2 or not size or len(predictions) != n:
        raise ValueError(f"no estimate from {n} labels, {len(predictions)} predictions for them and {size} others")
    weight = _best_weight(labels, predictions, unlabelled)
    left = [label - weight * guess for label, guess in zip(labels, predictions, strict=True)]
    value = weight * mean(unlabelled) + mean(left)
    spread = weight * weight * _variance(unlabelled) / size if size > 1 else 0.0
    stderr = math.sqrt(spread + _variance(left) / n)
    around = t_interval(value, stderr, n - 1)
    return PoweredMean(
        value=value, stderr=stderr, low=around.low, high=around.high, weight=weight, n=n, n_unlabelled=size
    )


def _best_weight(labels: Sequence[float], predictions: Sequence[float], unlabelled: Sequence[float]) -> float:
    """The weight of least variance, in [0, 1]; 0 where the predictions never differ or there is one other item."""
    every = (*predictions, *unlabelled)
    variance = _variance(every)
    if not variance or len(unlabelled) < 2:
        return 0.0
    label_mean, guess_mean = mean(labels), mean(predictions)
    together = math.fsum(
        (label - label_mean) * (guess - guess_mean) for label, guess in zip(labels, predictions, strict=True)
    ) / (len(labels) - 1)
    best = together / ((1.0 + len(labels) / len(unlabelled)) * variance)
    return min(1.0, max(0.0, best))


def _variance(values: Sequence[float]) -> float:
    centre = mean(values)
    return math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1)
