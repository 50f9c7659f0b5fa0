"""The stock MLflow client as a gateway, for whatever is not plain HTTP; the one file that imports mlflow."""

from __future__ import annotations

import base64
import logging
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from evaltrail.core.errors import BusyError, DestinationError, InputError
from evaltrail.core.ids import digest, slug
from evaltrail.core.values import Json
from evaltrail.destinations.mlflow.client_settings import client_settings
from evaltrail.destinations.mlflow.held_together import HeldTogether
from evaltrail.destinations.mlflow.lease import lease
from evaltrail.destinations.mlflow.patience import Patience
from evaltrail.destinations.mlflow.port import NO_TAGS, Batch, ExperimentState, NewRun, RunState
from evaltrail.destinations.mlflow.reach import check_reachable
from evaltrail.destinations.mlflow.refusal import (
    EXISTS,
    MISSING,
    answer_lost,
    deleted_experiment,
    not_mlflow,
    refused,
    unreachable,
)
from evaltrail.destinations.mlflow.run_plan import CONTEXT_TAG, PlannedDataset
from evaltrail.destinations.mlflow.trace import TRACE_PREFIX, PlannedTrace
from evaltrail.destinations.mlflow.trace_bodies import run_filter, span_body, trace_body
from evaltrail.destinations.mlflow.tracking_uri import is_http, public_uri, sqlite_file, without_login

if TYPE_CHECKING:
    from mlflow.entities import Experiment, Run, Trace
    from mlflow.store.entities import PagedList
    from mlflow.tracing.client import TracingClient
    from mlflow.tracking import MlflowClient

Result = TypeVar("Result")

_NOISY_LOGGERS = ("mlflow", "alembic")
_IN_QUIET = HeldTogether()
_MIGRATION_S = 120.0
"""Seconds in which MLflow makes the tables of a fresh store, generously."""
_ANSWERED = re.compile(r"failed with error code (\d{3}) != 200\. Response body: '(.*)'")
"""How the client tells of an answer that is not JSON."""


class StockGateway:
    """A tracking URI through MLflow's own client.

    Args:
        tracking_uri: any URI MLflow knows.
        patience: bounds of every call; the client's own retries (247 s for one call by default) are off meanwhile.
        environ: variables the client is to see besides those of the process, such as a .env file's.
    """

    def __init__(
        self, tracking_uri: str, patience: Patience | None = None, *, environ: Mapping[str, str] = os.environ
    ) -> None:
        self.tracking_uri = tracking_uri
        self._environ = environ
        self._patience = patience or Patience()
        self._where = public_uri(tracking_uri)
        self._opened: MlflowClient | None = None

    def experiment(self, name: str, tags: Mapping[str, str] = NO_TAGS) -> ExperimentState:
        """The experiment of that name, created with the tags when there is none; a deleted one is refused."""
        found = self._ask(lambda: self._client.get_experiment_by_name(name))
        if found is not None:
            return self._experiment_state(found)
        try:
            location = _artifact_location(self.tracking_uri, name)
            created = self._ask(lambda: self._client.create_experiment(name, location, dict(tags)))
        except DestinationError as error:
            if error.code != EXISTS:
                raise
            return self.experiment(name, tags)
        return ExperimentState(id=created, name=name, is_new=True, tags=tags)

    def experiment_by_id(self, experiment_id: str) -> ExperimentState:
        """The experiment with that id; a deleted one is refused."""
        return self._experiment_state(self._ask(lambda: self._client.get_experiment(experiment_id)))

    def tag_experiment(self, experiment_id: str, name: str, value: str) -> None:
        """Set one tag of an experiment; repeating it changes nothing."""
        self._ask(lambda: self._client.set_experiment_tag(experiment_id, name, value))

    def create_run(self, run: NewRun) -> RunState:
        """A new run, RUNNING; a lost answer is an error with the code ``answer_lost``."""
        tags = {**run.tags, "mlflow.user": run.user} if run.user else dict(run.tags)
        created = self._ask(
            lambda: self._client.create_run(run.experiment_id, start_time=run.started_ms, tags=tags, run_name=run.name),
            is_repeatable=False,
        )
        return _run_state(created)

    def get_run(self, run_id: str) -> RunState | None:
        """The run, deleted or not; None when there is none."""
        try:
            return _run_state(self._ask(lambda: self._client.get_run(run_id)))
        except DestinationError as error:
            if error.code == MISSING:
                return None
            raise

    def find_runs(self, experiment_id: str, tag: str, value: str) -> tuple[RunState, ...]:
        """The active runs of the experiment that bear this tag with this value, oldest first."""
        found: list[RunState] = []
        token: str | None = None
        while True:
            page = self._ask(partial(self._page, experiment_id, tag, value, token))
            found += map(_run_state, page)
            token = page.token
            if not token:
                return tuple(found)

    def _page(self, experiment_id: str, tag: str, value: str, token: str | None) -> PagedList[Run]:
        return self._client.search_runs(
            [experiment_id],
            filter_string=f"tags.`{tag}` = '{value}'",
            order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
            max_results=100,
            page_token=token,
        )

    def log_batch(self, run_id: str, batch: Batch) -> None:
        """Store one batch; repeating it changes nothing."""
        from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415 - mlflow takes seconds to import

        metrics = [Metric(point.name, point.value, point.timestamp_ms, point.step) for point in batch.metrics]
        params = [Param(name, value) for name, value in batch.params]
        tags = [RunTag(name, value) for name, value in batch.tags]
        self._ask(lambda: self._client.log_batch(run_id, metrics=metrics, params=params, tags=tags))

    def log_datasets(self, run_id: str, datasets: Sequence[PlannedDataset]) -> None:
        """Record dataset inputs; repeating it changes nothing."""
        from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415 - mlflow takes seconds to import

        inputs = [
            DatasetInput(
                Dataset(item.name, item.digest, item.source_type, item.source, profile=item.profile or None),
                [InputTag(CONTEXT_TAG, item.context)],
            )
            for item in datasets
        ]
        self._ask(lambda: self._client.log_inputs(run_id, inputs))

    def put_artifact(self, run: RunState, path: str, file: Path) -> None:
        """Store a file of the run under the path; repeating it overwrites."""
        target = PurePosixPath(path)
        folder = str(target.parent) if target.parent.name else None
        with tempfile.TemporaryDirectory() as scratch:
            named = Path(scratch) / target.name
            named.symlink_to(file.absolute())
            self._ask(lambda: self._client.log_artifact(run.run_id, str(named), folder))

    def list_artifacts(self, run: RunState, folder: str) -> tuple[str, ...]:
        """The paths of the files that lie directly in a folder of the run; an empty text is the top."""
        files = self._ask(lambda: self._client.list_artifacts(run.run_id, folder or None))
        return tuple(file.path for file in files if not file.is_dir)

    def log_spans(self, run: RunState, traces: Sequence[PlannedTrace]) -> None:
        """Store the spans of some traces in the run's experiment, all or none; repeating it changes nothing."""

        def log() -> None:
            spans = [span for trace in traces for span in mlflow_trace(trace, run).data.spans]
            self._traces.log_spans(run.experiment_id, spans)

        self._ask(log)

    def put_trace(self, run: RunState, trace: PlannedTrace) -> None:
        """Make stored spans a trace of the run, with its assessments; repeating it changes nothing."""
        self._ask(lambda: self._traces.start_trace(mlflow_trace(trace, run).info))

    def find_traces(self, run: RunState) -> frozenset[str]:
        """The ids (32 hex digits) of the traces that the run has."""
        found: list[str] = []
        token: str | None = None
        while True:
            page = self._ask(partial(self._trace_page, run, token))
            found += [trace.info.trace_id.removeprefix(TRACE_PREFIX) for trace in page]
            token = page.token
            if not token:
                return frozenset(found)

    def _trace_page(self, run: RunState, token: str | None) -> PagedList[Trace]:
        page: PagedList[Trace] = self._client.search_traces(
            locations=[run.experiment_id],
            filter_string=run_filter(run),
            max_results=500,
            page_token=token,
            include_spans=False,
        )
        return page

    def set_status(self, run_id: str, status: str, *, ended_ms: int | None = None) -> None:
        """Set the run's status and, for a terminal one, its end time (Unix milliseconds)."""
        if ended_ms is None:
            self._ask(lambda: self._client.update_run(run_id, status=status))
        else:
            self._ask(lambda: self._client.set_terminated(run_id, status=status, end_time=ended_ms))

    def delete_run(self, run_id: str) -> None:
        """Mark the run deleted."""
        self._ask(lambda: self._client.delete_run(run_id))

    def close(self) -> None:
        """Nothing is held: MLflow shares its connections within the process."""

    @property
    def _client(self) -> MlflowClient:
        if self._opened is None:
            check_reachable(self.tracking_uri, connect_s=self._patience.connect_s)
            from mlflow.tracking import MlflowClient  # noqa: PLC0415 - mlflow takes seconds to import

            with _alone(self.tracking_uri):
                self._opened = MlflowClient(tracking_uri=self.tracking_uri)
        return self._opened

    @property
    def _traces(self) -> TracingClient:
        from mlflow.tracing.client import TracingClient  # noqa: PLC0415 - mlflow takes seconds to import

        return TracingClient(self._client.tracking_uri)

    def _experiment_state(self, found: Experiment) -> ExperimentState:
        if found.lifecycle_stage == "deleted":
            raise deleted_experiment(found.name, found.experiment_id, where=self._where)
        return ExperimentState(id=found.experiment_id, name=found.name, tags=dict(found.tags))

    def _ask(self, call: Callable[[], Result], *, is_repeatable: bool = True) -> Result:
        def attempt() -> Result:
            try:
                with client_settings(self._patience, self._environ), quiet():
                    return call()
            except DestinationError:
                raise
            except Exception as error:  # the wall before a foreign client, its stores and artifact plugins
                raise self._translation(error, is_repeatable=is_repeatable) from error

        return self._patience.insist(attempt)

    def _translation(self, error: Exception, *, is_repeatable: bool) -> DestinationError:
        said = without_login(" ".join(str(error).split()), self.tracking_uri)
        code = str(getattr(error, "error_code", ""))
        response, answered = getattr(error, "response", None), _ANSWERED.search(said)
        if response is not None:
            return refused(int(response.status_code), code, said, where=self._where)
        if answered is not None:
            return refused(int(answered[1]), "", answered[2], where=self._where)
        if "not in a valid JSON format" in said:
            return not_mlflow(said, where=self._where)
        if "API request to" in said or (isinstance(error, OSError) and is_http(self.tracking_uri)):
            return (unreachable if is_repeatable else answer_lost)(said, where=self._where)
        if "database is locked" in said:
            return unreachable("another process is writing to its database", where=self._where)
        status = getattr(error, "get_http_status_code", lambda: 0)()
        return refused(status, code, said or type(error).__name__, where=self._where)


def load_model(uri: str, tracking_uri: str) -> Any:
    """A logged model as something with ``predict``.

    Args:
        uri: ``models:/NAME/VERSION``, ``models:/m-ID``, ``runs:/ID/PATH``.
        tracking_uri: where it lies.

    Raises:
        InputError: it is not there, or its packages are not here.
    """
    with quiet():
        import mlflow.pyfunc  # noqa: PLC0415 - takes seconds

        before, is_set = mlflow.get_tracking_uri(), "MLFLOW_TRACKING_URI" in os.environ
        try:
            if tracking_uri != before:
                mlflow.set_tracking_uri(tracking_uri)
            return mlflow.pyfunc.load_model(uri)
        except Exception as error:  # the wall before a model's own code
            said = without_login(" ".join(str(error).split()), tracking_uri)
            hint = "check the URI and the tracking URI; a model needs the packages that it was logged with"
            raise InputError(f"cannot be loaded: {said}", code="bad_model", where=uri, hint=hint) from error
        finally:
            if tracking_uri != before:
                mlflow.set_tracking_uri(before)
            if not is_set:
                os.environ.pop("MLFLOW_TRACKING_URI", None)


def _run_state(run: Run) -> RunState:
    return RunState(
        run_id=run.info.run_id,
        experiment_id=run.info.experiment_id,
        status=run.info.status,
        artifact_uri=run.info.artifact_uri,
        started_ms=run.info.start_time or 0,
        is_deleted=run.info.lifecycle_stage == "deleted",
        tags=dict(run.data.tags),
    )


def mlflow_trace(trace: PlannedTrace, run: RunState) -> Trace:
    """The trace as MLflow's own object.

    Args:
        trace: to be told.
        run: that it belongs to.
    """
    from google.protobuf.json_format import ParseDict  # noqa: PLC0415 - comes with mlflow
    from mlflow.entities import Trace, TraceData, TraceInfo  # noqa: PLC0415 - mlflow takes seconds to import
    from mlflow.entities.span import Span  # noqa: PLC0415 - mlflow takes seconds to import
    from mlflow.protos.service_pb2 import Trace as TraceMessage  # noqa: PLC0415 - mlflow takes seconds to import
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage  # noqa: PLC0415 - comes with mlflow

    told = ParseDict(trace_body(trace, run)["trace"], TraceMessage())
    spans = [ParseDict(_in_base64(span_body(trace, span)), SpanMessage()) for span in trace.spans]
    data = TraceData(spans=[Span.from_otel_proto(span) for span in spans])
    return Trace(info=TraceInfo.from_proto(told.trace_info), data=data)


def _in_base64(span: Mapping[str, Json]) -> dict[str, Json]:
    """The span with its ids in base64, as protobuf has bytes in JSON; OTLP has them in hex."""
    ids = {name: span[name] for name in ("traceId", "spanId", "parentSpanId") if name in span}
    return {**span, **{name: base64.b64encode(bytes.fromhex(str(value))).decode() for name, value in ids.items()}}


def _artifact_location(tracking_uri: str, experiment: str) -> str | None:
    """A folder beside the sqlite file, unless that is the working folder, where MLflow's default leads anyway."""
    file = sqlite_file(tracking_uri)
    if file is None or file.parent == Path.cwd():
        return None
    return (file.parent / "mlruns" / f"{slug(experiment)}-{digest(experiment)[:8]}").as_uri()


@contextmanager
def _alone(tracking_uri: str) -> Iterator[None]:
    """Hold a sqlite store while MLflow makes its tables: two processes that do so at once ruin it (seen in 3.17.2)."""
    file = sqlite_file(tracking_uri)
    if file is None:
        yield
        return
    try:
        with lease(file.parent, f".{file.name}", wait_s=_MIGRATION_S):
            yield
    except BusyError as error:
        raise unreachable(f"its tables are being made: {error.message}", where=public_uri(tracking_uri)) from error


def quiet() -> AbstractContextManager[None]:
    """No migration log, no deprecation warnings of MLflow's own dependencies on the user's terminal."""
    return _IN_QUIET.hold(_silenced)


@contextmanager
def _silenced() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in _NOISY_LOGGERS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.tracking  # noqa: F401, PLC0415 - takes seconds; sets its own log level, so it comes before ours

        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
