"""A finished evaluation's journals become a bundle: aggregates, usage, samples, report."""

from __future__ import annotations

import shutil
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from evaltrail.bundle import layout
from evaltrail.bundle.columns import SamplesWriter
from evaltrail.bundle.folders import link_or_copy, make_private
from evaltrail.bundle.journal import JournalSamples
from evaltrail.config.secrets import public_url
from evaltrail.core.errors import EvaltrailError
from evaltrail.core.request import EvaluationRequest
from evaltrail.core.result import Origin, ResultBundle, Status, TaskResult
from evaltrail.core.sample import Sample
from evaltrail.core.values import Scalar
from evaltrail.providers.native import NativeTask
from evaltrail.scoring.aggregate import Aggregator
from evaltrail.service.evaluation.report import write_report
from evaltrail.store.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is known of a task once every sample is in its journal."""

    samples: JournalSamples
    seconds: float | None = None
    """Wall seconds, for a task that was asked in one go."""


def build_bundle(
    folder: Path,
    work: Work,
    request: EvaluationRequest,
    tasks: Sequence[NativeTask],
    *,
    asked: Mapping[str, Asked],
    version: str,
) -> ResultBundle:
    """Write everything but the manifest into a folder; what the manifest has to say.

    Args:
        folder: the bundle's folder in the making.
        work: whose journals are complete.
        request: what was asked for.
        tasks: the tasks of the request, in its order.
        asked: task to what is known from asking it, for tasks that this process asked.
        version: of evaltrail.
    """
    names = [metric.name for task in tasks for metric in task.metrics]
    with SamplesWriter(folder / layout.SAMPLES, names) as table:
        results = tuple(
            _summarise(
                task, asked.get(task.name) or Asked(samples=JournalSamples(work.journal(number))), table, version
            )
            for number, task in enumerate(tasks)
        )
    bundle = ResultBundle(
        id=work.state.evaluation_id,
        origin=Origin(producer="evaltrail", version=version),
        model=request.target.id,
        tasks=results,
        params=_params(request),
        status=_status(results),
        started_at=work.state.started_at,
        ended_at=datetime.now(UTC),
    )
    (folder / layout.REQUEST).write_bytes(msgspec.json.format(public_request(request), indent=1))
    (folder / layout.REPORT).write_text(write_report(bundle, request), encoding="utf-8")
    _keep(work, folder)
    return bundle


def public_request(request: EvaluationRequest) -> bytes:
    """The request as JSON, without header values and without user and password in the URL."""
    whole = msgspec.to_builtins(request)
    whole["target"]["headers"] = dict.fromkeys(whole["target"]["headers"], "***")
    whole["target"]["url"] = public_url(request.target.url)
    return msgspec.json.encode(whole)


def _summarise(task: NativeTask, asked: Asked, table: SamplesWriter, version: str) -> TaskResult:
    aggregator = Aggregator(task.metrics, task.repeats)
    usage = _Usage()
    for sample in asked.samples:
        aggregator.add(sample)
        usage.add(sample)
        table.add(task.name, sample)
    counts = aggregator.counts()
    if counts.total != task.total:
        raise EvaltrailError(
            f"{counts.total:,} samples were answered where {task.total:,} were announced",
            code="data_changed",
            where=task.name,
            hint="the data set was changed while it was asked; run again",
        )
    is_failed = counts.total > 0 and counts.scored == 0
    reason = max(counts.unscored, key=lambda word: counts.unscored[word], default="") if is_failed else ""
    timed = {} if asked.seconds is None else {"runtime_seconds": asked.seconds}
    return TaskResult(
        name=task.name,
        provider=task.provider,
        provider_version=version,
        config=task.config(),
        metrics=aggregator.metrics(),
        counts=counts,
        dataset=task.dataset,
        samples=asked.samples,
        status="failed" if is_failed else "completed",
        error=f"no sample could be scored: {reason}" if is_failed else "",
        usage={**timed, **usage.totals()},
    )


class _Usage:
    """What the samples of a task cost together."""

    def __init__(self) -> None:
        self._latencies = array("d")
        self._requests = 0
        self._asked = self._counted = 0
        self._tokens_in = self._tokens_out = 0
        self._truncated = 0

    def add(self, sample: Sample) -> None:
        used = sample.usage
        self._requests += used.attempts
        self._truncated += sample.finish_reason == "length"
        if used.attempts and not sample.error:
            self._asked += 1
            self._counted += used.prompt_tokens is not None and used.completion_tokens is not None
        self._tokens_in += used.prompt_tokens or 0
        self._tokens_out += used.completion_tokens or 0
        if used.latency_s is not None:
            self._latencies.append(used.latency_s)

    def totals(self) -> dict[str, float]:
        totals: dict[str, float] = {"requests": self._requests, "truncated": self._truncated}
        if self._counted and self._counted == self._asked:
            totals |= {"tokens_in": self._tokens_in, "tokens_out": self._tokens_out}
        if self._latencies:
            ordered = sorted(self._latencies)
            for share in (50, 95):
                totals[f"latency_p{share}"] = ordered[min(len(ordered) - 1, len(ordered) * share // 100)]
        return totals


def _params(request: EvaluationRequest) -> dict[str, Scalar]:
    given: dict[str, Scalar] = {
        "endpoint": public_url(request.target.url) or None,
        "limit": request.limit,
        "seed": request.seed,
        "samples": ",".join(request.sample_ids) or None,
    }
    return {name: value for name, value in given.items() if value is not None} | dict(request.params)


def _status(results: Sequence[TaskResult]) -> Status:
    failed = sum(result.status == "failed" for result in results)
    if failed == len(results):
        return "failed"
    return "partially_failed" if failed else "completed"


def _keep(work: Work, folder: Path) -> None:
    log = folder / layout.LOG
    make_private(log.parent)
    if work.log.is_file():
        shutil.copyfile(work.log, log)
    answers = make_private(folder / layout.ANSWERS)
    for journal in sorted(work.folder.glob("*.jsonl")):
        link_or_copy(journal, answers / journal.name)
