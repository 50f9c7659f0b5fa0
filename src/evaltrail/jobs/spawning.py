"""Processes of ours that import nothing from the working folder, below which requests may have their data.

CPython's spawn looks for modules there until it has been told its parent's path (3.11 to 3.14, read November 2026).
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

_VARIABLE = "PYTHONSAFEPATH"
_OURS = "evaltrail"
"""Any text switches it on; this one tells that we did."""


_LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A process that runs."""

    process: SpawnProcess
    reports: Connection
    """What it tells."""


def start(work: Callable[..., None], *arguments: object, name: str) -> Started:
    """A process that does the work, which begins with `started`.

    Args:
        work: given the arguments, and after them what to report by.
        arguments: that can be pickled.
        name: of the process.

    Raises:
        OSError: there is no room for another process just now; nothing of it is left.
    """
    context = multiprocessing.get_context("spawn")
    reports, theirs = context.Pipe(duplex=False)
    with theirs, ExitStack() as undone:
        undone.callback(reports.close)
        process = context.Process(target=work, args=(*arguments, theirs), name=name)
        _start(process)
        undone.pop_all()
    return Started(process=process, reports=reports)


def pause_before_start_s(deaths: int) -> float:
    """How long to wait before a process is started in the place of one that died.

    Args:
        deaths: in a row, soon after the start; the first one costs nothing.
    """
    return min(_LONGEST_PAUSE_S, 2.0 ** min(deaths - 1, 10)) if deaths > 1 else 0.0


def _start(process: SpawnProcess) -> None:
    is_set = bool(os.environ.get(_VARIABLE))
    if not is_set:
        os.environ[_VARIABLE] = _OURS
    try:
        process.start()
    finally:
        if not is_set:
            del os.environ[_VARIABLE]


def started() -> None:
    """Leave nothing of it to the programs that this process starts: their folders are the operator's business."""
    if os.environ.get(_VARIABLE) == _OURS:
        del os.environ[_VARIABLE]
