"""What is to be said of a job that could not put down what it came to."""

from __future__ import annotations

from pathlib import Path

from evaltrail.core.errors import EvaltrailError
from evaltrail.core.job import JobSpec
from evaltrail.service.record import error_object
from evaltrail.store.job_files import JobOutcome
from evaltrail.store.job_folders import exit_code, job_state


def silent_outcome(spec: JobSpec, folder: Path) -> JobOutcome:
    """What is to be said of a job that put down nothing itself."""
    state = job_state(folder)
    if state == "success":
        return JobOutcome(task_code=0)
    resume = f"`evaltrail resume {spec.id}` goes on"
    code = exit_code(folder)
    how, hint = {
        "failed": (f"ended with exit code {code} and put down nothing", f"`evaltrail logs {spec.id}` shows its log"),
        "killed": ("was killed", resume),
        "pending": ("was not started", resume),
        "running": ("is still running", f"`evaltrail status {spec.id}` tells how far it is"),
    }[state]
    error = EvaltrailError(f"job {spec.id} {how}", code=f"job_{state}", where=spec.task, hint=hint)
    return JobOutcome(task_code=130 if state in {"killed", "pending"} else 1, task_errors=(error_object(error),))
