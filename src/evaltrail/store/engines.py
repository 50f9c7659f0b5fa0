"""Engines for the databases that jobs may lie in: a sqlite file of ours, or a PostgreSQL server."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from evaltrail.bundle.folders import make_private
from evaltrail.config.redaction import redact_text
from evaltrail.core.errors import InputError, StorageError
from evaltrail.store.sqlite_file import open_sqlite

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

Durability = Literal["normal", "full"]
"""What an accepted job survives: ``normal`` the death of every process, ``full`` a power cut too."""

_FILE = "jobs.db"
_BUSY_S = 10.0
_LOG_PAGES = 8000
"""32 MB of write-ahead log before it is written back, 4 MB being usual: of submissions that come fast, every fortieth
waited for that, now every three hundredth does (measured November 2026)."""
_FORMS = "sqlite:////folder/jobs.db and postgresql+psycopg://user@host/name are known"
_SESSION = (
    "SET default_transaction_isolation TO 'read committed'",  # every statement must see what was committed before it
    "SET statement_timeout TO '30s'",
    "SET idle_in_transaction_session_timeout TO '10s'",  # a worker that is stopped in mid-transaction frees its locks
)
_CONNECT = {
    "application_name": "evaltrail",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


def database_url(given: str, home: Path) -> URL:
    """The address of the database; an empty one means ``jobs.db`` in the home.

    Raises:
        InputError: it is no address, or one of a database that we do not know.
    """
    if not given:
        return URL.create("sqlite", database=str(home / _FILE))
    try:
        url = make_url(given)
    except (ArgumentError, ValueError) as error:
        shown = redact_text(given)
        raise InputError(
            f"EVALTRAIL_DATABASE_URL is no address of a database: {shown!r}", code="bad_setting", hint=_FORMS
        ) from error
    if url.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername in {"sqlite", "sqlite+pysqlite"} and url.database and ":memory:" not in url.database:
        return url
    raise InputError(f"jobs cannot be kept in {shown_url(url)!r}", code="bad_setting", hint=_FORMS)


def sqlite_path(given: str, home: Path) -> Path | None:
    """The file that jobs lie in; None where a server keeps them.

    Raises:
        InputError: see ``database_url``.
    """
    url = database_url(given, home)
    return Path(url.database or _FILE).absolute() if url.get_backend_name() == "sqlite" else None


def shown_url(url: URL) -> str:
    """The address for people, without a password; of sqlite the file alone."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return redact_text(url.render_as_string(hide_password=True))


def make_engine(url: URL, durability: Durability) -> Engine:
    """An engine for such an address; no server has been asked yet, a sqlite file is there.

    Raises:
        InputError: the driver is not installed.
        StorageError: the sqlite file cannot be made.
    """
    return _postgresql(url, durability) if url.get_backend_name() == "postgresql" else _sqlite(url, durability)


def _sqlite(url: URL, durability: Durability) -> Engine:
    file = Path(url.database or _FILE).absolute()
    synchronous: Literal["FULL", "NORMAL"] = "FULL" if durability == "full" else "NORMAL"
    make_private(file.parent)
    try:
        open_sqlite(file, synchronous=synchronous).close()
    except (OSError, sqlite3.Error) as error:
        raise StorageError(
            f"the database of jobs cannot be used: {error}",
            where=str(file),
            hint="set EVALTRAIL_HOME to a writable folder, or EVALTRAIL_DATABASE_URL",
        ) from error
    connector = _sqlite_connector(file, synchronous)
    return create_engine("sqlite://", creator=connector, poolclass=QueuePool, pool_size=4, max_overflow=60)


def _sqlite_connector(file: Path, synchronous: str) -> Callable[[], sqlite3.Connection]:
    # mode=rw: a file that was removed while we run is an error, not an empty queue
    address = f"{file.as_uri()}?mode=rw"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(address, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        return connection

    return connect


def begin(connection: Connection, *, is_writing: bool) -> None:
    """Begin a transaction where the driver does not by itself: one of sqlite that writes takes its one write lock now.

    Not by a listener: with one, SQLAlchemy asks for others around every statement, and a unit takes a third longer.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")


def _postgresql(url: URL, durability: Durability) -> Engine:
    statements = (*_SESSION, "SET synchronous_commit TO on") if durability == "full" else _SESSION
    options = {name: value for name, value in _CONNECT.items() if name not in url.query}
    try:
        engine = create_engine(url, connect_args=options, pool_size=4, max_overflow=12, pool_use_lifo=True)
    except ModuleNotFoundError as error:
        raise InputError(
            "jobs in PostgreSQL need psycopg",
            code="missing_extra",
            hint="pip install 'evaltrail[postgres]'",
            where="EVALTRAIL_DATABASE_URL",
        ) from error

    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        connection.commit()

    event.listen(engine, "connect", prepare)
    return engine
