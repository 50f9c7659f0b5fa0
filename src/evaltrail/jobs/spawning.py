"""Processes of ours that import nothing from the working folder, below which requests may have their data.

CPython's spawn looks for modules there until it has been told its parent's path (3.11 to 3.14, read November 2026).
"""

from __future__ import annotations

import os
from multiprocessing.context import SpawnProcess

_VARIABLE = "PYTHONSAFEPATH"
_OURS = "evaltrail"
"""Any text switches it on; this one tells that we did."""


def start(process: SpawnProcess) -> None:
    """Start a process, whose work begins with `started`."""
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
