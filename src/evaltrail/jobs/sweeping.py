"""One turn of a sweeper: units of silent workers wait again, jobs run out of time, and people are told."""

from __future__ import annotations

from collections.abc import Callable

from evaltrail.core.errors import EvaltrailError
from evaltrail.jobs.lease import LeaseQueue

_LONGEST_PAUSE_S = 1.0


def sweep_pause_s(queue: LeaseQueue) -> float:
    """How long a sweeper waits from turn to turn."""
    return min(_LONGEST_PAUSE_S, queue.lease_s / 4)


def sweep(queue: LeaseQueue, notice: Callable[[str], None], *, is_wanted: Callable[[], bool] = lambda: True) -> None:
    """Take back units whose leases ran out, and end what waits of late jobs; a database that is away is met again.

    Args:
        queue: that lent them.
        notice: told, in one sentence each, what became of them.
        is_wanted: whether a database that is away is still to be waited for.
    """
    try:
        swept = queue.sweep(is_wanted=is_wanted)
    except EvaltrailError as error:
        if is_wanted():
            notice(str(error))
        return
    for unit in swept.freed:
        notice(f"unit {unit} was begun by a worker that fell silent: it waits again")
    for unit in swept.failed:
        notice(f"unit {unit} was begun too often by workers that fell silent: it has failed")
    for job in swept.late:
        notice(f"job {job} ran out of time: what waited of it has failed")
