"""Entries and parcels of an export to files, as jobs of every kind make them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evaltrail.core.artifact import Artifact
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import Counts, Origin, ResultBundle, TaskResult
from evaltrail.destinations.files.entry import Entry, JobFacts, entries_of
from evaltrail.destinations.files.parcel import Parcel
from mlflow_bundles import ENDED, STARTED

INVOCATION = "8abcd123f00dbeef"
MODEL = "meta/llama-3.1-8b-instruct"
SCORE = MetricValue(name="score", value=0.625, n=4, stderr=0.25, ci_low=0.1, ci_high=0.9, unscored={"garbage": 1})


def task_of(*metrics: MetricValue, name: str = "mmlu", **more: Any) -> TaskResult:
    """A task without anything before its metrics' names."""
    return TaskResult(
        name=name,
        provider="simple_evals",
        **{"prefix": "", "metrics": metrics or (SCORE,), "counts": Counts(total=5, scored=4), **more},
    )


def bundle_of(*tasks: TaskResult, model: str = MODEL, **more: Any) -> ResultBundle:
    """A result with these tasks."""
    return ResultBundle(
        id="0123456789abcdef",
        origin=Origin(producer="nemo-evaluator-launcher"),
        model=model,
        tasks=tasks or (task_of(),),
        started_at=STARTED,
        ended_at=ENDED,
        **more,
    )


def job_of(number: int | None = 0, invocation: str = INVOCATION) -> JobFacts:
    """A job of the launcher; without a number an evaluation of ours."""
    job_id = "" if number is None else f"{invocation}.{number}"
    return JobFacts(invocation_id=invocation, job_id=job_id, executor="local", results_dir="/results/x")


def entry_of(*metrics: MetricValue, job: JobFacts | None = None, model: str = MODEL, task: str = "mmlu") -> Entry:
    """The only entry of a result with these metrics."""
    (entry,) = entries_of(bundle_of(task_of(*metrics, name=task), model=model), job or job_of())
    return entry


def parcel_of(
    *entries: Entry, artifacts: Sequence[Artifact] = (), secrets: frozenset[str] = frozenset(), **more: Any
) -> Parcel:
    """What goes to disk of the job of these entries."""
    given = entries or (entry_of(**more),)
    return Parcel(job=given[0].job, status="completed", entries=given, artifacts=tuple(artifacts), secrets=secrets)
