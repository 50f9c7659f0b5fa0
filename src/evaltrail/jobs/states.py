"""The states of jobs and units, and how a job's state follows from those of its units."""

from __future__ import annotations

from typing import Literal

JobState = Literal["pending", "running", "cancelling", "completed", "partially_failed", "failed", "cancelled"]
UnitState = Literal["held", "waiting", "running", "done", "failed", "cancelled"]
Verdict = Literal["", "completed", "partially_failed", "failed", "cancelled"]
"""What the last unit found out about the whole; empty = it says nothing."""

ENDED: frozenset[JobState] = frozenset({"completed", "partially_failed", "failed", "cancelled"})
_SEVERITY: tuple[Verdict, ...] = ("", "completed", "partially_failed", "failed", "cancelled")


def ended_state(
    others: frozenset[UnitState], last: UnitState | None, *, is_cancelling: bool, verdict: Verdict = ""
) -> JobState:
    """How a job ends whose units have all ended.

    Args:
        others: the states that its units have, the last one left out.
        last: the state of the unit that ran after all others; None = there is none.
        is_cancelling: somebody cancelled it; it counts only where that kept a unit from being done.
        verdict: of the last unit; the graver of the two counts.
    """
    states = others | ({last} if last else set())
    if is_cancelling and ("cancelled" in states or verdict == "cancelled"):
        return "cancelled"
    if states == {"done"}:
        found: Verdict = "completed"
    elif last == "failed" or "done" not in others:
        found = "failed"
    else:
        found = "partially_failed"
    return max(found, verdict, key=_SEVERITY.index) or "completed"
