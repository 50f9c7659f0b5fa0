"""Evaluations side by side: of every metric the values with what they rest on, the best ones, and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from evaltrail.core.metric import Better
from evaltrail.service.answering.account import State
from evaltrail.service.answering.results import BenchmarkResults, EvaluationResults, MetricResult
from evaltrail.service.catalog.verdict import Word


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedEvaluation:
    """One of those that are compared."""

    id: str
    name: str
    model: str
    state: State
    score: float | None
    """Weighted, of all its primary metrics."""
    verdict: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedValue:
    """What one evaluation has for a metric: a value, or the reason that it has none."""

    evaluation_id: str
    value: float | None = None
    n: int | None = None
    n_unscored: int = 0
    stderr: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    is_best: bool = False
    """Whether none is better; several are where they are equal, none where no direction is the better one."""
    missing: str = ""
    """``not_run`` (the evaluation has no such benchmark), ``not_over``, ``failed``, ``cancelled``, ``not_measured``,
    ``unscored`` (nothing could be scored); empty = there is a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedMetric:
    """One metric of one benchmark over all evaluations."""

    benchmark: str
    """``provider/id``; the second of the same in one evaluation ends in ``#2``."""
    metric: str
    unit: str
    better: Better
    is_primary: bool
    """Whether one of the evaluations counts it for its score."""
    values: tuple[ComparedValue, ...]
    """One an evaluation, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Evaluations side by side."""

    evaluations: tuple[ComparedEvaluation, ...]
    metrics: tuple[ComparedMetric, ...]
    notes: tuple[str, ...] = ()
    """What makes values hard to compare, a sentence each."""


def compare(results: Sequence[EvaluationResults]) -> Comparison:
    """Evaluations side by side.

    Args:
        results: of at least two, in the order in which they are to be told.
    """
    own = [dict(_named(each)) for each in results]
    names = list(dict.fromkeys(name for each in own for name in each))
    metrics = [
        _metric(name, metric, results, [each.get(name) for each in own])
        for name in names
        for metric in _metrics(each.get(name) for each in own)
    ]
    return Comparison(
        evaluations=tuple(map(_evaluation, results)),
        metrics=tuple(metrics),
        notes=tuple(note for name in names for note in _notes(name, [each.get(name) for each in own])),
    )


def _evaluation(results: EvaluationResults) -> ComparedEvaluation:
    return ComparedEvaluation(
        id=results.id,
        name=results.name,
        model=results.model,
        state=results.state,
        score=results.test.score,
        verdict=results.test.verdict,
    )


def _named(results: EvaluationResults) -> Iterator[tuple[str, BenchmarkResults]]:
    """The benchmarks of an evaluation, each under a name of its own."""
    seen: Counter[str] = Counter()
    for each in results.benchmarks:
        name = f"{each.provider_id}/{each.id}"
        seen[name] += 1
        yield (name if seen[name] == 1 else f"{name}#{seen[name]}"), each


def _metrics(benchmarks: Iterator[BenchmarkResults | None]) -> Sequence[MetricResult]:
    """Every metric that one of them has, or counts for its score, once."""
    found: dict[str, MetricResult] = {}
    wanted: dict[str, MetricResult] = {}
    for each in benchmarks:
        for metric in each.metrics if each is not None else ():
            found.setdefault(metric.name, metric)
        if each is not None and each.verdict.metric:  # a primary metric that nobody has is told as missing
            primary = each.verdict
            better: Better = "lower" if primary.lower_is_better else "higher"
            wanted.setdefault(primary.metric, MetricResult(name=primary.metric, value=None, n=None, better=better))
    return tuple({**wanted, **found}.values())


def _metric(
    benchmark: str,
    metric: MetricResult,
    results: Sequence[EvaluationResults],
    own: Sequence[BenchmarkResults | None],
) -> ComparedMetric:
    values = [_value(each.id, each.is_final, one, metric.name) for each, one in zip(results, own, strict=True)]
    known = [each.value for each in values if each.value is not None]
    counting = next((one.verdict for one in own if one is not None and one.verdict.metric == metric.name), None)
    better = metric.better
    if better == "neither" and counting is not None:  # its producer does not say, and who counts it does
        better = "lower" if counting.lower_is_better else "higher"
    best = {"higher": max, "lower": min}.get(better) if len(known) > 1 else None
    mark = best(known) if best else None
    return ComparedMetric(
        benchmark=benchmark,
        metric=metric.name,
        unit=metric.unit,
        better=better,
        is_primary=counting is not None,
        values=tuple(_marked(each, mark) for each in values),
    )


def _value(evaluation_id: str, is_final: bool, benchmark: BenchmarkResults | None, name: str) -> ComparedValue:
    if benchmark is None:
        return ComparedValue(evaluation_id=evaluation_id, missing="not_run")
    found = next((metric for metric in benchmark.metrics if metric.name == name), None)
    if found is None:
        state = benchmark.state if benchmark.state in {"failed", "cancelled"} else "not_measured"
        return ComparedValue(evaluation_id=evaluation_id, missing=state if is_final else "not_over")
    return ComparedValue(
        evaluation_id=evaluation_id,
        value=found.value,
        n=found.n,
        n_unscored=found.n_unscored,
        stderr=found.stderr,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        missing="unscored" if found.value is None else "",
    )


def _marked(value: ComparedValue, mark: float | None) -> ComparedValue:
    return replace(value, is_best=True) if mark is not None and value.value == mark else value


def _notes(name: str, own: Sequence[BenchmarkResults | None]) -> Iterator[str]:
    measured = [each for each in own if each is not None and each.metrics]
    if not measured:
        yield f"{name}: none of them has a value"
    digests = {each.dataset.digest for each in measured if each.dataset is not None}
    if len(digests) > 1:
        yield f"{name}: the data sets differ, so that the values are not of the same samples"
    totals = {each.counts.total for each in measured}
    if len(totals) > 1 and len(digests) <= 1:
        shown = ", ".join(f"{total:,}" for total in sorted(totals))
        yield f"{name}: the numbers of samples differ ({shown})"
