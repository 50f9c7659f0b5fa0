"""Lease: one delivery of a key at a time on this machine; the lock is the house's own, with waiting and tidying up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from evaltrail.bundle.folders import hold_lock
from evaltrail.core.errors import BusyError

_PAUSE_S = 0.05


@contextmanager
def lease(folder: Path, key: str, *, wait_s: float = 0.0, deed: str = "doing this") -> Iterator[None]:
    """Hold the key while the block runs; the kernel frees it when its holder dies.

    Args:
        folder: holds one file while the key is held.
        key: a file name.
        wait_s: seconds to wait for another holder.
        deed: what its holder is doing, for the message.

    Raises:
        BusyError: another process, or another thread, still holds it; the message names the process.
    """
    file = folder / f"{key}.lock"
    deadline = time.monotonic() + wait_s
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(hold_lock(file, "process {pid} is " + deed))
                break
            except BusyError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE_S)
        try:
            yield
        finally:
            file.unlink(missing_ok=True)
