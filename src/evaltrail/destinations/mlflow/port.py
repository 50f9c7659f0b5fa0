"""Gateway: the few things we ask of an MLflow tracking server or store, and the values they speak in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from evaltrail.destinations.mlflow.run_plan import PlannedDataset, PlannedMetric
from evaltrail.destinations.mlflow.trace import PlannedTrace

ANSWER_LOST = "answer_lost"
"""Code of the error that says: the request went out, and nobody knows whether it was carried out."""

NO_TAGS: Mapping[str, str] = MappingProxyType({})

TERMINAL_STATUSES = frozenset({"FINISHED", "FAILED", "KILLED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentState:
    """An experiment as the store knows it."""

    id: str
    name: str
    is_new: bool = False
    """Whether it was made by this very call, so that no run can be in it."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """As they were when it was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run to be created, with everything that makes it findable."""

    experiment_id: str
    name: str
    user: str
    started_ms: int
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """A run as the store knows it."""

    run_id: str
    experiment_id: str
    status: str
    artifact_uri: str
    started_ms: int
    is_deleted: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_terminal(self) -> bool:
        """Whether the run has ended."""
        return self.status in TERMINAL_STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Metrics, params and tags that fit into one request; stored together or not at all."""

    metrics: Sequence[PlannedMetric] = ()
    params: Sequence[tuple[str, str]] = ()
    tags: Sequence[tuple[str, str]] = ()


class Gateway(Protocol):
    """One tracking URI. Every call is bounded in time.

    Every method raises DestinationUnreachableError when MLflow cannot be reached or keeps failing, and
    DestinationError when it refuses what was asked.
    """

    tracking_uri: str

    def experiment(self, name: str, tags: Mapping[str, str] = NO_TAGS) -> ExperimentState:
        """The experiment of that name, created with the tags when there is none; a deleted one is refused."""
        ...

    def tag_experiment(self, experiment_id: str, name: str, value: str) -> None:
        """Set one tag of an experiment; repeating it changes nothing."""
        ...

    def experiment_by_id(self, experiment_id: str) -> ExperimentState:
        """The experiment with that id; a deleted one is refused."""
        ...

    def create_run(self, run: NewRun) -> RunState:
        """A new run, RUNNING; a lost answer is an error with the code ``answer_lost``."""
        ...

    def get_run(self, run_id: str) -> RunState | None:
        """The run, deleted or not; None when there is none."""
        ...

    def find_runs(self, experiment_id: str, tag: str, value: str) -> tuple[RunState, ...]:
        """The active runs of the experiment that bear this tag with this value, oldest first."""
        ...

    def log_batch(self, run_id: str, batch: Batch) -> None:
        """Store one batch; repeating it changes nothing."""
        ...

    def log_datasets(self, run_id: str, datasets: Sequence[PlannedDataset]) -> None:
        """Record dataset inputs; repeating it changes nothing."""
        ...

    def put_artifact(self, run: RunState, path: str, file: Path) -> None:
        """Store a file of the run under the path; repeating it overwrites."""
        ...

    def list_artifacts(self, run: RunState, folder: str) -> tuple[str, ...]:
        """The paths of the files that lie directly in a folder of the run; an empty text is the top."""
        ...

    def log_spans(self, run: RunState, traces: Sequence[PlannedTrace]) -> None:
        """Store the spans of some traces in the run's experiment, all or none; repeating it changes nothing."""
        ...

    def put_trace(self, run: RunState, trace: PlannedTrace) -> None:
        """Make stored spans a trace of the run, with its assessments; repeating it changes nothing."""
        ...

    def find_traces(self, run: RunState) -> frozenset[str]:
        """The ids (32 hex digits) of the traces that the run has."""
        ...

    def set_status(self, run_id: str, status: str, *, ended_ms: int | None = None) -> None:
        """Set the run's status and, for a terminal one, its end time (Unix milliseconds)."""
        ...

    def delete_run(self, run_id: str) -> None:
        """Mark the run deleted."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...
