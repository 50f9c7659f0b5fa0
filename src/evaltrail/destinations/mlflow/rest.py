"""RestGateway: a tracking server spoken to directly, so that landing costs milliseconds and mlflow is not imported.

Source: MLflow REST API 2.0 as of 3.17.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, NoReturn, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from evaltrail.core.decoding import decoded
from evaltrail.core.errors import DestinationError
from evaltrail.core.values import Json
from evaltrail.destinations.mlflow.gateway import StockGateway
from evaltrail.destinations.mlflow.login import read_login
from evaltrail.destinations.mlflow.patience import Patience
from evaltrail.destinations.mlflow.port import NO_TAGS, Batch, ExperimentState, NewRun, RunState
from evaltrail.destinations.mlflow.refusal import (
    EXISTS,
    MISSING,
    TRANSIENT,
    answer_lost,
    deleted_experiment,
    distrusted,
    not_mlflow,
    refused,
    unreachable,
)
from evaltrail.destinations.mlflow.rest_bodies import (
    ErrorBody,
    ExperimentBody,
    FilesBody,
    NewExperimentBody,
    RunBody,
    RunsBody,
    batch_body,
    datasets_body,
    new_experiment_body,
    new_run_body,
)
from evaltrail.destinations.mlflow.run_plan import PlannedDataset
from evaltrail.destinations.mlflow.trace import TRACE_PREFIX, PlannedTrace
from evaltrail.destinations.mlflow.trace_bodies import FoundTracesBody, search_body, spans_body, trace_body
from evaltrail.destinations.mlflow.tracking_uri import public_uri
from evaltrail.destinations.mlflow.wire import NoAnswerError, NotSentError, Reply, Wire

Body = TypeVar("Body")

_API = "/api/2.0/mlflow"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_TRACES = "/api/3.0/mlflow/traces"
_SPANS = "/v1/traces"
_MOST_TRACES_A_PAGE = 500
_BYTES_A_SECOND = 4e6
"""Slowest store behind a server that an upload still waits for."""


class RestGateway:
    """A tracking server over HTTP.

    Args:
        tracking_uri: ``http(s)://host[:port][/prefix]``.
        environ: where MLflow's own settings for logins, certificates and workspaces are read.
        patience: bounds of every request.
    """

    def __init__(self, tracking_uri: str, *, environ: Mapping[str, str], patience: Patience | None = None) -> None:
        self.tracking_uri = tracking_uri
        url = urlsplit(tracking_uri)
        login = read_login(url, environ)
        self._environ = environ
        self._patience = patience or Patience()
        self._where = public_uri(tracking_uri)
        self._prefix = url.path.rstrip("/")
        self._headers = login.headers
        self._wire = Wire(url, tls=login.tls, connect_s=self._patience.connect_s)
        self._stock: StockGateway | None = None

    def experiment(self, name: str, tags: Mapping[str, str] = NO_TAGS) -> ExperimentState:
        """The experiment of that name, created with the tags when there is none; a deleted one is refused."""
        query = urlencode({"experiment_name": name})
        try:
            return self._experiment(self._get(f"experiments/get-by-name?{query}", ExperimentBody))
        except DestinationError as error:
            if error.code != MISSING:
                raise
        try:
            made = self._post("experiments/create", new_experiment_body(name, tags), NewExperimentBody)
        except DestinationError as error:
            if error.code != EXISTS:
                raise
            return self._experiment(self._get(f"experiments/get-by-name?{query}", ExperimentBody))
        return ExperimentState(id=made.experiment_id, name=name, is_new=True, tags=tags)

    def experiment_by_id(self, experiment_id: str) -> ExperimentState:
        """The experiment with that id; a deleted one is refused."""
        query = urlencode({"experiment_id": experiment_id})
        return self._experiment(self._get(f"experiments/get?{query}", ExperimentBody))

    def tag_experiment(self, experiment_id: str, name: str, value: str) -> None:
        """Set one tag of an experiment; repeating it changes nothing."""
        self._do("experiments/set-experiment-tag", {"experiment_id": experiment_id, "key": name, "value": value})

    def create_run(self, run: NewRun) -> RunState:
        """A new run, RUNNING; a lost answer is an error with the code ``answer_lost``."""
        data = msgspec.json.encode(new_run_body(run))
        reply = self._patience.insist(lambda: self._once("POST", f"{_API}/runs/create", data, is_repeatable=False))
        return self._decoded(reply, RunBody).state()

    def get_run(self, run_id: str) -> RunState | None:
        """The run, deleted or not; None when there is none."""
        try:
            return self._get(f"runs/get?{urlencode({'run_id': run_id})}", RunBody).state()
        except DestinationError as error:
            if error.code == MISSING:
                return None
            raise

    def find_runs(self, experiment_id: str, tag: str, value: str) -> tuple[RunState, ...]:
        """The active runs of the experiment that bear this tag with this value, oldest first."""
        search: dict[str, Json] = {
            "experiment_ids": [experiment_id],
            "filter": f"tags.`{tag}` = '{value}'",
            "order_by": ["attributes.start_time ASC", "attributes.run_id ASC"],
            "max_results": 100,
        }
        found: list[RunState] = []
        while True:
            page = self._post("runs/search", search, RunsBody)
            found += [run.state() for run in page.runs]
            if not page.next_page_token:
                return tuple(found)
            search["page_token"] = page.next_page_token

    def log_batch(self, run_id: str, batch: Batch) -> None:
        """Store one batch; repeating it changes nothing."""
        self._do("runs/log-batch", batch_body(run_id, batch))

    def log_datasets(self, run_id: str, datasets: Sequence[PlannedDataset]) -> None:
        """Record dataset inputs; repeating it changes nothing."""
        self._do("runs/log-inputs", datasets_body(run_id, datasets))

    def put_artifact(self, run: RunState, path: str, file: Path) -> None:
        """Store a file of the run under the path; repeating it overwrites."""
        place = urlsplit(run.artifact_uri)
        if place.scheme != "mlflow-artifacts" or place.netloc:
            self._stock = self._stock or StockGateway(self.tracking_uri, self._patience, environ=self._environ)
            self._stock.put_artifact(run, path, file)
            return
        target = f"{_ARTIFACTS}/{quote(place.path.strip('/'))}/{quote(path)}"
        self._patience.insist(lambda: self._upload(target, file))

    def list_artifacts(self, run: RunState, folder: str) -> tuple[str, ...]:
        """The paths of the files that lie directly in a folder of the run; an empty text is the top."""
        asked = {"run_id": run.run_id, **({"path": folder} if folder else {})}
        found: list[str] = []
        while True:
            page = self._get(f"artifacts/list?{urlencode(asked)}", FilesBody)
            found += [file.path for file in page.files if not file.is_dir]
            if not page.next_page_token:
                return tuple(found)
            asked["page_token"] = page.next_page_token

    def log_spans(self, run: RunState, traces: Sequence[PlannedTrace]) -> None:
        """Store the spans of some traces in the run's experiment, all or none; repeating it changes nothing."""
        data = msgspec.json.encode(spans_body(traces))
        headers = {"X-MLflow-Experiment-Id": run.experiment_id}
        self._patience.insist(lambda: self._once("POST", _SPANS, data, headers=headers))

    def put_trace(self, run: RunState, trace: PlannedTrace) -> None:
        """Make stored spans a trace of the run, with its assessments; repeating it changes nothing."""
        data = msgspec.json.encode(trace_body(trace, run))
        self._patience.insist(lambda: self._once("POST", _TRACES, data))

    def find_traces(self, run: RunState) -> frozenset[str]:
        """The ids (32 hex digits) of the traces that the run has."""
        found: list[str] = []
        token = ""
        while True:
            data = msgspec.json.encode(search_body(run, token, most=_MOST_TRACES_A_PAGE))
            reply = self._patience.insist(partial(self._once, "POST", f"{_TRACES}/search", data))
            page = self._decoded(reply, FoundTracesBody)
            found += [trace.trace_id.removeprefix(TRACE_PREFIX) for trace in page.traces]
            token = page.next_page_token
            if not token:
                return frozenset(found)

    def set_status(self, run_id: str, status: str, *, ended_ms: int | None = None) -> None:
        """Set the run's status and, for a terminal one, its end time (Unix milliseconds)."""
        ended: dict[str, Json] = {} if ended_ms is None else {"end_time": ended_ms}
        self._do("runs/update", {"run_id": run_id, "status": status, **ended})

    def delete_run(self, run_id: str) -> None:
        """Mark the run deleted."""
        self._do("runs/delete", {"run_id": run_id})

    def close(self) -> None:
        """Give back connections."""
        self._wire.close()

    def _experiment(self, body: ExperimentBody) -> ExperimentState:
        found = body.experiment
        if found.lifecycle_stage == "deleted":
            raise deleted_experiment(found.name, found.experiment_id, where=self._where)
        tags = {tag.key: tag.value for tag in found.tags}
        return ExperimentState(id=found.experiment_id, name=found.name, tags=tags)

    def _get(self, call: str, shape: type[Body]) -> Body:
        return self._decoded(self._patience.insist(lambda: self._once("GET", f"{_API}/{call}", None)), shape)

    def _post(self, call: str, values: Json, shape: type[Body]) -> Body:
        return self._decoded(self._do(call, values), shape)

    def _do(self, call: str, values: Json) -> Reply:
        data = msgspec.json.encode(values)
        return self._patience.insist(lambda: self._once("POST", f"{_API}/{call}", data))

    def _upload(self, target: str, file: Path) -> Reply:
        with file.open("rb") as stream:
            return self._once("PUT", target, stream, size_bytes=file.stat().st_size)

    def _once(
        self,
        method: str,
        target: str,
        body: bytes | BinaryIO | None,
        *,
        size_bytes: int | None = None,
        headers: Mapping[str, str] | None = None,
        is_repeatable: bool = True,
    ) -> Reply:
        length = len(body) if isinstance(body, bytes) else size_bytes
        kind = "application/json" if isinstance(body, bytes) else "application/octet-stream"
        carried = {} if length is None else {"Content-Type": kind, "Content-Length": str(length)}
        read_s = self._patience.read_s + (size_bytes or 0) / _BYTES_A_SECOND
        whole = {**self._headers, **carried, **(headers or {})}
        try:
            reply = self._wire.exchange(method, self._prefix + target, body=body, headers=whole, read_s=read_s)
        except NotSentError as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                raise distrusted(str(error), where=self._where) from error
            raise unreachable(str(error), where=self._where) from error
        except NoAnswerError as error:
            raise (unreachable if is_repeatable else answer_lost)(str(error), where=self._where) from error
        if reply.status >= 300:
            self._refuse(reply, is_repeatable=is_repeatable)
        return reply

    def _refuse(self, reply: Reply, *, is_repeatable: bool) -> NoReturn:
        if reply.status in TRANSIENT and not is_repeatable:
            raise answer_lost(f"HTTP {reply.status}", where=self._where)
        try:
            said = decoded(reply.body, ErrorBody)
        except msgspec.MsgspecError:
            said = ErrorBody(message=reply.body.decode("utf-8", "replace"))
        raise refused(reply.status, said.error_code, said.message, where=self._where)

    def _decoded(self, reply: Reply, shape: type[Body]) -> Body:
        try:
            return decoded(reply.body, shape)
        except msgspec.MsgspecError as error:
            raise not_mlflow(str(error), where=self._where) from error
