"""PlannedTrace: one sample as MLflow's trace with its assessments, complete before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

TRACE_PREFIX = "tr-"
"""What MLflow puts before the 32 hex digits of a trace's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSpan:
    """One step of a trace."""

    id: str
    """16 hex digits, the same at every attempt."""
    parent: str = ""
    """Id of the span around it; empty = the root."""
    name: str
    start_ns: int
    """Nanoseconds since 1970, the same at every attempt."""
    end_ns: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Name to JSON value; Any because these are read back from a file by their types, which recursive ones have not."""
    error: str = ""
    """Why it failed; empty = it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAssessment:
    """One score of a sample, or what was expected of it."""

    id: str
    """``a-`` and 32 hex digits, the same at every attempt, so that MLflow stores it once."""
    name: str
    kind: Literal["feedback", "expectation"] = "feedback"
    value: str | int | float | bool | tuple[str, ...] | None = None
    """None exactly where ``error_code`` is set."""
    error_code: str = ""
    """Why the sample is unscored: the reason of its score."""
    error_message: str = ""
    rationale: str = ""
    source_type: Literal["CODE", "LLM_JUDGE", "HUMAN"] = "CODE"
    source_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTrace:
    """One sample as MLflow stores it: spans, and the scores as assessments."""

    id: str
    """32 hex digits, the same at every attempt."""
    started_ms: int
    duration_ms: int
    is_error: bool = False
    """Whether the sample has no output."""
    client_id: str = ""
    """The sample's own id where it is short enough for MLflow to show."""
    request: str = ""
    """What was asked, cut to what MLflow lists."""
    response: str = ""
    spans: tuple[PlannedSpan, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    assessments: tuple[PlannedAssessment, ...] = ()
    recorded_ms: int
    """When the assessments were made."""

    @property
    def mlflow_id(self) -> str:
        """The id as MLflow's UI and clients say it."""
        return TRACE_PREFIX + self.id
