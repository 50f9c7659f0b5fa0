"""A process that may open few files more: what a machine without room for another process does to a start."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path


def open_descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def allow_descriptors(count: int) -> Callable[[], None]:
    """Let this process open so many descriptors more; what is returned takes the limit back.

    Args:
        count: above those that are open now.
    """
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = [os.dup(0) for _ in range(count + 1)]
    for each in free:
        os.close(each)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[-1], before[1]))
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, before)
