"""Ending what holds the lock of a job: its process, and the harness that it has started."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from evaltrail.bundle.folders import is_locked, lock_owners

_GRACE_SECONDS = 15.0
"""A job that is told to end ends its harness within 10 s, then puts down how far it came."""
_KILL_SECONDS = 5.0
_POLL_SECONDS = 0.05


def end_owners(lock: Path, grace_s: float = _GRACE_SECONDS) -> bool:
    """Whether nobody holds a lock any more: who does is told to end, and killed where that does not help.

    Args:
        lock: the lock file of a job.
        grace_s: seconds between the one and the other.
    """
    for number, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, _KILL_SECONDS)):
        if not is_locked(lock):
            return True
        send(lock_owners(lock), number)
        ends = time.monotonic() + patience_s
        while is_locked(lock) and time.monotonic() < ends:
            time.sleep(_POLL_SECONDS)
    return not is_locked(lock)


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to processes: to the whole group of one that leads its own."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) == pid:
                os.killpg(pid, number)
            else:
                os.kill(pid, number)
