"""MetricValue: one aggregate that always says out of how many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricValue:
    """One aggregate over the scored samples of a task."""

    name: str
    """As its producer says it, not yet made legal for any destination."""
    value: float | None
    """Finite; None exactly when nothing could be scored (``n`` is 0)."""
    unit: str = ""
    """``1`` for shares, ``s``, ``tokens``...; empty when unknown."""
    better: Better = "higher"
    is_grade: bool = True
    """Whether it grades answers, or only observes them (latency, tokens)."""
    n: int | None = None
    """Scored samples behind the value; None when a foreign producer does not say."""
    unscored: Mapping[str, int] = field(default_factory=dict)
    """Reason to number of samples without a score."""
    stderr: float | None = None
    """Standard error of the value, in its unit."""
    ci_low: float | None = None
    ci_high: float | None = None
    ci_level: float = 0.95
    ci_method: str = ""
    """``wilson``, ``t``, ``bootstrap``, ``cluster``...; empty without an interval."""
    floor: float | None = None
    """The value if every unscored sample had been wrong; None when all were scored or it makes no sense."""
    group: tuple[str, ...] = ()
    """Path of groups above the metric in a foreign result, outermost first."""
    step: int = 0

    @property
    def n_unscored(self) -> int:
        """Samples without a score."""
        return sum(self.unscored.values())
