"""Whether MLflow answers, asked lightly and without its client: for those who only tell how it is."""

from __future__ import annotations

import http.client
import os
import socket
from urllib.parse import urlsplit

from evaltrail.destinations.mlflow.reach import check_reachable
from evaltrail.destinations.mlflow.refusal import unreachable
from evaltrail.destinations.mlflow.tracking_uri import is_http, public_uri, sqlite_file

_PORTS = {"http": 80, "https": 443}


def probe(tracking_uri: str, *, timeout_s: float) -> None:
    """Return when something answers at the resolved tracking URI.

    A server spoken to by TLS, or through a login, is only connected to: whether it would let us in is found out when
    something is delivered.

    Raises:
        DestinationError: a sqlite file cannot be opened or is none.
        DestinationUnreachableError: nothing answers in time, or what answers keeps failing.
    """
    file = sqlite_file(tracking_uri)
    if file is not None and not file.exists() and os.access(file.parent, os.W_OK):
        return  # the first delivery makes it; a look must not
    if not is_http(tracking_uri):
        check_reachable(tracking_uri, connect_s=timeout_s)
        return
    where = public_uri(tracking_uri)
    url = urlsplit(where)
    host, port = url.hostname or "", url.port or _PORTS[url.scheme]
    try:
        if url.scheme == "https":
            socket.create_connection((host, port), timeout=timeout_s).close()
            return
        connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
        try:
            connection.request("GET", f"{url.path.rstrip('/')}/health")
            status = connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise unreachable(str(error) or type(error).__name__, where=where) from error
    if status >= 500:
        raise unreachable(f"it answers with HTTP {status}", where=where)
