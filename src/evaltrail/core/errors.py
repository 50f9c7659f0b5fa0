"""Every error evaltrail raises on purpose, as one tree.

EvaltrailError                        exit 1
+-- InputError                        exit 2   what was asked for cannot be started
|   +-- BusyError                     exit 2   the same work is running in another process
+-- EndpointError                     exit 1   the model endpoint refuses us or is gone
+-- StorageError                      exit 1   the disk refuses a write
+-- InterruptError                    exit 130 stopped from outside; goes on with the same command
+-- PartialError                      its own   some of several results did not land; holds what did
+-- DestinationError                  exit 1   MLflow refuses what was sent
    +-- DestinationUnreachableError   exit 3   MLflow cannot be reached; the outbox keeps the results
"""

from __future__ import annotations

from collections.abc import Sequence


class EvaltrailError(Exception):
    """What happened, where, and what to do next.

    Args:
        message: one sentence: what is wrong.
        code: a stable word for programs, such as ``unknown_key``.
        hint: what to do next; empty = the class's own word on it.
        where: file, line and field, or URL; may be empty.
    """

    exit_code = 1
    default_code = "error"
    default_hint = ""

    def __init__(self, message: str, *, code: str = "", hint: str = "", where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.hint = hint or self.default_hint
        self.where = where
        self.evaluation_id = ""
        """The evaluation that was stopped, where there was one."""

    def __str__(self) -> str:
        """The error on one line: where, what, and the next step."""
        place = f"{self.where}: " if self.where else ""
        step = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.message}{step}"


class InputError(EvaltrailError):
    """The request, a file or a setting is wrong; nothing was started."""

    exit_code = 2
    default_code = "bad_input"
    default_hint = "correct it, then run again"


class BusyError(InputError):
    """The same work is being done by another process, which the message names."""

    default_code = "already_running"


class EndpointError(EvaltrailError):
    """The model endpoint refuses every request (wrong key, unknown model) or has gone away."""

    default_code = "endpoint"


class StorageError(EvaltrailError):
    """A file cannot be written (disk full, no permission); what was written before is safe."""

    default_code = "storage"


class InterruptError(EvaltrailError):
    """A person or a supervisor ended the process; what was done is kept."""

    exit_code = 130
    default_code = "interrupted"


class PartialError(EvaltrailError):
    """Some of several results did not land.

    Args:
        errors: why, one each; the first is told.
        receipts: of what did land.
        exit_code: of the whole.
    """

    default_code = "partial"

    def __init__(
        self, errors: Sequence[EvaltrailError], receipts: Sequence[object] = (), *, exit_code: int = 1
    ) -> None:
        first = errors[0]
        more = f", and {len(errors) - 1} more errors" if len(errors) > 1 else ""
        super().__init__(first.message + more, code=first.code, hint=first.hint, where=first.where)
        self.errors = tuple(errors)
        self.receipts = tuple(receipts)
        self.exit_code = exit_code


class DestinationError(EvaltrailError):
    """The destination answered and refused what was sent."""

    default_code = "destination_refused"
    default_hint = "mend that, then `evaltrail sync` sends what waits"


class DestinationUnreachableError(DestinationError):
    """The destination cannot be reached or keeps failing; the delivery may be tried again."""

    exit_code = 3
    default_code = "destination_unreachable"
