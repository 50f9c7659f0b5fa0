"""How a bundle is to be delivered, and the receipt that says what landed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from evaltrail.core.artifact import Role
from evaltrail.core.trace_choice import TraceChoice
from evaltrail.core.values import Scalar

RunLayout = Literal["per_bundle", "per_task", "per_file", "nested"]
"""One run a result, one a task, one a source file, or one a result with one more a task below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOptions:
    """Everything a user may say about a delivery to MLflow."""

    tracking_uri: str = ""
    """Resolved by the wiring before it gets here; empty = MLflow's own default store."""
    experiment: str = ""
    """Experiment name; empty = the road's default."""
    experiment_id: str = ""
    """Set instead of a name where MLFLOW_EXPERIMENT_ID says so."""
    run_id: str = ""
    """An existing run to land in (MLFLOW_RUN_ID); empty = a new one."""
    stays_open: bool = False
    """The run to land in is its user's, and goes on after us: its status and what it holds are left as they are."""
    part: str = ""
    """Name under which this result stands apart from others in a run that stays open; empty = it is the only one."""
    taken_params: Mapping[str, str] = field(default_factory=dict)
    """Params that a run which stays open has already; what says otherwise is left out."""
    taken_metrics: frozenset[str] = frozenset()
    """Metrics that it has already, as MLflow stores their names; ours of the same name are left out."""
    parent_run_id: str = ""
    """The run to be a child of (an active run); empty = none."""
    run_name: str = ""
    """Empty = made from tasks and model."""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Scalar] = field(default_factory=dict)
    params_by_task: bool = False
    """Settings bear the name of their task even where there is only one: ``arc_easy.num_fewshot``."""
    experiment_tags: Mapping[str, str] = field(default_factory=dict)
    """Set on the experiment, whose other tags stay, and on its runs where nothing else has the name."""
    experiment_description: str = ""
    """Given to the experiment where it has none; one that is there stays, whoever wrote it."""
    layout: RunLayout | Literal[""] = ""
    """Empty = as the settings say, else ``per_bundle``."""
    table_rows: int = 2000
    """Rows of ``eval_results_table.json`` at most."""
    traces: TraceChoice | None = None
    """Samples that become traces with their scores as assessments; None = as the settings say, else none."""
    default_experiment: str = "evaltrail"
    """The road's experiment where neither the user nor a variable names one."""
    log_metrics: tuple[str, ...] = ()
    """Only metrics one of these is part of, whatever the case (``*?[`` make it a glob); empty = all."""
    artifact_roles: frozenset[Role] = frozenset({"required", "extra", "log"})
    """Which files are uploaded; empty = none at all."""
    exclude_patterns: tuple[str, ...] = ()
    """Globs of artifact paths and file names that are not uploaded."""
    skip_existing: bool = False
    """A complete run of the same source, however it was delivered, is left as it is and nothing is added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """One thing that did not land, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What landed where."""

    run_id: str
    run_url: str = ""
    experiment_id: str = ""
    experiment_name: str = ""
    task: str = ""
    """The task of a child run; empty for the run of the whole bundle."""
    metrics_logged: int = 0
    params_logged: int = 0
    artifacts_logged: int = 0
    traces_logged: int = 0
    """Samples that the run has as traces."""
    skipped: tuple[Skipped, ...] = ()
    status: str = ""
    """MLflow's word: FINISHED, FAILED or KILLED."""
    is_existing: bool = False
    """Whether a complete run was already there and nothing was sent."""
