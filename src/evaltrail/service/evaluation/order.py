"""What an evaluation is started with, and what it came to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from evaltrail.core.delivery import DeliveryOptions, Receipt
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.metric import MetricValue
from evaltrail.core.request import COMMAND_LINE, EvaluationRequest, RequestLimits, Wording
from evaltrail.core.result import ResultBundle, Status
from evaltrail.core.sample import SampleStream

if TYPE_CHECKING:  # what lists and tells results has no need of what runs tasks
    from evaltrail.providers.catalog import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One evaluation and what is to become of its result."""

    request: EvaluationRequest
    delivery: DeliveryOptions | None = field(default_factory=DeliveryOptions)
    """None = nothing is delivered."""
    out: Path | None = None
    """Where the bundle is to be shown too; it always lies in EVALTRAIL_HOME."""
    fresh: bool = False
    """Start over, even where the same work was cut short."""
    allow_unscored: float = 0.0
    """Share of a task's samples that may stay unscored, in [0, 1]."""
    wording: Wording = COMMAND_LINE
    """What errors call the target's settings."""
    tasks: tuple[Task, ...] = ()
    """Tasks made already; empty = those that the request names."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """What the result itself says, such as where it came from; a delivery's own tags come on top."""
    command: tuple[str, ...] = ()
    """How to repeat it; empty = ``evaltrail run``, as the request says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished evaluation: metrics, samples, receipts.

    ``metrics`` maps ``<task>/<metric>`` to its value with n, interval and what is unscored; ``samples`` maps a task's
    name to its samples, read from disk when iterated.
    """

    bundle: ResultBundle
    out: Path
    receipts: tuple[Receipt, ...] = ()
    errors: tuple[EvaltrailError, ...] = ()
    """What did not go as it should: failed tasks, too many unscored samples, a delivery that waits."""

    @property
    def evaluation_id(self) -> str:
        """16 hex digits."""
        return self.bundle.id

    @property
    def state(self) -> Status:
        """completed, partially_failed, failed or cancelled."""
        return self.bundle.status

    @property
    def exit_code(self) -> int:
        """0 when all is done and delivered, 3 when the delivery waits, 1 when something failed."""
        return max((error.exit_code for error in self.errors), default=0)

    @property
    def metrics(self) -> Mapping[str, MetricValue]:
        """``<task>/<metric>`` to its value."""
        return {f"{task.name}/{metric.name}": metric for task in self.bundle.tasks for metric in task.metrics}

    @property
    def samples(self) -> Mapping[str, SampleStream]:
        """Task name to its samples."""
        return {task.name: task.samples for task in self.bundle.tasks if task.samples is not None}


def check_limits(limits: RequestLimits, allow_unscored: float) -> None:
    """Refuse limits that nothing could be asked within.

    Raises:
        InputError: one of them is out of range.
    """
    checks = {
        "concurrency is not 1 or more": limits.concurrency >= 1,
        "max_retries is below 0": limits.max_retries >= 0,
        "timeout_s is no time above 0": limits.timeout_s > 0 and math.isfinite(limits.timeout_s),
        "rpm is not 1 or more": limits.rpm is None or limits.rpm >= 1,
        "tpm is not 1 or more": limits.tpm is None or limits.tpm >= 1,
        "allow_unscored is no share from 0 to 1": 0 <= allow_unscored <= 1,
    }
    for complaint, is_good in checks.items():
        if not is_good:
            raise InputError(complaint, code="bad_limit")
