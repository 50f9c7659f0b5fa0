"""Fetching: a file that MLflow keeps, taken a part at a time and no further than a limit.

Source: ``/get-artifact`` and ``/api/2.0/mlflow-artifacts/artifacts`` of MLflow's server, as of 3.17.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote, urlencode, urlsplit
from urllib.request import url2pathname

from evaltrail.core.errors import InputError
from evaltrail.destinations.mlflow.door import open_gateway
from evaltrail.destinations.mlflow.login import read_login
from evaltrail.destinations.mlflow.patience import Patience
from evaltrail.destinations.mlflow.refusal import TRANSIENT, refused, unreachable
from evaltrail.destinations.mlflow.tracking_uri import (
    check_tracking_uri,
    is_http,
    public_uri,
    resolve_tracking_uri,
)

_RUNS = "runs:/"
_ARTIFACTS = "mlflow-artifacts:/"
_PART_BYTES = 1 << 18
_MOST_SAID = 4096


def fetch_artifact(
    reference: str, target: BinaryIO, *, tracking_uri: str, environ: Mapping[str, str], limit_bytes: int
) -> None:
    """Write a file of MLflow into an open one.

    Args:
        reference: ``runs:/RUN_ID/PATH`` or ``mlflow-artifacts:/PATH``, checked.
        target: takes the bytes.
        tracking_uri: where it is; empty = as the variables say.
        environ: the variables that MLflow's own settings are read from.
        limit_bytes: one byte more is refused, before it is read.

    Raises:
        InputError: there is no such file, or it is too large.
        DestinationUnreachableError: MLflow is away.
        DestinationError: MLflow refuses.
    """
    uri = resolve_tracking_uri(tracking_uri, environ)
    check_tracking_uri(uri)
    if is_http(uri):
        _from_server(reference, target, uri, environ, limit_bytes)
    else:
        _from_disk(reference, target, uri, environ, limit_bytes)


def _from_server(reference: str, target: BinaryIO, uri: str, environ: Mapping[str, str], limit_bytes: int) -> None:
    url, patience = urlsplit(uri), Patience()
    login = read_login(url, environ)
    host, port = url.hostname or "", url.port
    connection = (
        HTTPSConnection(host, port, timeout=patience.read_s, context=login.tls)
        if url.scheme == "https"
        else HTTPConnection(host, port, timeout=patience.read_s)
    )
    where = public_uri(uri)
    with closing(connection):
        try:
            connection.request("GET", url.path.rstrip("/") + _path(reference), headers=dict(login.headers))
            answer = connection.getresponse()
            _check(answer, reference, where)
            _copy(answer, target, reference, limit_bytes)
        except (OSError, HTTPException) as error:
            raise unreachable(str(error) or type(error).__name__, where=where) from error


def _path(reference: str) -> str:
    if reference.startswith(_RUNS):
        run_id, _, path = reference.removeprefix(_RUNS).partition("/")
        return f"/get-artifact?{urlencode({'run_id': run_id, 'path': unquote(path)})}"
    return f"/api/2.0/mlflow-artifacts/artifacts/{quote(unquote(reference.removeprefix(_ARTIFACTS)))}"


def _check(answer: HTTPResponse, reference: str, where: str) -> None:
    if answer.status < 300:
        return
    said = answer.read(_MOST_SAID).decode("utf-8", "replace")
    is_missing = answer.status in {400, 404} or "RESOURCE_DOES_NOT_EXIST" in said or "No such" in said
    if is_missing and answer.status not in TRANSIENT:
        raise _missing(reference)
    raise refused(answer.status, "", " ".join(said.split())[:300], where=where)


def _from_disk(reference: str, target: BinaryIO, uri: str, environ: Mapping[str, str], limit_bytes: int) -> None:
    """A file beside a store without a server, where a run says that it lies on this disk."""
    run_id, _, path = reference.removeprefix(_RUNS).partition("/")
    run = None
    if reference.startswith(_RUNS):
        with closing(open_gateway(uri, environ=environ)) as gateway:
            run = gateway.get_run(run_id)
    if run is None or run.is_deleted:
        raise _missing(reference)
    place = urlsplit(run.artifact_uri)
    if place.scheme not in {"", "file"}:
        hint = "set MLFLOW_TRACKING_URI to a server, through which artifacts are fetched"
        raise InputError("the run's files are not on this disk", code="bad_benchmark_uri", where=reference, hint=hint)
    folder = Path(url2pathname(place.path)).resolve()
    file = (folder / unquote(path)).resolve()
    if not file.is_relative_to(folder) or not file.is_file():
        raise _missing(reference)
    with file.open("rb") as source:
        if file.stat().st_size > limit_bytes:
            raise _too_large(reference, limit_bytes)
        shutil.copyfileobj(source, target, _PART_BYTES)


def _copy(source: HTTPResponse, target: BinaryIO, reference: str, limit_bytes: int) -> None:
    size_bytes = 0
    while part := source.read(_PART_BYTES):
        size_bytes += len(part)
        if size_bytes > limit_bytes:
            raise _too_large(reference, limit_bytes)
        target.write(part)


def _missing(reference: str) -> InputError:
    return InputError(
        "MLflow has no such file", code="unknown_benchmark", where=reference, hint="the run's page lists its artifacts"
    )


def _too_large(reference: str, limit_bytes: int) -> InputError:
    return InputError(
        f"the file is larger than {limit_bytes / 1_000_000:,g} MB", code="too_large", where=reference, hint="cut it"
    )
