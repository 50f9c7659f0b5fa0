"""A run configuration, composed, resolved and checked: what one launch is to do.

Source: the NeMo Evaluator Launcher's configuration files, 0.1.27 to 0.2.6, and seed 002.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from evaltrail.core.values import Json, Scalar

ExecutorName = Literal["local", "slurm"]
Mode = Literal["sequential", "parallel"]
EndpointType = Literal["chat", "completions", "completions_logprob", "embedding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEntry:
    """One entry of ``evaluation.tasks``, with what stands above it laid under it."""

    name: str
    """As the configuration names it: ``simple_evals.mmlu``, ``native.reading``, ``capitals.yaml``."""
    evaluator: Mapping[str, Json] = field(default_factory=dict)
    """``nemo_evaluator_config``: that of the evaluation, the task's own laid over it."""
    env_vars: Mapping[str, str] = field(default_factory=dict)
    """Variable to raw value (``host:NAME``, ``lit:value``, ``runtime:NAME``, ``NAME``): top's, evaluation's, task's."""
    where: str = ""
    """File and line, for errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlurmOptions:
    """What ``sbatch`` is told beside the script; empty = Slurm's own default."""

    account: str = ""
    partition: str = ""
    gres: str = ""
    num_nodes: int = 1
    ntasks_per_node: int = 1
    comment: str = ""
    extra_flags: Mapping[str, Scalar] = field(default_factory=dict)
    """Flag to value; true = the flag alone, false or None = not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """What one launch is to do."""

    whole: Mapping[str, Json]
    """Everything, interpolated; it may hold secrets."""
    tasks: tuple[TaskEntry, ...]
    model: str
    url: str
    api_key_env: str = ""
    """Name of the variable that holds the key; empty = none is named."""
    endpoint_type: EndpointType | Literal[""] = ""
    """Empty = what the task asks for, else ``chat``."""
    executor: ExecutorName = "local"
    mode: Mode = "sequential"
    output_dir: Path
    """Absolute."""
    walltime_s: float | None = None
    """Seconds that one job may take; None = no limit."""
    slurm: SlurmOptions = SlurmOptions()
    destinations: tuple[str, ...] = ()
    """``execution.auto_export.destinations``: mlflow, local."""
    export: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    """Destination to its options as they stand in the file."""
    export_places: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Destination to where each of its options stands: a file and line, or ``-o KEY=VALUE``."""
    export_env: Mapping[str, str] = field(default_factory=dict)
    """Variable to raw value, in force while results are exported."""
    folders: tuple[Path, ...] = ()
    """Where the configuration was looked for: task files lie there too."""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """Secret values that interpolation brought in."""
    notices: tuple[str, ...] = ()
    """Keys that are accepted and not acted on, one sentence each."""
