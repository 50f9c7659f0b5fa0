"""Quantiles of the normal and of Student's t distribution (Abramowitz and Stegun 1964, 26.2, 26.7)."""

from __future__ import annotations

import math
from collections.abc import Callable

_MANY = 1000


def normal_quantile(probability: float) -> float:
    """The point below which a standard normal variable falls with this probability, which lies in (0, 1)."""
    _require_open_unit(probability)
    if probability < 0.5:
        return -normal_quantile(1.0 - probability)
    upper = 1.0 - probability
    return _root(lambda x: upper - 0.5 * math.erfc(x / math.sqrt(2.0)), 0.0, 40.0)


def t_quantile(probability: float, df: int) -> float:
    """The point below which Student's t falls with this probability, to a relative 1e-9.

    Args:
        probability: in (0, 1).
        df: degrees of freedom, at least 1.

    Raises:
        ValueError: an argument is out of its range.
    """
    _require_open_unit(probability)
    if df < 1:
        raise ValueError(f"degrees of freedom must be at least 1, not {df}")
    if probability < 0.5:
        return -t_quantile(1.0 - probability, df)
    if df > _MANY:
        return _t_quantile_many(normal_quantile(probability), df)
    inside = 2.0 * probability - 1.0
    angle = _root(lambda theta: _t_inside(theta, df) - inside, 0.0, math.pi / 2.0)
    return math.sqrt(df) * math.tan(angle)


def _t_inside(theta: float, df: int) -> float:
    """P(|T| < sqrt(df) tan(theta)), a finite sum for whole degrees of freedom (26.7.3 and 26.7.4)."""
    sine, cosine = math.sin(theta), math.cos(theta)
    square = cosine * cosine
    is_odd = df % 2 == 1
    term = cosine if is_odd else 1.0
    total = term if df > 1 else 0.0
    for j in range(3 if is_odd else 2, df - 1, 2):
        term *= square * (j - 1) / j
        total += term
    return 2.0 / math.pi * (theta + sine * total) if is_odd else sine * total


def _t_quantile_many(z: float, df: int) -> float:
    """Student's quantile as the normal one plus its expansion in 1/df (26.7.5), for many degrees of freedom."""
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    third = (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0
    fourth = (79.0 * z**9 + 776.0 * z**7 + 1482.0 * z**5 - 1920.0 * z**3 - 945.0 * z) / 92160.0
    return z + (first + (second + (third + fourth / df) / df) / df) / df


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    """Where a rising function crosses zero, by halving until no float lies between."""
    while True:
        middle = 0.5 * (low + high)
        if middle in {low, high}:
            return middle
        if rising(middle) < 0.0:
            low = middle
        else:
            high = middle


def _require_open_unit(probability: float) -> None:
    if not 0.0 < probability < 1.0:
        raise ValueError(f"a probability must lie between 0 and 1, not {probability}")
