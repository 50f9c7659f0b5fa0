"""A sqlite file that several processes and threads write to: write-ahead log, private mode, patience."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Literal

_WAIT_S = 10.0
_PAUSE_S = 0.02


def open_sqlite(file: Path, *, synchronous: Literal["NORMAL", "FULL"]) -> sqlite3.Connection:
    """An open connection whose rows are known by name; every statement outside a transaction is one by itself.

    Args:
        file: made with mode 0600 when missing.
        synchronous: FULL survives a power cut after each change, NORMAL a crash of the process.

    Raises:
        OSError, sqlite3.Error: the file cannot be used.
    """
    file.touch(mode=0o600)
    connection = sqlite3.connect(file, timeout=_WAIT_S, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        _turn_to_wal(connection)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _turn_to_wal(connection: sqlite3.Connection) -> None:
    """Switch a new file to the write-ahead log; where several do so at once, sqlite itself does not wait its turn."""
    ends = time.monotonic() + _WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} or time.monotonic() > ends:
                raise
            time.sleep(_PAUSE_S)
