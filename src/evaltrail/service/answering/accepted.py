"""The account of an evaluation that was accepted this moment: what is known of it without asking the queue."""

from __future__ import annotations

from datetime import datetime

from evaltrail.core.submission import Submission
from evaltrail.jobs.account import JobAccount
from evaltrail.service.answering.account import EvaluationAccount
from evaltrail.service.answering.asked import Asked
from evaltrail.service.answering.telling import Known, tell
from evaltrail.service.working.submit import EVALUATION


def accepted_account(
    submission: Submission, evaluation_id: str, *, at: datetime, priority: int, queue: str = "default"
) -> EvaluationAccount:
    """The account that the queue would give of it.

    Args:
        submission: as it was accepted.
        evaluation_id: under which.
        at: now, in UTC; the queue's own clock may tell some milliseconds less.
        priority: it was given.
        queue: it was put into.
    """
    job = JobAccount(
        id=evaluation_id,
        kind=EVALUATION,
        name=submission.name or ", ".join(benchmark.id for benchmark in submission.benchmarks),
        state="pending",
        queue=queue,
        priority=priority,
        parent="",
        run_ids={},
        labels={},
        created_at=at,
        started_at=None,
        ended_at=None,
        error=None,
        units={},
        done=0,
        total=None,
        tokens=0,
    )
    return tell(Known(job=job, asked=Asked(submission=submission), units=()), "")
