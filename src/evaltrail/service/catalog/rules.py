"""The rules of collections: primary metrics that their benchmarks have, and thresholds in the metric's own unit."""

from __future__ import annotations

from collections.abc import Sequence

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.submission import Benchmark, PrimaryScore
from evaltrail.service.catalog.entries import BenchmarkEntry
from evaltrail.service.catalog.fields import joined
from evaltrail.service.catalog.shelf import Shelf
from evaltrail.service.catalog.verdict import metric_named

_SHARES = frozenset({"acc", "acc_norm", "em", "exact_match"})
"""Metrics that are shares of right answers, whichever benchmark has them."""


def check_member(primary: PrimaryScore, metrics: Sequence[str], where: str) -> PrimaryScore:
    """The primary score, once its metric is one that the benchmark has, or the benchmark does not say what it has.

    Raises:
        InputError: it has others.
    """
    name = primary.metric
    if metrics and not metric_named(name, metrics) and name.partition(",")[0] not in metrics:
        several = [each for each in metrics if each.partition(",")[0] == name]
        hint = f"write {' or '.join(map(repr, several))}" if several else nearest(name, metrics)
        raise InputError(
            f"the benchmark has no metric {name[:80]!r}",
            code="unknown_metric",
            where=where,
            hint=hint or f"it has {', '.join(metrics)}",
        )
    return primary


def check_threshold(threshold: float | None, primary: PrimaryScore | None, entry: BenchmarkEntry, where: str) -> None:
    """Refuse a threshold that the primary metric can never be held to.

    Raises:
        InputError: there is no primary metric, or it is a share and the threshold lies outside of [0, 1].
    """
    if threshold is None:
        return
    if primary is None:
        hint = "add primary_score: {metric: ...}"
        message = f"a threshold of what? {entry.id!r} has no primary metric"
        raise InputError(message, code="missing_key", where=where, hint=hint)
    if is_share(primary.metric, entry) and not 0 <= threshold <= 1:
        raise _outside(threshold, primary.metric, where)


def check_together(members: Sequence[Benchmark], threshold: float | None, shelf: Shelf, where: str) -> None:
    """Refuse a threshold of the weighted score that shares can never come to.

    Raises:
        InputError: every primary metric is a share, and the threshold lies outside of [0, 1].
    """
    primaries = [(each, each.primary_score) for each in members if each.primary_score]
    if threshold is None or 0 <= threshold <= 1:
        return
    if primaries and all(
        is_share(score.metric, shelf.benchmark(each.provider_id, each.id)) for each, score in primaries
    ):
        raise _outside(threshold, "the weighted score", where)


def check_apart(members: Sequence[Benchmark], where: str) -> None:
    """Refuse two members of one id, by which results are told apart.

    Raises:
        InputError: there are two.
    """
    for number, each in enumerate(members):
        if any(each.id == other.id for other in members[:number]):
            message = f"the benchmark {each.id!r} stands twice"
            raise InputError(message, code="bad_value", where=joined(where, f"{number}.id"), hint="keep one of them")


def is_share(metric: str, entry: BenchmarkEntry) -> bool:
    """Whether a metric's values lie in [0, 1]; False where nobody says so."""
    bare = metric.partition(",")[0]
    return metric in entry.shares or bare in entry.shares or bare in _SHARES


def _outside(threshold: float, metric: str, where: str) -> InputError:
    hint = f"write {threshold / 100:g} for {threshold:g} percent" if 1 < threshold <= 100 else "give 0 to 1"
    message = f"the threshold {threshold:g} lies outside of 0 to 1, and {metric} cannot"
    return InputError(message, code="bad_threshold", where=where, hint=hint)
