"""The database that jobs lie in: transactions that outlast a restart of its server, and errors that say which it is."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from evaltrail.core.errors import StorageError
from evaltrail.store.engines import Durability, begin, database_url, make_engine, shown_url
from evaltrail.store.outages import database_error, is_passing
from evaltrail.store.schema import bring_up

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.pool import PoolProxiedConnection

_Result = TypeVar("_Result")
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0


class Database:
    """One database of jobs; any thread may use it, a forked child may not.

    Args:
        engine: of SQLAlchemy.
        name: which database it is, for people: without a password.
        patience_s: how long a transaction is tried again while the database is away.
        notice: told, in one sentence, that it is away and that it is back.
    """

    def __init__(
        self, engine: Engine, *, name: str, patience_s: float, notice: Callable[[str], None] = lambda _: None
    ) -> None:
        self.name = name
        self.dialect: Literal["sqlite", "postgresql"] = "postgresql" if engine.name == "postgresql" else "sqlite"
        self._engine = engine
        self._patience_s = patience_s
        self._notice = notice
        # sqlite lets one writer in and makes the others sleep: threads of ours queue here instead, without sleeping
        self._is_closed = False
        self._watcher: PoolProxiedConnection | None = None
        self._turn: AbstractContextManager[object] = threading.Lock() if self.dialect == "sqlite" else nullcontext()

    def write(
        self,
        work: Callable[[Connection], _Result],
        *,
        patience_s: float | None = None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> _Result:
        """What the work returned, after its transaction was committed.

        Args:
            work: called with a connection inside a transaction; called again, from the start, where the database
                went away (also after a commit whose answer was lost), or another has just written the same key. It
                calls no other transaction.
            patience_s: seconds to go on trying; None = the database's own.
            is_wanted: asked before each further try, which is not made for a result that nobody wants any more.

        Raises:
            StorageError: the database is away for longer, or cannot be used.
            InputError: it refuses us.
        """

        def once() -> _Result:
            with self._turn, self._engine.begin() as connection:
                begin(connection, is_writing=True)
                return work(connection)

        return self._patiently(once, patience_s, is_wanted)

    def read(
        self,
        work: Callable[[Connection], _Result],
        *,
        patience_s: float | None = None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> _Result:
        """What the work returned; it sees one state of the tables on sqlite, and may not write.

        Raises:
            StorageError: the database is away for longer, or cannot be used.
            InputError: it refuses us.
        """

        def once() -> _Result:
            with self._engine.begin() as connection:
                begin(connection, is_writing=False)
                return work(connection)

        return self._patiently(once, patience_s, is_wanted)

    def version(self) -> int | None:
        """A number that is another one after each change, whoever makes it; None where that cannot be told at once.

        Asked by one thread only. It has a connection of its own, for sqlite tells a connection of others' changes.
        """
        if self.dialect != "sqlite" or self._is_closed:
            return None
        try:
            if self._watcher is None:
                self._watcher = self._engine.raw_connection()
            cursor = self._watcher.cursor()
            cursor.execute("PRAGMA data_version")
            (version,) = cursor.fetchone() or (None,)
        except (DBAPIError, PoolTimeoutError, sqlite3.Error):  # a read will tell what is wrong
            return None
        return version

    def close(self) -> None:
        """Give the connections back; one that a thread still has follows when the thread is done with it."""
        self._is_closed = True
        if self._watcher is not None:
            self._watcher.close()
        self._engine.pool.dispose()

    def _patiently(
        self, once: Callable[[], _Result], patience_s: float | None, is_wanted: Callable[[], bool]
    ) -> _Result:
        ends = time.monotonic() + (self._patience_s if patience_s is None else patience_s)
        pause = _FIRST_PAUSE_S
        is_away = has_clashed = False
        while True:
            try:
                result = once()
            except DBAPIError as error:
                if isinstance(error, IntegrityError) and not has_clashed:
                    has_clashed = True
                    continue
                if not is_passing(error) or time.monotonic() + pause > ends or not is_wanted():
                    raise database_error(error, self.name) from error
                if not is_away and pause > _FIRST_PAUSE_S:
                    is_away = True
                    self._notice(f"{database_error(error, self.name)}; trying again")
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            except PoolTimeoutError as error:
                raise StorageError(
                    "too many threads use the database of jobs at once", code="database_busy", where=self.name
                ) from error
            else:
                if is_away:
                    self._notice(f"the database of jobs is back: {self.name}")
                return result
            finally:
                if self._is_closed:
                    self._engine.pool.dispose()


def open_database(
    url: str,
    home: Path,
    durability: Durability,
    *,
    patience_s: float = 30.0,
    notice: Callable[[str], None] = lambda _: None,
) -> Database:
    """The database of jobs, its tables brought up to this version.

    Args:
        url: EVALTRAIL_DATABASE_URL; empty = ``jobs.db`` in the home.
        home: EVALTRAIL_HOME.
        durability: what an accepted job survives.
        patience_s: seconds that a database which is away is waited for, here and in every transaction later.
        notice: told, in one sentence, that it is away and that it is back.

    Raises:
        InputError: the address is none of ours, it refuses us, or its tables are newer than this version.
        StorageError: it is away for longer, or cannot be used.
    """
    address = database_url(url, home)
    engine = make_engine(address, durability)
    name = shown_url(address)
    database = Database(engine, name=name, patience_s=patience_s, notice=notice)
    try:
        bring_up(database.read, database.write, name)
    except BaseException:
        database.close()
        raise
    return database
