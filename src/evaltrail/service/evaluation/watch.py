"""Watch: who is told what while work goes on, be it an evaluation or a generation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evaltrail.core.progress import ProgressSink

Notice = Callable[[str], None]
"""Told, in one sentence, what a person watching wants to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who is told what while an evaluation or a generation runs."""

    progress: ProgressSink = lambda _: None
    notice: Notice = lambda _: None


UNWATCHED = Watch()
