"""What a database's driver says, sorted: what passes by itself, what a person must mend."""

from __future__ import annotations

import re
import sqlite3

from sqlalchemy.exc import DBAPIError, OperationalError

from evaltrail.config.redaction import redact_text
from evaltrail.core.errors import EvaltrailError, InputError, StorageError

_PASSING_STATES = {
    "25P03",  # the session idled in a transaction: the process was stopped
    "40001",  # serialization failure
    "40P01",  # deadlock
    "53300",  # too many connections
    "55P03",  # a lock was not to be had
    "57014",  # a statement took too long: something else holds a lock
    "57P01",  # shut down by an operator
    "57P02",  # the server crashed and recovers
    "57P03",  # starting up
}
_PASSING_CLASS = "08"
_PASSING_REFUSALS = re.compile("starting up|shutting down|recovery|too many|remaining connection slots")
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_STEPS = {
    sqlite3.SQLITE_FULL: "free some space",
    sqlite3.SQLITE_READONLY: "let yourself write there",
    sqlite3.SQLITE_CANTOPEN: "put the file back, or start anew: a new one is made at the next start",
    sqlite3.SQLITE_CORRUPT: "restore it from a copy, or move it away: a new one is made at the next start",
    sqlite3.SQLITE_NOTADB: "set EVALTRAIL_DATABASE_URL to the right file",
}


def is_passing(error: DBAPIError) -> bool:
    """Whether trying again may help: the server restarts, another writer holds the file, two writers met."""
    if error.connection_invalidated:
        return True
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return _sqlite_code(cause) in _BUSY
    state = getattr(cause, "sqlstate", None)
    if state:
        return state in _PASSING_STATES or state.startswith(_PASSING_CLASS)
    return isinstance(error, OperationalError) and not is_refusal(error)


def is_refusal(error: DBAPIError) -> bool:
    """Whether a server was reached and will have none of us: wrong password, no such database, no right."""
    said = str(error.orig)
    return "FATAL:" in said and not _PASSING_REFUSALS.search(said)


def database_error(error: DBAPIError, name: str) -> EvaltrailError:
    """The error in our words.

    Args:
        error: as the driver raised it.
        name: which database, without a password.
    """
    said = redact_text(str(error.orig).partition("\n")[0])
    if is_refusal(error) and not is_passing(error):
        return InputError(
            f"the database refuses us: {said}",
            code="database_refused",
            hint="correct EVALTRAIL_DATABASE_URL",
            where=name,
        )
    if isinstance(error.orig, sqlite3.Error):
        if _sqlite_code(error.orig) in _BUSY:
            return StorageError(
                "another process keeps the database of jobs to itself",
                code="database_busy",
                hint="end the process that hangs, or leave sqlite for PostgreSQL (EVALTRAIL_DATABASE_URL)",
                where=name,
            )
        step = _STEPS.get(_sqlite_code(error.orig), "mend that")
        return StorageError(
            f"the database of jobs cannot be used: {said}", code="database_broken", hint=step, where=name
        )
    if is_passing(error):
        return StorageError(
            f"the database of jobs is away: {said}",
            code="database_away",
            hint="start it, then try again: what was accepted is kept there",
            where=name,
        )
    return StorageError(
        f"the database of jobs cannot be used: {said}", code="database_broken", hint="mend that", where=name
    )


def _sqlite_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
