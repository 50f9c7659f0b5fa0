"""Happening: something that happened to a run which somebody watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from evaltrail.core.progress import Progress
from evaltrail.core.values import Json

TICK = "tick"
"""Kind of what is told where nothing has happened: how far the run is now."""
SHORTEST_S, LONGEST_S = 0.2, 0.5
"""Between two looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happened to a run, and how far it is then."""

    kind: str
    """As ``JobEvent`` calls it; ``away`` and ``back`` of the queue's database; ``tick`` = nothing happened."""
    at: datetime
    state: str
    progress: Progress
    unit_id: str = ""
    """The unit, or the job of an invocation; empty = the whole."""
    data: Mapping[str, Json] = field(default_factory=dict)
    event_id: int | None = None
    """Of the queue's event; None = it is none."""


def label(tasks: Sequence[str]) -> str:
    """What a bar calls a run: its task, or how many it has."""
    return tasks[0] if len(tasks) == 1 else f"{len(tasks)} tasks"
