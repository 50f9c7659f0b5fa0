"""Why a unit or a job failed, as people and programs are told."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from evaltrail.core.decoding import decoded
from evaltrail.core.errors import EvaltrailError
from evaltrail.jobs.encoding import to_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One error of the tree, as a value."""

    code: str
    message: str
    hint: str = ""
    where: str = ""


def failure_of(error: EvaltrailError) -> Failure:
    """The error as a value."""
    return Failure(code=error.code, message=error.message, hint=error.hint, where=error.where)


def lost_worker(ended: str) -> Failure:
    """Why a unit failed whose worker process died: the process ``ended``, in words, while it did it."""
    return Failure(
        code="worker_lost",
        message=f"the worker process {ended} while it did this",
        hint="the worker's log, or the kernel's (out of memory?), says why",
    )


def failure_to_text(failure: Failure) -> str:
    """The failure as JSON."""
    return to_text(asdict(failure))


def failure_from_text(text: str | None) -> Failure | None:
    """The failure that was kept; None where there is none."""
    return decoded(text, Failure) if text else None
