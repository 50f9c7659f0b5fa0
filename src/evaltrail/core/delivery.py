"""How a bundle is to be delivered, and the receipt that says what landed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from evaltrail.core.artifact import Role
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
    parent_run_id: str = ""
    """The run to be a child of (an active run); empty = none."""
    run_name: str = ""
    """Empty = made from tasks and model."""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Scalar] = field(default_factory=dict)
    layout: RunLayout | Literal[""] = ""
    """Empty = as the settings say, else ``per_bundle``."""
    table_rows: int = 2000
    """Rows of ``eval_results_table.json`` at most."""
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
    skipped: tuple[Skipped, ...] = ()
    status: str = ""
    """MLflow's word: FINISHED, FAILED or KILLED."""
    is_existing: bool = False
    """Whether a complete run was already there and nothing was sent."""
