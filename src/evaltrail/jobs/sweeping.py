"""One turn of a sweeper: units whose workers fell silent wait again, and people are told."""

from __future__ import annotations

from collections.abc import Callable

from evaltrail.core.errors import EvaltrailError
from evaltrail.jobs.lease import LeaseQueue

_LONGEST_PAUSE_S = 1.0


def sweep_pause_s(queue: LeaseQueue) -> float:
    """How long a sweeper waits from turn to turn."""
    return min(_LONGEST_PAUSE_S, queue.lease_s / 4)


def sweep(queue: LeaseQueue, notice: Callable[[str], None], *, is_wanted: Callable[[], bool] = lambda: True) -> None:
    """Take back the units whose leases ran out; a database that is away is told of, and met again at the next turn.

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
