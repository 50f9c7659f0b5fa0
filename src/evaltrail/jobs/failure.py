"""Why a unit or a job failed, as people and programs are told."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import msgspec

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


def failure_to_text(failure: Failure) -> str:
    """The failure as JSON."""
    return to_text(asdict(failure))


def failure_from_text(text: str | None) -> Failure | None:
    """The failure that was kept; None where there is none."""
    return msgspec.json.decode(text, type=Failure) if text else None
