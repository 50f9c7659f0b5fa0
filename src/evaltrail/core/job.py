"""A job: one task of an invocation, as it is written down for the process that runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from evaltrail.core.run_config import ExecutorName, Mode
from evaltrail.core.values import Json

ProviderName = Literal["native", "nemo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """Everything one job needs, whoever starts it, and wherever."""

    invocation_id: str
    """16 hex digits."""
    number: int
    """Which job of the invocation, from 0."""
    task: str
    """As the run configuration names it."""
    provider: ProviderName
    place: str
    """Where the provider finds it: a task file's absolute path, or ``harness.task``."""
    model: str
    url: str
    api_key_env: str = ""
    endpoint_type: str = ""
    evaluator: Mapping[str, Json] = field(default_factory=dict)
    """``nemo_evaluator_config`` of the task."""
    env_vars: Mapping[str, str] = field(default_factory=dict)
    """Variable to raw value; ``lit:`` values may be secrets."""
    executor: ExecutorName = "local"
    mode: Mode = "sequential"
    """How it was launched beside the other jobs of its invocation."""
    walltime_s: float | None = None
    destinations: tuple[str, ...] = ()
    export: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    export_env: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Json] = field(default_factory=dict)
    """The whole run configuration without secrets, for the documents that a job leaves."""
    cwd: str = ""
    """Where it was launched: relative addresses of stores and files are meant from there."""
    command: str = ""
    """The command line that launched it, without secrets."""
    allow_unscored: float = 0.0
    """Share of samples that may stay unscored, in [0, 1]."""

    @property
    def id(self) -> str:
        """``<invocation>.<number>``."""
        return f"{self.invocation_id}.{self.number}"
