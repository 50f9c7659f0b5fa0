"""The verdict over measured benchmarks: each by its own threshold, all together by their weighted score; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from evaltrail.core.submission import Benchmark

DEFAULT_THRESHOLD = 0.5
"""Of the weighted score, where neither the request nor its collection says one."""

Word = Literal["pass", "fail", "undetermined", "none"]
"""``undetermined``: a value is missing, or values that count against each other; ``none``: nothing was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkVerdict:
    """What one benchmark came to."""

    id: str
    provider_id: str
    metric: str = ""
    """That counts, as it was measured, else as it was asked for; empty = none counts."""
    value: float | None = None
    """None = it was not measured, or no metric counts."""
    lower_is_better: bool = False
    weight: float = 1.0
    """0 = it counts for nothing but itself."""
    threshold: float | None = None
    verdict: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What all benchmarks came to."""

    score: float | None
    """sum(weight * value) / sum(weight) of those with a primary metric; None = one of them is missing, or none has."""
    threshold: float
    lower_is_better: bool = False
    """Whether the score has to stay below the threshold: every primary metric is one of that kind."""
    verdict: Word
    missing: tuple[str, ...] = ()
    """``provider/benchmark`` of each whose primary metric was not measured."""
    reason: str = ""
    """Why it is undetermined, in one sentence."""
    benchmarks: tuple[BenchmarkVerdict, ...] = ()
    """In their order."""


def judge(
    benchmarks: Sequence[Benchmark], measured: Mapping[int, Mapping[str, float | None]], threshold: float | None = None
) -> Verdict:
    """The verdict over some benchmarks.

    Args:
        benchmarks: of a submission, with weights, primary scores and thresholds.
        measured: place in ``benchmarks``, from 0, to metric and value; what is not there was not measured.
        threshold: of the weighted score: the request's, else the collection's; None = 0.5.
    """
    each = tuple(_one(benchmark, measured.get(place, {})) for place, benchmark in enumerate(benchmarks))
    counting = [one for one in each if one.metric and one.weight > 0]
    missing = tuple(f"{one.provider_id}/{one.id}" for one in counting if one.value is None)
    wanted = DEFAULT_THRESHOLD if threshold is None else threshold
    if not counting or missing:
        reason = f"no value of the primary metric: {', '.join(missing)}" if missing else ""
        word: Word = "undetermined" if missing else "none"
        return Verdict(score=None, threshold=wanted, verdict=word, missing=missing, reason=reason, benchmarks=each)
    score = _weighted([(one.weight, one.value) for one in counting if one.value is not None])
    directions = {one.lower_is_better for one in counting}
    if len(directions) > 1:
        reason = "of some primary metrics more is better, of others less: their mean has no better side"
        return Verdict(score=score, threshold=wanted, verdict="undetermined", reason=reason, benchmarks=each)
    is_bound = directions == {True}
    return Verdict(
        score=score,
        threshold=wanted,
        lower_is_better=is_bound,
        verdict=_compared(score, wanted, lower_is_better=is_bound),
        benchmarks=each,
    )


def metric_named(name: str, known: Iterable[str]) -> str:
    """The metric that a name means, or an empty string where it means none, or several.

    Args:
        name: whole, or without the filter that the harness writes behind it: ``acc`` for ``acc,none``.
        known: as results name them.
    """
    names = list(known)
    if name in names:
        return name
    close = [each for each in names if each.partition(",")[0] == name]
    plain = f"{name},none"
    return plain if plain in close else close[0] if len(close) == 1 else ""


def _one(benchmark: Benchmark, metrics: Mapping[str, float | None]) -> BenchmarkVerdict:
    primary = benchmark.primary_score
    if primary is None:
        return BenchmarkVerdict(
            id=benchmark.id,
            provider_id=benchmark.provider_id,
            weight=benchmark.weight,
            threshold=benchmark.threshold,
            verdict="none" if benchmark.threshold is None else "undetermined",
        )
    found = metric_named(primary.metric, metrics)
    value = metrics[found] if found else None
    if value is not None and not math.isfinite(value):
        value = None
    if benchmark.threshold is None:
        word: Word = "none"
    elif value is None:
        word = "undetermined"
    else:
        word = _compared(value, benchmark.threshold, lower_is_better=primary.lower_is_better)
    return BenchmarkVerdict(
        id=benchmark.id,
        provider_id=benchmark.provider_id,
        metric=found or primary.metric,
        value=value,
        lower_is_better=primary.lower_is_better,
        weight=benchmark.weight,
        threshold=benchmark.threshold,
        verdict=word,
    )


def _weighted(pairs: Sequence[tuple[float, float]]) -> float:
    """The mean, rounded once: equal values give that very value, so that a threshold they reach is reached."""
    total = sum(Fraction(weight) for weight, _ in pairs)
    return float(sum(Fraction(weight) * Fraction(value) for weight, value in pairs) / total)


def _compared(value: float, threshold: float, *, lower_is_better: bool) -> Word:
    is_good = value <= threshold if lower_is_better else value >= threshold
    return "pass" if is_good else "fail"
