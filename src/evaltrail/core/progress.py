"""Progress as a value, and the sink that it is handed to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far one task has come."""

    task: str
    done: int
    total: int | None
    errors: Mapping[str, int] = field(default_factory=dict)
    """Reason to number of samples without a usable answer so far."""
    tokens: int = 0
    """Tokens used so far, prompt and completion."""
    in_flight: int = 0
    silent_s: float = 0.0
    """Seconds since an answer came last, while some are waited for; 0 where that is not watched."""


ProgressSink = Callable[[Progress], None]
"""Called a few times a second at most, from the thread that runs the task."""
