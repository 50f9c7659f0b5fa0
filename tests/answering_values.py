"""Jobs and units as the queue tells them, for tests of what the service answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from evaltrail.core.submission import Benchmark, PrimaryScore, Submission, SubmittedModel
from evaltrail.jobs.account import JobAccount, UnitAccount
from evaltrail.jobs.failure import Failure
from evaltrail.service.answering.asked import Asked
from evaltrail.service.answering.telling import Known

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
BROKEN = Failure(code="endpoint", message="it broke", hint="mend it")


def at(seconds):
    return BEGAN + timedelta(seconds=seconds)


def some_job(**changes):
    """A job of the service that runs, without labels."""
    values = {
        "id": "00000000000000aa",
        "kind": "evaluation",
        "name": "n",
        "state": "running",
        "queue": "default",
        "priority": 0,
        "parent": "",
        "labels": {},
        "run_ids": {},
        "created_at": BEGAN,
        "started_at": at(1),
        "ended_at": None,
        "error": None,
        "units": {},
        "done": 0,
        "total": None,
        "tokens": 0,
    }
    return JobAccount(**{**values, **changes})


def some_unit(position=0, state="done", **changes):
    """A unit of benchmark 0, begun once unless it waits."""
    is_begun = state not in {"waiting", "held"}
    values = {
        "id": f"00000000000000aa.{position}",
        "kind": "task",
        "place": {"task": 0},
        "position": position,
        "state": state,
        "is_last": False,
        "attempt": int(is_begun),
        "attempts_left": 2,
        "owner": "",
        "lease_until": None,
        "not_before": BEGAN,
        "started_at": at(2) if is_begun else None,
        "ended_at": at(9) if state in {"done", "failed", "cancelled"} else None,
        "done": 0,
        "total": 10,
        "tokens": 0,
        "endpoint": "",
        "error": BROKEN if state == "failed" else None,
        "result": None,
    }
    return UnitAccount(**{**values, **changes})


def plan(state="done", **changes):
    return some_unit(0, state, kind="plan", place=None, **changes)


def deliver(state="held", **changes):
    return some_unit(99, state, **{"kind": "deliver", "place": None, "is_last": True, "total": 0, **changes})


def some_submission(*ids, **changes):
    """A submission of one model on benchmarks of these ids."""
    benchmarks = tuple(
        Benchmark(id=each, provider_id="p", primary_score=PrimaryScore(metric="acc"), task=f"p/{each}")
        for each in ids or ("b0",)
    )
    return Submission(**{"model": SubmittedModel(name="m"), "benchmarks": benchmarks, **changes})


def some_known(*units, asked=None, **changes):
    """What is known of an evaluation with these units."""
    asked = asked or Asked(submission=some_submission())
    job = changes.pop("job", None) or some_job()
    return Known(job=job, asked=asked, units=units, **changes)
