"""A sqlite file that several processes and threads write to: private mode, patience, a journal that fits its disk."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

_WAIT_S = 10.0
_PAUSE_S = 0.02


def open_sqlite(file: Path, *, synchronous: Literal["NORMAL", "FULL"], is_shared: bool = False) -> sqlite3.Connection:
    """An open connection whose rows are known by name; every statement outside a transaction is one by itself.

    A new file gets a write-ahead log, which needs memory that all its users share: one machine. The journal of a file
    that is there is changed only for ``is_shared``, and stays so: whoever opens it later cannot know who else does.

    Args:
        file: made with mode 0600 when missing.
        synchronous: FULL survives a power cut after each change, NORMAL a crash of the process.
        is_shared: other machines may use it too: it gets a rollback journal, which needs nothing but file locks.

    Raises:
        OSError, sqlite3.Error: the file cannot be used.
    """
    _make(file)
    is_new = not file.stat().st_size
    journal = "delete" if is_shared else "wal" if is_new else ""
    ends = time.monotonic() + _WAIT_S
    while True:
        connection = sqlite3.connect(file, timeout=_WAIT_S, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            if journal:
                connection.execute(f"PRAGMA journal_mode = {journal}")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            return connection
        except sqlite3.Error as error:
            connection.close()  # one that waits while it has the file open is what the next one waits for
            if not _is_busy(error) or time.monotonic() > ends:
                raise
        time.sleep(random.uniform(0.1, 1) * _PAUSE_S)  # noqa: S311  so that two do not meet again and again


def _make(file: Path) -> None:
    """Have the file there without opening it: the close would drop the locks of other threads that have it open."""
    with suppress(FileExistsError):
        try:
            os.mknod(file, 0o600)
        except PermissionError:  # macOS lets root alone do so
            file.touch(mode=0o600, exist_ok=False)


def _is_busy(error: sqlite3.Error) -> bool:
    """Whether others use the file just now; a change of its journal does not wait for them by itself."""
    code = error.sqlite_errorcode & 0xFF  # the rest says what it was busy with, such as recovery
    return code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
