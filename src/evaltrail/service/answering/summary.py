"""A short summary of an evaluation, for people and for CI."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from evaltrail.service.answering.account import (
    EvaluationAccount,
    Message,
    MlflowSync,
    Problem,
    RunAccount,
    SampleCount,
    State,
)
from evaltrail.service.answering.results import BenchmarkResults, EvaluationResults, SampleCounts
from evaltrail.service.catalog.verdict import Word


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkSummary:
    """One benchmark, in a few figures."""

    id: str
    provider_id: str
    state: State
    metric: str = ""
    """The primary one, else the first that grades; empty = none is known."""
    value: float | None = None
    n: int | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    threshold: float | None = None
    verdict: Word = "none"
    error: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSummary:
    """One evaluation, in a few figures."""

    id: str
    name: str
    model: str
    collection: str
    state: State
    message: Message
    is_final: bool
    benchmarks: tuple[BenchmarkSummary, ...]
    states: Mapping[State, int]
    """How many benchmarks are in each state; states without one are left out."""
    samples: SampleCounts
    """Of all benchmarks; empty before the end."""
    progress: SampleCount
    score: float | None
    """Weighted, of all primary metrics; None while one is missing."""
    threshold: float
    verdict: Word
    missing: tuple[str, ...] = ()
    """Benchmarks whose primary metric is missing."""
    reason: str = ""
    """Why the verdict is undetermined."""
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    waited_s: float | None
    """Seconds from its acceptance to its first unit's begin."""
    duration_s: float | None
    """Seconds from that begin to the end; None while it is not over."""
    tokens: int
    runs: tuple[RunAccount, ...]
    mlflow_sync: MlflowSync
    links: Mapping[str, str]


def summarise(account: EvaluationAccount, results: EvaluationResults) -> EvaluationSummary:
    """The summary of an evaluation.

    Args:
        account: of the evaluation.
        results: of the same evaluation.
    """
    test = results.test
    return EvaluationSummary(
        id=account.id,
        name=account.name,
        model=account.model.name,
        collection=account.collection,
        state=account.state,
        message=account.message,
        is_final=account.is_over,
        benchmarks=tuple(map(_benchmark, results.benchmarks)),
        states=Counter(each.state for each in account.benchmarks),
        samples=_summed(results),
        progress=account.progress,
        score=test.score,
        threshold=test.threshold,
        verdict=test.verdict,
        missing=test.missing,
        reason=test.reason,
        created_at=account.created_at,
        started_at=account.started_at,
        ended_at=account.ended_at,
        waited_s=_seconds(account.created_at, account.started_at),
        duration_s=_seconds(account.started_at, account.ended_at),
        tokens=account.tokens,
        runs=account.runs,
        mlflow_sync=account.mlflow_sync,
        links=account.links,
    )


def _benchmark(results: BenchmarkResults) -> BenchmarkSummary:
    wanted = results.verdict.metric
    grades = (metric for metric in results.metrics if metric.is_grade)
    found = next((metric for metric in results.metrics if metric.name == wanted) if wanted else grades, None)
    return BenchmarkSummary(
        id=results.id,
        provider_id=results.provider_id,
        state=results.state,
        metric=wanted or (found.name if found else ""),
        value=found.value if found else None,
        n=found.n if found else None,
        ci_low=found.ci_low if found else None,
        ci_high=found.ci_high if found else None,
        threshold=results.verdict.threshold,
        verdict=results.verdict.verdict,
        error=results.error,
    )


def _summed(results: EvaluationResults) -> SampleCounts:
    unscored: Counter[str] = Counter()
    for each in results.benchmarks:
        unscored.update(each.counts.unscored)
    return SampleCounts(
        total=sum(each.counts.total for each in results.benchmarks),
        scored=sum(each.counts.scored for each in results.benchmarks),
        unscored=dict(unscored),
        failed=sum(each.counts.failed for each in results.benchmarks),
    )


def _seconds(begun: datetime | None, ended: datetime | None) -> float | None:
    return None if begun is None or ended is None else max(0.0, (ended - begun).total_seconds())
