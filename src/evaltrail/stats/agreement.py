"""How far two raters agree beyond chance (Cohen 1960, 1968; Fleiss, Cohen and Everitt 1969)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from evaltrail.stats.interval import wilson_interval
from evaltrail.stats.student import normal_quantile

Weight = Callable[[Hashable, Hashable], float]
"""How far two classes are the same, in [0, 1]; 1 for a class and itself."""
Table = Mapping[tuple[Hashable, Hashable], int]

_ROUNDING = 1e-12
"""Variances below this are 0 in exact numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kappa:
    """Agreement beyond chance: 1 = always, 0 = as chance would have it, below 0 = less than that."""

    value: float | None = None
    """None exactly when chance alone would agree always, or there are no pairs."""
    stderr: float | None = None
    low: float | None = None
    """Lower end of the 95 % interval, at least -1."""
    high: float | None = None
    """Upper end, at most 1."""
    method: str = ""
    """``normal``; ``wilson`` where the large-sample variance is 0; empty without an interval."""
    reason: str = ""
    """Why there is no value (``no_pairs``, ``one_class``) or no interval (``constant_rater``: one of the two always
    said the same, which makes it 0 whatever the other said)."""


def cohens_kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> Kappa:
    """Cohen's kappa of two raters with its 95 % interval.

    Where all pairs agree (or none does) the variance is 0 although few pairs prove little: the interval is then that
    of Wilson for the agreement, with the chance agreement as it was found. Elsewhere it is the usual one, 1.96 standard
    errors either way, which is a little too narrow for few pairs: with 60 of them it held the true kappa 93 times of
    100 at 0.6, and 89 times at 0.9 (Nov 2026).

    Args:
        pairs: shape (n,), what each rater said of one item.

    Source: Cohen 1960; large-sample variance of Fleiss, Cohen and Everitt 1969, equation 13.
    """
    return _kappa(Counter(pairs), lambda one, other: float(one == other))


def weighted_kappa(pairs: Sequence[tuple[float, float]]) -> Kappa:
    """Cohen's kappa with quadratic weights, for numbers: near misses count for little.

    Args:
        pairs: shape (n,), what each rater said of one item; the distance of numbers counts, not of their ranks.

    Source: Cohen 1968; large-sample variance of Fleiss, Cohen and Everitt 1969, equation 8.
    """
    numbers = [number for pair in pairs for number in pair]
    width = max(numbers) - min(numbers) if numbers else 0.0
    if not width:
        return _kappa(Counter(pairs), lambda one, other: float(one == other))
    return _kappa(Counter(pairs), lambda one, other: 1.0 - ((one - other) / width) ** 2)  # type: ignore[operator]


def _kappa(table: Table, weight: Weight) -> Kappa:
    n = sum(table.values())
    if not n:
        return Kappa(reason="no_pairs")
    rows, columns = _margins(table)
    if len(rows) == 1 and rows.keys() == columns.keys():
        return Kappa(reason="one_class")
    observed = math.fsum(count * weight(one, other) for (one, other), count in table.items()) / n
    row_means = {one: math.fsum(share * weight(one, other) for other, share in columns.items()) for one in rows}
    column_means = {other: math.fsum(share * weight(one, other) for one, share in rows.items()) for other in columns}
    chance = math.fsum(share * row_means[one] for one, share in rows.items())
    value = (observed - chance) / (1.0 - chance)
    if len(rows) == 1 or len(columns) == 1:
        return Kappa(value=0.0, reason="constant_rater")
    spread = math.fsum(
        count * (weight(one, other) * (1.0 - chance) - (row_means[one] + column_means[other]) * (1.0 - observed)) ** 2
        for (one, other), count in table.items()
    )
    variance = spread / n - (observed * chance - 2.0 * chance + observed) ** 2
    if variance > _ROUNDING:
        stderr = math.sqrt(variance / n) / (1.0 - chance) ** 2
        half = normal_quantile(0.975) * stderr
        return Kappa(
            value=value, stderr=stderr, low=max(-1.0, value - half), high=min(1.0, value + half), method="normal"
        )
    around = wilson_interval(min(1.0, max(0.0, observed)), n)
    low, high = ((end - chance) / (1.0 - chance) for end in (around.low, around.high))
    return Kappa(value=value, stderr=0.0, low=max(-1.0, low), high=min(1.0, high), method="wilson")


def _margins(table: Table) -> tuple[dict[Hashable, float], dict[Hashable, float]]:
    """Share of each class with each rater."""
    n = sum(table.values())
    rows: Counter[Hashable] = Counter()
    columns: Counter[Hashable] = Counter()
    for (one, other), count in table.items():
        rows[one] += count
        columns[other] += count
    return {name: count / n for name, count in rows.items()}, {name: count / n for name, count in columns.items()}
