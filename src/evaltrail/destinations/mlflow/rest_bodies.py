"""Bodies of MLflow's REST API: what we send and the parts of the answers that we read (REST API 2.0 as of 3.17)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from evaltrail.core.values import Json
from evaltrail.destinations.mlflow.port import Batch, NewRun, RunState
from evaltrail.destinations.mlflow.run_plan import CONTEXT_TAG, PlannedDataset


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBody:
    """A refusal."""

    error_code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagPart:
    """One tag within an answer; MLflow leaves an empty value out."""

    key: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentPart:
    """An experiment within an answer."""

    experiment_id: str
    name: str
    lifecycle_stage: str = "active"
    tags: tuple[TagPart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentBody:
    """Answer to experiments/get and get-by-name."""

    experiment: ExperimentPart


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExperimentBody:
    """Answer to experiments/create."""

    experiment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfoPart:
    """A run's own fields within an answer."""

    run_id: str
    experiment_id: str
    status: str = "RUNNING"
    artifact_uri: str = ""
    start_time: int = 0
    lifecycle_stage: str = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDataPart:
    """What a run holds, as far as we read it."""

    tags: tuple[TagPart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPart:
    """A run within an answer."""

    info: RunInfoPart
    data: RunDataPart = field(default_factory=RunDataPart)

    def state(self) -> RunState:
        """The run as our gateways speak of it."""
        return RunState(
            run_id=self.info.run_id,
            experiment_id=self.info.experiment_id,
            status=self.info.status,
            artifact_uri=self.info.artifact_uri,
            started_ms=self.info.start_time,
            is_deleted=self.info.lifecycle_stage == "deleted",
            tags={tag.key: tag.value for tag in self.data.tags},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBody:
    """Answer to runs/create and runs/get."""

    run: RunPart

    def state(self) -> RunState:
        """The run as our gateways speak of it."""
        return self.run.state()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsBody:
    """Answer to runs/search."""

    runs: tuple[RunPart, ...] = ()
    next_page_token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """A file or folder within an answer."""

    path: str
    is_dir: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesBody:
    """Answer to artifacts/list."""

    files: tuple[FilePart, ...] = ()
    next_page_token: str = ""


def new_experiment_body(name: str, tags: Mapping[str, str]) -> dict[str, Json]:
    """Request of experiments/create, with every tag."""
    return {"name": name, "tags": _pairs(tags.items())}


def new_run_body(run: NewRun) -> dict[str, Json]:
    """Request of runs/create, with every tag and the name."""
    return {
        "experiment_id": run.experiment_id,
        "run_name": run.name,
        "user_id": run.user,
        "start_time": run.started_ms,
        "tags": _pairs([*run.tags.items(), *([("mlflow.user", run.user)] if run.user else [])]),
    }


def batch_body(run_id: str, batch: Batch) -> dict[str, Json]:
    """Request of runs/log-batch."""
    metrics: list[Json] = [
        {"key": point.name, "value": point.value, "timestamp": point.timestamp_ms, "step": point.step}
        for point in batch.metrics
    ]
    return {"run_id": run_id, "metrics": metrics, "params": _pairs(batch.params), "tags": _pairs(batch.tags)}


def datasets_body(run_id: str, datasets: Sequence[PlannedDataset]) -> dict[str, Json]:
    """Request of runs/log-inputs; the context says what they were used for."""
    inputs: list[Json] = []
    for item in datasets:
        fields = {"name": item.name, "digest": item.digest, "source_type": item.source_type, "source": item.source}
        profile = {"profile": item.profile} if item.profile else {}
        inputs.append({"tags": _pairs([(CONTEXT_TAG, item.context)]), "dataset": {**fields, **profile}})
    return {"run_id": run_id, "datasets": inputs}


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in pairs]
