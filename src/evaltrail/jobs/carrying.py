"""Carry a claimed unit out: signs of life beside the work, and the queue told how it ended. Every dispatcher's way."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from evaltrail.config.redaction import redact_text
from evaltrail.core.errors import BusyError, EvaltrailError, InputError
from evaltrail.jobs.failure import failure_of
from evaltrail.jobs.heartbeat import Heartbeat
from evaltrail.jobs.hold import Done, Handler, Hold, LetGoError
from evaltrail.jobs.lateness import timed_out
from evaltrail.jobs.lease import LeaseQueue

_LONGEST_PAUSE_S = 300.0
_INTERNAL = "internal"


def carry_out(
    hold: Hold,
    queue: LeaseQueue,
    handler: Handler,
    *,
    first_pause_s: float = 5.0,
    notice: Callable[[str], None] = lambda _: None,
) -> None:
    """Do a unit, and tell the queue what it came to.

    Args:
        hold: the unit, claimed just now.
        queue: that lent it.
        handler: does it.
        first_pause_s: before a failed unit is begun again; it doubles from attempt to attempt.
        notice: told, in one sentence, what a person watching wants to know.

    Raises:
        StorageError: the database is away for longer than it is waited for; the unit is begun again by itself.
    """
    claim = hold.claim
    try:
        done = _with_heartbeat(hold, queue, handler)
    except (LetGoError, KeyboardInterrupt):
        _give_back(hold, queue)
        notice(f"unit {claim.unit_id} was let go: {hold.reason or 'interrupted'}")
    except EvaltrailError as error:
        pause_s = pause_before_retry_s(error, claim.attempt, first_pause_s)
        queue.fail(claim, failure_of(error), pause_s)
        notice(f"unit {claim.unit_id} failed: {error}{_trace(error)}")
    else:
        _finish(hold, queue, done, notice)


def _give_back(hold: Hold, queue: LeaseQueue) -> None:
    """Let a unit wait again that was let go, or fail where its job has no time left for it."""
    claim = hold.claim
    if hold.reason == "late":
        queue.fail(claim, timed_out(claim.job_id, claim.timeout_s or 0.0))
    elif hold.reason != "lost":
        queue.hand_back(claim)


def _finish(hold: Hold, queue: LeaseQueue, done: Done, notice: Callable[[str], None]) -> None:
    """Tell the queue what a unit came to; what cannot be kept is its failure, for it would be the same another time."""
    claim = hold.claim
    try:
        is_ours = queue.finish(claim, done.result, progress=hold.progress, more=done.more, verdict=done.verdict)
    except InputError as error:
        queue.fail(claim, failure_of(error))
        notice(f"unit {claim.unit_id} failed: {error}")
        return
    if is_ours:
        done.afterwards()


def pause_before_retry_s(error: EvaltrailError, attempt: int, first_s: float) -> float | None:
    """How long to wait before a unit that failed so is begun again; None = never, for it would fail again."""
    if isinstance(error, InputError) and not isinstance(error, BusyError):
        return None
    return float(min(_LONGEST_PAUSE_S, first_s * 2 ** min(attempt - 1, 16)))


def _with_heartbeat(hold: Hold, queue: LeaseQueue, handler: Handler) -> Done:
    """What the handler came to, every other error of it as one of ours."""
    beating = Heartbeat(queue, hold.claim, stop=hold.let_go, progress=lambda: hold.progress)
    hold.safe_until = lambda: beating.safe_until
    with beating:
        try:
            return handler(hold)
        except (EvaltrailError, LetGoError):
            raise
        except Exception as error:  # a job's wall: one unit that stumbles costs the worker nothing
            said = redact_text(f"{type(error).__name__}: {error}")
            hint = "please report it; the worker's log has more"
            raise EvaltrailError(f"the work stumbled: {said}", code=_INTERNAL, hint=hint) from error


def _trace(error: EvaltrailError) -> str:
    """Where the work stumbled, for who mends it; nothing where the error says all."""
    if error.code != _INTERNAL or error.__cause__ is None:
        return ""
    return "\n" + redact_text("".join(traceback.format_exception(error.__cause__)))
