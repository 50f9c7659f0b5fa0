"""The results of an evaluation: metrics that say out of how many, counts, artifacts, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evaltrail.config.secrets import redact
from evaltrail.core.artifact import Artifact, Role
from evaltrail.core.dataset import Dataset
from evaltrail.core.metric import Better, MetricValue
from evaltrail.core.result import Counts, ResultBundle, TaskResult
from evaltrail.core.submission import Submission
from evaltrail.service.answering.account import (
    BenchmarkAccount,
    EvaluationAccount,
    MlflowSync,
    Problem,
    RunAccount,
    State,
)
from evaltrail.service.answering.phases import TASK_FAILED
from evaltrail.service.catalog.measured import judged, metrics_by_name, results_by_benchmark
from evaltrail.service.catalog.verdict import BenchmarkVerdict, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricResult:
    """One metric of a benchmark."""

    name: str
    """Of a group's member with the member's name before it: ``mmlu_law/acc``."""
    value: float | None
    """Finite; None where nothing could be scored."""
    n: int | None
    """Scored samples behind the value; None where its producer does not say."""
    n_unscored: int = 0
    unscored: Mapping[str, int] = field(default_factory=dict)
    """Reason to number of samples."""
    stderr: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    ci_level: float | None = None
    """None without an interval."""
    ci_method: str = ""
    unit: str = ""
    better: Better = "higher"
    is_grade: bool = True
    """Whether it grades answers, or only observes them."""
    floor: float | None = None
    """The value if every unscored sample had been wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleCounts:
    """What became of a benchmark's samples."""

    total: int = 0
    scored: int = 0
    unscored: Mapping[str, int] = field(default_factory=dict)
    failed: int = 0
    """Those among the unscored whose request failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactAccount:
    """A file of the result."""

    path: str
    role: Role
    media_type: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkResults:
    """What one benchmark came to."""

    index: int
    id: str
    provider_id: str
    state: State
    metrics: tuple[MetricResult, ...] = ()
    """None of them before the end."""
    counts: SampleCounts = SampleCounts()
    performance: Mapping[str, float] = field(default_factory=dict)
    """``runtime_seconds``, ``requests``, ``tokens_in``, ``latency_p50``..."""
    dataset: Dataset | None = None
    verdict: BenchmarkVerdict
    error: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationResults:
    """What an evaluation came to; before its end what is known."""

    id: str
    name: str
    state: State
    is_final: bool
    """Whether it goes no further by itself."""
    model: str
    test: Verdict
    """Of all benchmarks together; ``undetermined`` while a primary metric is missing."""
    benchmarks: tuple[BenchmarkResults, ...] = ()
    artifacts: tuple[ArtifactAccount, ...] = ()
    runs: tuple[RunAccount, ...] = ()
    mlflow_sync: MlflowSync
    error: Problem | None = None


def tell_results(account: EvaluationAccount, submission: Submission, bundle: ResultBundle | None) -> EvaluationResults:
    """The results of an evaluation.

    Args:
        account: of the evaluation.
        submission: what was asked for.
        bundle: of the evaluation; None where there is none, or none yet.
    """
    tasks = bundle.tasks if bundle is not None and account.is_over else ()
    own = results_by_benchmark(submission.benchmarks, tasks)
    metrics = [metrics_of(results) for results in own]
    test = judged(submission, own)
    return EvaluationResults(
        id=account.id,
        name=account.name,
        state=account.state,
        is_final=account.is_over,
        model=account.model.name,
        test=test,
        benchmarks=tuple(
            _benchmark(each, results, told, verdict)
            for each, results, told, verdict in zip(account.benchmarks, own, metrics, test.benchmarks, strict=True)
        ),
        artifacts=tuple(map(_artifact, bundle.artifacts)) if bundle is not None and account.is_over else (),
        runs=account.runs,
        mlflow_sync=account.mlflow_sync,
        error=account.error,
    )


def metrics_of(results: Sequence[TaskResult]) -> tuple[MetricResult, ...]:
    """The metrics of one benchmark's results, see ``metrics_by_name``."""
    return tuple(_metric(name, metric) for name, metric in metrics_by_name(results).items())


def _metric(name: str, metric: MetricValue) -> MetricResult:
    has_interval = metric.ci_low is not None and metric.ci_high is not None
    return MetricResult(
        name=name,
        value=metric.value,
        n=metric.n,
        n_unscored=metric.n_unscored,
        unscored=metric.unscored,
        stderr=metric.stderr,
        ci_low=metric.ci_low,
        ci_high=metric.ci_high,
        ci_level=metric.ci_level if has_interval else None,
        ci_method=metric.ci_method,
        unit=metric.unit,
        better=metric.better,
        is_grade=metric.is_grade,
        floor=metric.floor,
    )


def _benchmark(
    account: BenchmarkAccount,
    results: Sequence[TaskResult],
    metrics: tuple[MetricResult, ...],
    verdict: BenchmarkVerdict,
) -> BenchmarkResults:
    said = next((result.error for result in results if result.error), "")
    error = account.error or (Problem(code=TASK_FAILED, message=redact(said)) if said else None)
    return BenchmarkResults(
        index=account.index,
        id=account.id,
        provider_id=account.provider_id,
        state=account.state,
        metrics=metrics,
        counts=_summed([result.counts for result in results]),
        performance=results[0].usage if results else {},
        dataset=results[0].dataset if results else None,
        verdict=verdict,
        error=error,
    )


def _summed(counts: Sequence[Counts]) -> SampleCounts:
    unscored: dict[str, int] = {}
    for each in counts:
        for reason, count in each.unscored.items():
            unscored[reason] = unscored.get(reason, 0) + count
    return SampleCounts(
        total=sum(each.total for each in counts),
        scored=sum(each.scored for each in counts),
        unscored=unscored,
        failed=sum(each.failed for each in counts),
    )


def _artifact(artifact: Artifact) -> ArtifactAccount:
    return ArtifactAccount(
        path=artifact.path,
        role=artifact.role,
        media_type=artifact.media_type,
        size_bytes=artifact.size_bytes,
        sha256=artifact.sha256,
    )
