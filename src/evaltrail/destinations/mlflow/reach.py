"""Whether a database can be reached: asked first, because MLflow spends 100 s on finding out that it cannot."""

from __future__ import annotations

import os
import socket
import sqlite3
from contextlib import closing
from types import MappingProxyType
from urllib.parse import urlsplit

from evaltrail.core.errors import DestinationError
from evaltrail.destinations.mlflow.refusal import unreachable
from evaltrail.destinations.mlflow.tracking_uri import public_uri, sqlite_file

_PORTS = MappingProxyType({"postgresql": 5432, "mysql": 3306, "mssql": 1433})


def check_reachable(tracking_uri: str, *, connect_s: float) -> None:
    """Return when the database behind the URI can be opened; URIs of other kinds are not looked at.

    Raises:
        DestinationError: the sqlite file cannot be opened or is none.
        DestinationUnreachableError: the database server cannot be reached, or the file is locked.
    """
    where = public_uri(tracking_uri)
    file = sqlite_file(tracking_uri)
    if file is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(file, timeout=connect_s)) as store:
                store.execute("PRAGMA schema_version").fetchone()
        except (OSError, sqlite3.Error) as error:
            if "locked" in str(error):
                raise unreachable("another process is writing to its database", where=where) from error
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise DestinationError(
                f"MLflow's store cannot be opened: {why}", hint="give another --tracking-uri", where=where
            ) from error
        if not os.access(file, os.W_OK):
            raise DestinationError("MLflow's store cannot be written", hint="make the file writable", where=where)
        return
    url = urlsplit(where)
    port = url.port or _PORTS.get(url.scheme.partition("+")[0])
    if url.hostname and port and not url.scheme.startswith("http"):
        try:
            socket.create_connection((url.hostname, port), timeout=connect_s).close()
        except OSError as error:
            raise unreachable(str(error), where=where) from error
