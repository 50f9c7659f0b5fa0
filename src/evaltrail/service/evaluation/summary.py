"""A finished evaluation's journals become a bundle: aggregates, usage, samples, report."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from types import MappingProxyType

import msgspec

from evaltrail.bundle import layout
from evaltrail.bundle.columns import SamplesWriter
from evaltrail.bundle.folders import link_or_copy, make_private
from evaltrail.bundle.journal import JournalSamples
from evaltrail.bundle.write import media_type
from evaltrail.config.secrets import public_url
from evaltrail.core.artifact import Artifact
from evaltrail.core.errors import EvaltrailError
from evaltrail.core.ports import FolderTask
from evaltrail.core.request import EvaluationRequest
from evaltrail.core.result import Origin, ResultBundle, Status, TaskResult
from evaltrail.core.sample import SampleStream, Usage
from evaltrail.core.values import Scalar
from evaltrail.providers.catalog import Task
from evaltrail.providers.native import NativeTask
from evaltrail.providers.stored import StoredTask
from evaltrail.scoring.aggregate import Aggregator
from evaltrail.scoring.slices import Slices
from evaltrail.service.evaluation.elsewhere import PROGRAM_LOG, Left
from evaltrail.service.evaluation.judge_facts import without_judge_facts
from evaltrail.service.evaluation.report import write_report
from evaltrail.service.evaluation.result_documents import Appraise, document_names, result_document, unappraised
from evaltrail.service.evaluation.totals import Totals
from evaltrail.store.work import Work

_TOLD_AS_NONE = frozenset({"tokens_in", "tokens_out"})
"""Figures that are there only where every answer told them: likelihoods cost no token of an answer."""
NO_FILES: Mapping[str, bytes] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is known of a task once every sample is in its journal."""

    samples: SampleStream = ()
    seconds: float | None = None
    """Wall seconds, for a task that was asked in one go."""
    left: Left | None = None
    """What a program left that ran the task."""
    error: EvaltrailError | None = None
    """Why there is nothing of it."""
    facts: Mapping[str, Scalar] = field(default_factory=dict)
    """What is to be said of the task's judges, beside its settings."""


def build_bundle(
    folder: Path,
    work: Work,
    request: EvaluationRequest,
    tasks: Sequence[Task],
    *,
    asked: Mapping[str, Asked],
    version: str,
    tags: Mapping[str, str] | None = None,
    command: Sequence[str] = (),
    appraise: Appraise = unappraised,
    extra_files: Mapping[str, bytes] = NO_FILES,
) -> ResultBundle:
    """Write everything but the manifest into a folder; what the manifest has to say.

    Args:
        folder: the bundle's folder in the making.
        work: whose journals are complete.
        request: what was asked for.
        tasks: the tasks of the request, in its order.
        asked: task to what is known from asking it, for tasks that this process asked.
        version: of evaltrail.
        tags: of the result.
        command: how to repeat it; empty = ``evaltrail run``, as the request says.
        appraise: says what is to be made of the result.
        extra_files: relative path to content of further artifacts; no path is one that a bundle has anyway.
    """
    results = _results(folder, work, tasks, asked, version)
    bundle = ResultBundle(
        id=work.state.evaluation_id,
        origin=Origin(producer="evaltrail", version=version),
        model=request.target.id,
        tasks=tuple(chain.from_iterable(results)),
        params=_params(request),
        tags=tags or {},
        status=_status([*chain.from_iterable(results)]),
        started_at=work.state.started_at,
        ended_at=datetime.now(UTC),
        skipped=tuple(item for task in tasks if isinstance(task, NativeTask | StoredTask) for item in task.skipped),
    )
    (folder / layout.REQUEST).write_bytes(msgspec.json.format(public_request(request), indent=1))
    (folder / layout.REPORT).write_text(write_report(bundle, request, command), encoding="utf-8")
    _keep(work, folder)
    appraisal = appraise(bundle)
    (folder / layout.RESULTS).write_bytes(result_document(bundle, appraisal))
    names = document_names([task.name for task in tasks])
    documents = {
        f"{layout.BENCHMARK_RESULTS}/{name}": result_document(bundle, appraisal, own)
        for name, own in zip(names, results, strict=True)
    }
    return replace(bundle, artifacts=tuple(_written(folder, {**documents, **extra_files})))


def _results(
    folder: Path, work: Work, tasks: Sequence[Task], asked: Mapping[str, Asked], version: str
) -> list[tuple[TaskResult, ...]]:
    """What each task came to, its samples and what a program left of it put into the folder."""
    results: list[tuple[TaskResult, ...]] = []
    names = {task.name for task in tasks if isinstance(task, NativeTask | StoredTask)}
    with SamplesWriter(folder / layout.SAMPLES, _metric_names(tasks, asked)) as table:
        for number, task in enumerate(tasks):
            if isinstance(task, NativeTask | StoredTask):
                known = asked.get(task.name) or Asked(samples=JournalSamples(work.journal(number)))
                one = _failed(task, known.error) if known.error else _summarise(task, known, table, version)
                results.append((one,))
            else:
                results.append(tuple(_taken_over(task, asked[task.name], table, names)))
    for number, task in enumerate(tasks):
        if not isinstance(task, NativeTask | StoredTask):
            _keep_left(asked[task.name], work.place(number), folder / layout.LEFT / str(number))
    return results


def _written(folder: Path, files: Mapping[str, bytes]) -> Iterator[Artifact]:
    for path, content in files.items():
        file = folder / path
        make_private(file.parent)
        file.write_bytes(content)
        yield Artifact(path=path, file=file, role="extra", media_type=media_type(file))


def public_request(request: EvaluationRequest) -> bytes:
    """The request as JSON, without header values and without user and password in the URL."""
    whole = msgspec.to_builtins(request)
    whole["target"]["headers"] = dict.fromkeys(whole["target"]["headers"], "***")
    whole["target"]["url"] = public_url(request.target.url)
    return msgspec.json.encode(whole)


def _metric_names(tasks: Sequence[Task], asked: Mapping[str, Asked]) -> list[str]:
    """Of every metric that samples may bear a score of."""
    own = [metric.name for task in tasks if isinstance(task, NativeTask | StoredTask) for metric in task.metrics]
    lefts = [known.left for known in asked.values() if known.left is not None]
    return own + [metric.name for left in lefts for result in left.results for metric in result.metrics]


def _taken_over(task: FolderTask, asked: Asked, table: SamplesWriter, names: set[str]) -> Iterator[TaskResult]:
    """The results of a task that another program ran, their samples put into the table.

    Args:
        task: the task.
        asked: what is known of it.
        table: takes the samples.
        names: that results of the bundle have already; those that are made here are added.
    """
    if asked.error is not None:
        yield replace(_failed(task, asked.error), provider_version=task.provider_version)
    whole = Totals()
    read: list[tuple[str, TaskResult, Totals]] = []
    for result in asked.left.results if asked.left is not None else ():
        name, totals = _free_name(result.name, task.name, names), Totals()
        names.add(name)
        for sample in result.samples or ():
            totals.add(sample)
            whole.add(sample)
            table.add(name, sample)
        read.append((name, result, totals))
    for name, result, totals in read:
        is_group = result.name == task.name and result.samples is None
        yield _own(replace(result, name=name), task, asked.seconds, whole if is_group else totals)


def _own(result: TaskResult, task: FolderTask, seconds: float | None, totals: Totals) -> TaskResult:
    """What a program says of a task, and what we know of it besides.

    Args:
        result: as the program left it.
        task: that was asked for.
        seconds: that the program ran; None = not known.
        totals: of the result's samples; of a group those of its tasks.
    """
    timed = {} if seconds is None else {"runtime_seconds": seconds}
    figures = totals.figures().items()
    told = {name: number for name, number in figures if number or name in _TOLD_AS_NONE}  # else nobody counted
    is_failed = result.counts.total > 0 and result.counts.scored == 0
    return replace(
        result,
        config={**result.config, **task.config()},
        dataset=task.dataset or result.dataset,
        usage={**timed, **told, **result.usage},
        status="failed" if is_failed else result.status,
        error="no sample could be scored" if is_failed and not result.error else result.error,
    )


def _failed(task: Task, error: EvaltrailError) -> TaskResult:
    """The result of a task that has none."""
    return TaskResult(
        name=task.name,
        provider=task.provider,
        config=task.config(),
        dataset=task.dataset,
        status="failed",
        error=str(error).removeprefix(f"{task.provider}/").removeprefix(f"{task.name}: "),
    )


def _free_name(name: str, task: str, taken: Collection[str]) -> str:
    """A name for what a program calls by one that another result has: two results of one name would be mixed."""
    if name not in taken:
        return name
    own = f"{task}.{name}"
    numbered = (f"{own}_{number}" for number in count(2))
    return next(each for each in chain((own,), numbered) if each not in taken)


def _summarise(task: NativeTask | StoredTask, asked: Asked, table: SamplesWriter, version: str) -> TaskResult:
    aggregator = Aggregator(task.metrics, task.repeats)
    slices = Slices(task.metrics, task.slices, task.repeats)
    totals = Totals()
    for sample in asked.samples:
        aggregator.add(sample)
        slices.add(sample)
        totals.add(replace(sample, usage=Usage()) if isinstance(task, StoredTask) else sample)
        table.add(task.name, sample)
    counts = aggregator.counts()
    if counts.total != task.total:
        raise EvaltrailError(
            f"{counts.total:,} samples were answered where {task.total:,} were announced",
            code="data_changed",
            where=task.name,
            hint="the data set was changed while it was asked, or answers are gone from EVALTRAIL_HOME; run it anew",
        )
    metrics = aggregator.metrics()
    grades = [metric for metric in metrics if metric.is_grade]
    is_failed = counts.total > 0 and not counts.scored and not any(metric.n for metric in grades)
    reason = max(counts.unscored, key=lambda word: counts.unscored[word], default="") if is_failed else ""
    timed = {} if asked.seconds is None else {"runtime_seconds": asked.seconds}
    return TaskResult(
        name=task.name,
        provider=task.provider,
        provider_version=task.provider_version if isinstance(task, StoredTask) else version,
        prefix=task.prefix,
        config={**without_judge_facts(task.config()), **asked.facts},
        metrics=(*metrics, *slices.metrics()),
        counts=counts,
        dataset=task.dataset,
        samples=asked.samples,
        status="failed" if is_failed else "completed",
        error=f"no sample could be scored: {reason}" if is_failed else "",
        usage={**timed, **totals.figures()},
    )


def _params(request: EvaluationRequest) -> dict[str, Scalar]:
    given: dict[str, Scalar] = {
        "endpoint": public_url(request.target.url) or None,
        "limit": request.limit,
        "seed": request.seed,
        "samples": ",".join(request.sample_ids) or None,
    }
    return {name: value for name, value in given.items() if value is not None} | request.logged_params


def _status(results: Sequence[TaskResult]) -> Status:
    failed = sum(result.status == "failed" for result in results)
    if failed == len(results):
        return "failed"
    return "partially_failed" if failed else "completed"


def _keep_left(asked: Asked, place: Path, folder: Path) -> None:
    """Put what a program left, and what it printed, into the bundle."""
    if asked.left is not None:
        shutil.copytree(asked.left.folder, folder, copy_function=link_or_copy)
    log = place / PROGRAM_LOG
    if log.is_file():
        make_private(folder)
        link_or_copy(log, folder / PROGRAM_LOG)


def _keep(work: Work, folder: Path) -> None:
    log = folder / layout.LOG
    make_private(log.parent)
    if work.log.is_file():
        shutil.copyfile(work.log, log)
    answers = make_private(folder / layout.ANSWERS)
    for journal in sorted([*work.folder.glob("*.jsonl"), *work.folder.glob("*.answers")]):
        link_or_copy(journal, answers / journal.name)
