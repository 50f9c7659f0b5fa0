"""Bundles for the tests of the MLflow destination."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from evaltrail.core.artifact import Artifact
from evaltrail.core.dataset import Dataset
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import Counts, Origin, ResultBundle, Status, TaskResult
from evaltrail.core.sample import Sample, Score, Usage

STARTED = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
ENDED = datetime(2026, 11, 1, 12, 0, 5, 250000, tzinfo=UTC)


def some_samples(count: int = 3) -> tuple[Sample, ...]:
    return tuple(
        Sample(
            id=f"s{number}",
            index=number,
            input=f"question {number}",
            reference=("yes",),
            output="yes",
            scores={"exact_match": Score(value=1.0), "judge": Score(reason="no_match")},
            usage=Usage(latency_s=0.5),
        )
        for number in range(count)
    )


def some_task(name: str = "capitals", *, status: Status = "completed", metric: str = "pass@1") -> TaskResult:
    return TaskResult(
        name=name,
        provider="native",
        provider_version="0.1.0",
        config={"generation.temperature": 0, "limit": None},
        metrics=(
            MetricValue(name=metric, value=0.5, n=4, stderr=0.25, ci_low=0.1, ci_high=0.9, unscored={"garbage": 1}),
        ),
        counts=Counts(total=5, scored=4, unscored={"garbage": 1}),
        dataset=Dataset(name=f"{name}.jsonl", digest="d" * 32, source=f"{name}.jsonl", size=5),
        samples=some_samples(),
        status=status,
        usage={"runtime_seconds": 1.5},
    )


def some_bundle(
    folder: Path,
    *,
    identity: str = "0123456789abcdef",
    tasks: tuple[TaskResult, ...] = (),
    status: Status = "completed",
) -> ResultBundle:
    """A bundle with two files below the folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "request.json").write_text('{"tasks": ["capitals"]}')
    (folder / "run.log").write_text("line\n" * 100)
    return ResultBundle(
        id=identity,
        origin=Origin(producer="evaltrail", version="0.1.0", folder=folder.name),
        model="model-a",
        tasks=tasks or (some_task(),),
        params={"limit": 5},
        tags={"team": "red"},
        artifacts=(
            Artifact(path="request.json", file=folder / "request.json", role="required"),
            Artifact(path="logs/run.log", file=folder / "run.log", role="log"),
        ),
        status=status,
        started_at=STARTED,
        ended_at=ENDED,
    )
