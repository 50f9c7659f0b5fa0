"""What MLflow's refusals mean for a user: HTTP status, error code and message to one of our errors."""

from __future__ import annotations

from urllib.parse import urlsplit

from evaltrail.core.errors import DestinationError, DestinationUnreachableError
from evaltrail.destinations.mlflow.port import ANSWER_LOST

TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
"""HTTP statuses after which the same request may succeed; the stock client retries the same ones."""

EXISTS = "resource_already_exists"
MISSING = "resource_does_not_exist"
TOO_LARGE = "too_large"
"""Codes of our errors for what MLflow, or a proxy before it, answers."""

_RACES = ("UNIQUE constraint failed", "duplicate key value", "Duplicate entry")
"""What SQLite, PostgreSQL and MySQL say where two writers made the same row: MLflow looks before it writes, and the
second request finds the row there (seen with runs/log-inputs of one data set)."""

_SYNC = "the results are safe; `evaltrail sync` sends them when it is back"
_CHECK_URI = "check that the tracking URI is that of an MLflow server"
_LONGEST_MESSAGE = 500


def refused(status: int, code: str, message: str, *, where: str) -> DestinationError:
    """The error for an answer that is not a success.

    Args:
        status: HTTP status, or 0 when there was none (a store without a server).
        code: MLflow's error code, such as ``INVALID_PARAMETER_VALUE``; may be empty.
        message: what MLflow said.
        where: the tracking URI, without credentials.
    """
    said = " ".join(message.split())[:_LONGEST_MESSAGE] or f"HTTP {status}"
    if status in TRANSIENT or (code == "BAD_REQUEST" and any(words in said for words in _RACES)):
        why = f"MLflow keeps failing: HTTP {status}: {said}"
        return DestinationUnreachableError(why, code="destination_failing", hint=_SYNC, where=where)
    hint = _next_step(status, code, said, where)
    return DestinationError(
        f"MLflow refuses: {said}", code=TOO_LARGE if status == 413 else code.lower(), hint=hint, where=where
    )


def distrusted(why: str, *, where: str) -> DestinationError:
    """The error for a server whose certificate nobody we know has signed."""
    return DestinationError(
        f"the server's certificate is not trusted: {why}",
        code="distrusted",
        hint="set MLFLOW_TRACKING_SERVER_CERT_PATH to its certificate authority",
        where=where,
    )


def not_mlflow(why: str, *, where: str) -> DestinationError:
    """The error for a success that MLflow would not have sent: a login page, another service."""
    return DestinationError(f"the answer is not MLflow's: {why}", code="not_mlflow", hint=_CHECK_URI, where=where)


def deleted_experiment(name: str, experiment_id: str, *, where: str) -> DestinationError:
    """The error for an experiment that was deleted: its name stays taken."""
    way_back = f"`mlflow experiments restore --experiment-id {experiment_id}`"
    return DestinationError(
        f"the experiment {name!r} was deleted, and MLflow keeps its name taken",
        code="deleted_experiment",
        hint=f"restore it with {way_back}, then `evaltrail sync` sends what waits; or use another name",
        where=where,
    )


def unreachable(why: str, *, where: str) -> DestinationUnreachableError:
    """The error for a server that cannot be reached, where sending the request again does no harm."""
    return DestinationUnreachableError(f"MLflow cannot be reached: {why}", hint=_SYNC, where=where)


def answer_lost(why: str, *, where: str) -> DestinationUnreachableError:
    """The error for a request that went out and may or may not have been carried out."""
    return DestinationUnreachableError(f"MLflow gave no answer: {why}", code=ANSWER_LOST, hint=_SYNC, where=where)


def _next_step(status: int, code: str, said: str, where: str) -> str:
    if "Invalid Host header" in said:
        address = urlsplit(where).netloc or "HOST:PORT"
        return f"start the server with `--allowed-hosts {address}` (or MLFLOW_SERVER_ALLOWED_HOSTS={address})"
    if status in {401, 403} or code in {"UNAUTHENTICATED", "PERMISSION_DENIED"}:
        return "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, of one who may"
    if "must be in the 'active' state" in said:
        return "it was deleted: restore it with `mlflow experiments restore` or `mlflow runs restore`, or name another"
    if status == 413:
        return "raise the size limit of the proxy in front of MLflow"
    if (status in {404, 405} or 300 <= status < 400) and not code:
        return _CHECK_URI
    return ""
