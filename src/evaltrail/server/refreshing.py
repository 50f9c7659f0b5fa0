"""The catalog kept up to date beside the requests: no request waits for a file or a database that is away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from evaltrail.core.errors import EvaltrailError
from evaltrail.service.catalog.catalog import Catalog

REFRESH_S = 1.0


@contextmanager
def refreshed(catalog: Catalog, *, every_s: float = REFRESH_S) -> Iterator[None]:
    """Look for changes again and again while the block runs, in a thread.

    Args:
        catalog: that does not look by itself.
        every_s: pause between two looks.
    """
    ends = threading.Event()

    def look_on() -> None:
        while not ends.wait(every_s):
            with suppress(EvaltrailError):  # what is known goes on being known
                catalog.refresh()

    thread = threading.Thread(target=look_on, name="catalog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()
