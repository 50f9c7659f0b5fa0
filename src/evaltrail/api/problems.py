"""Errors as HTTP answers: RFC 9457 problem details that also carry the names which today's clients read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType

import msgspec
from starlette.responses import Response

from evaltrail.core.errors import (
    BusyError,
    DestinationError,
    DestinationUnreachableError,
    EvaltrailError,
    InputError,
    PartialError,
    StorageError,
)

MEDIA_TYPE = "application/problem+json"
AWAY_RETRY_S = 5
"""When a client may ask again while the database is away."""
_STATUSES: Mapping[str, int] = MappingProxyType(
    {
        "bad_json": 400,
        "bad_host": 421,
        "unauthorized": 401,
        "forbidden": 403,
        "bad_origin": 403,
        "bad_form_token": 403,
        "unknown_id": 404,
        "unknown_version": 404,
        "unknown_job": 404,
        "ambiguous_id": 404,
        "not_found": 404,
        "already_ended": 409,
        "already_exists": 409,
        "already_over": 409,
        "idempotency_conflict": 409,
        "in_use": 409,
        "not_ended": 409,
        "not_over": 409,
        "not_landed": 409,
        "read_only": 409,
        "too_large": 413,
        "unsupported_media_type": 415,
        "rate_limited": 429,
    }
)
_CODES: Mapping[int, str] = MappingProxyType(
    {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}
)
_HINTS: Mapping[int, str] = MappingProxyType(
    {404: "/docs lists the paths", 405: "the header Allow names the methods of this path"}
)
_FALLBACK = "correct the request, then send it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldProblem:
    """One mistake in a request."""

    path: str
    """Where it stands: ``benchmarks.0.id``; empty = the request as a whole."""
    message: str
    hint: str = ""
    value: str = ""
    """What stands there, cut short and without secrets; empty = nothing does."""


class RefusedBodyError(InputError):
    """A body whose form is wrong; it holds every mistake.

    Args:
        fields: one each, at least one.
    """

    default_code = "invalid_request"

    def __init__(self, fields: tuple[FieldProblem, ...]) -> None:
        first = fields[0]
        more = f", and {len(fields) - 1} more mistakes" if len(fields) > 1 else ""
        super().__init__(first.message + more, hint=first.hint, where=first.path)
        self.fields = fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a client is told when a request cannot be served."""

    status: int
    code: str
    message: str
    hint: str = ""
    instance: str = ""
    """Path of the request."""
    request_id: str = ""
    errors: tuple[FieldProblem, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """The problem as JSON, under the RFC's names and under those of today's clients."""
        return msgspec.json.encode(
            {
                "type": f"urn:evaltrail:problem:{self.code}",
                "title": self.code.replace("_", " ").capitalize(),
                "status": self.status,
                "detail": self._detail(),
                "instance": self.instance,
                "message": self.message,
                "message_code": self.code,
                "code": self.code,
                "hint": self.hint,
                "request_id": self.request_id,
                "errors": self.errors,
            }
        )

    def response(self) -> Response:
        """The answer that tells it."""
        return Response(self.body(), self.status, dict(self.headers), MEDIA_TYPE)

    def _detail(self) -> str:
        """The message with its place and the next step: there are clients that show nothing else."""
        place = f"{self.errors[0].path}: " if self.errors and self.errors[0].path else ""
        step = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.message}{step}"


def status_of(error: EvaltrailError) -> int:
    """The HTTP status that an error of ours is answered with."""
    if error.code in _STATUSES:
        return _STATUSES[error.code]
    if isinstance(error, BusyError):
        return 409
    if isinstance(error, InputError) or (isinstance(error, PartialError) and _are_inputs(error)):
        return 422
    if isinstance(error, StorageError | DestinationUnreachableError):
        return 503
    return 502 if isinstance(error, DestinationError) else 500


def problem_of(error: EvaltrailError, *, instance: str = "", request_id: str = "", status: int = 0) -> Problem:
    """An error of ours as a client is told it.

    Args:
        error: whose words are fit for the client, as those of 4xx and 503 are; else they are kept back.
        instance: path of the request.
        request_id: of the request.
        status: 0 = as the error's kind says.
    """
    status = status or status_of(error)
    if status == 500:
        return internal(instance=instance, request_id=request_id)
    return Problem(
        status=status,
        code=error.code,
        message=error.message,
        hint=_FALLBACK if error.hint == InputError.default_hint else error.hint,
        instance=instance,
        request_id=request_id,
        errors=_fields(error),
        headers={"Retry-After": str(AWAY_RETRY_S)} if status == 503 or error.code == "not_landed" else {},
    )


def internal(*, instance: str = "", request_id: str = "") -> Problem:
    """What a client is told of a fault of ours: nothing but where to find it."""
    return Problem(
        status=500,
        code="internal_error",
        message="the service failed at this request",
        hint="the service's log tells why, under the request's id",
        instance=instance,
        request_id=request_id,
    )


def of_status(status: int, *, instance: str = "", request_id: str = "", headers: Mapping[str, str]) -> Problem:
    """What the framework itself refuses: an unknown path, a method that a path does not know."""
    return Problem(
        status=status,
        code=_CODES.get(status, "refused"),
        message=f"{HTTPStatus(status).phrase}: {instance}",
        hint=_HINTS.get(status, _FALLBACK),
        instance=instance,
        request_id=request_id,
        headers=headers,
    )


def _are_inputs(error: PartialError) -> bool:
    return all(isinstance(each, InputError) for each in error.errors)


def _fields(error: EvaltrailError) -> tuple[FieldProblem, ...]:
    if isinstance(error, RefusedBodyError):
        return error.fields
    if isinstance(error, PartialError):
        return tuple(field for each in error.errors for field in _fields(each))
    if isinstance(error, InputError) and error.where:
        return (FieldProblem(path=error.where, message=error.message, hint=error.hint),)
    return ()
