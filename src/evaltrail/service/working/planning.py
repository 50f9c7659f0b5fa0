"""The first unit of a submission: every benchmark's data is opened, and cut into the units that ask it."""

from __future__ import annotations

from evaltrail.jobs.hold import Done
from evaltrail.service.evaluation.broken_task import BrokenTask
from evaltrail.service.working.assignment import Assignment
from evaltrail.service.working.submit import task_units

PLAN = "plan"
"""Kind of such units."""


def do_plan(assigned: Assignment) -> Done:
    """The units of a submission's benchmarks; one that cannot be run has a unit that fails with the reason."""
    submission = assigned.understood.submission
    attempts = 1 + (submission.retry_attempts if submission is not None else 0)
    units = tuple(task_units(assigned.prepared, max_attempts=attempts, names_content=True))
    for task in assigned.prepared.tasks:
        if isinstance(task, BrokenTask):
            assigned.log(f"{task.name}: cannot be run: {task.error}")
    assigned.log(f"planned: {len(units)} units, {assigned.prepared.total:,} samples are known")
    return Done(more=units)
