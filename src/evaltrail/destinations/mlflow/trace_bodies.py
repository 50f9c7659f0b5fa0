"""Bodies of the requests that store traces: spans as OTLP, then each trace with its assessments.

Source: OpenTelemetry protocol 1.x, JSON encoding; MLflow REST API 3.0 as of 3.17 (StartTraceV3, SearchTracesV3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from evaltrail.core.values import Json, Scalar
from evaltrail.destinations.mlflow.port import RunState
from evaltrail.destinations.mlflow.trace import PlannedAssessment, PlannedSpan, PlannedTrace

_OK, _ERROR = 1, 2
"""OTLP's codes of a span's status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTrace:
    """One trace within an answer to a search, as far as we read it."""

    trace_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTracesBody:
    """Answer to a search for traces."""

    traces: tuple[FoundTrace, ...] = ()
    next_page_token: str = ""


def search_body(run: RunState, page_token: str, *, most: int) -> dict[str, Json]:
    """Request for the traces that belong to a run."""
    location: Json = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": run.experiment_id}}
    page: dict[str, Json] = {"page_token": page_token} if page_token else {}
    return {"locations": [location], "filter": run_filter(run), "max_results": most, **page}


def run_filter(run: RunState) -> str:
    """What MLflow's search for traces understands as: those of this run."""
    return f"attributes.run_id = '{run.run_id}'"


def spans_body(traces: Iterable[PlannedTrace]) -> dict[str, Json]:
    """Request that stores the spans of some traces, all of them or none."""
    spans: list[Json] = [span_body(trace, span) for trace in traces for span in trace.spans]
    return {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "evaltrail"}, "spans": spans}]}]}


def span_body(trace: PlannedTrace, span: PlannedSpan) -> dict[str, Json]:
    """One span as OTLP's JSON has it: ids in hex, 64-bit numbers as text."""
    status: dict[str, Json] = {"code": _ERROR, "message": span.error} if span.error else {"code": _OK}
    return {
        "traceId": trace.id,
        "spanId": span.id,
        **({"parentSpanId": span.parent} if span.parent else {}),
        "name": span.name,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _attributes(span.attributes),
        "status": status,
    }


def trace_body(trace: PlannedTrace, run: RunState) -> dict[str, Json]:
    """Request that makes the spans a trace of the run, with its assessments; the same once more changes nothing."""
    info: dict[str, Json] = {
        "trace_id": trace.mlflow_id,
        "client_request_id": trace.client_id,
        "trace_location": {
            "type": "MLFLOW_EXPERIMENT",
            "mlflow_experiment": {"experiment_id": run.experiment_id},
        },
        "request_preview": trace.request,
        "response_preview": trace.response,
        "request_time": _time(trace.started_ms),
        "execution_duration": f"{trace.duration_ms / 1000:.3f}s",
        "state": "ERROR" if trace.is_error else "OK",
        "trace_metadata": {**trace.metadata, "mlflow.sourceRun": run.run_id},
        "tags": dict(trace.tags),
        "assessments": [_assessment(item, trace, run) for item in trace.assessments],
    }
    return {"trace": {"trace_info": {name: value for name, value in info.items() if value != ""}}}


def _assessment(item: PlannedAssessment, trace: PlannedTrace, run: RunState) -> dict[str, Json]:
    made = _time(trace.recorded_ms)
    body: dict[str, Json] = {
        "assessment_id": item.id,
        "assessment_name": item.name,
        "trace_id": trace.mlflow_id,
        "source": {"source_type": item.source_type, "source_id": item.source_id or "default"},
        "create_time": made,
        "last_update_time": made,
        "rationale": item.rationale,
        "metadata": {**item.metadata, "mlflow.assessment.sourceRunId": run.run_id},
        "valid": True,
        item.kind: _expectation(item) if item.kind == "expectation" else _feedback(item),
    }
    return {name: value for name, value in body.items() if value != ""}


def _feedback(item: PlannedAssessment) -> dict[str, Json]:
    if not item.error_code:
        return {"value": item.value}
    said: dict[str, Json] = {"error_message": item.error_message} if item.error_message else {}
    return {"value": None, "error": {"error_code": item.error_code, **said}}


def _expectation(item: PlannedAssessment) -> dict[str, Json]:
    """The value; a list goes as JSON text, which MLflow reads back as a list."""
    if isinstance(item.value, str | int | float):
        return {"value": item.value}
    text = msgspec.json.encode(item.value).decode()
    return {"serialized_value": {"serialization_format": "JSON_FORMAT", "value": text}}


def _attributes(values: Mapping[str, Json]) -> list[Json]:
    return [{"key": name, "value": _any(value)} for name, value in values.items()]


def _any(value: Json) -> dict[str, Json]:
    """A value as OTLP's AnyValue."""
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": _attributes(value)}}
    if value is None or isinstance(value, str | int | float):
        return _scalar(value)
    return {"arrayValue": {"values": [_any(each) for each in value]}}


def _scalar(value: Scalar) -> dict[str, Json]:
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case str():
            return {"stringValue": value}
        case int() if -(2**63) <= value < 2**63:
            return {"intValue": str(value)}
        case _:
            return {"doubleValue": float(value)}


def _time(milliseconds: int) -> str:
    """Milliseconds since 1970 as the text that MLflow's API takes for a time (RFC 3339)."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"
