"""The queue of these settings, opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from evaltrail.config.settings import Settings
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.store.database import open_database


@contextmanager
def open_queue(
    settings: Settings, *, patience_s: float = 30.0, notice: Callable[[str], None] = lambda _: None
) -> Iterator[LeaseQueue]:
    """The queue while the block runs.

    Args:
        settings: say where it lies, and how long a unit is lent.
        patience_s: seconds that a database which is away is waited for.
        notice: told, in one sentence, that it is away and that it is back.

    Raises:
        InputError: the address is none of ours, it refuses us, or its tables are newer than this version.
        StorageError: it is away for longer, or cannot be used.
    """
    database = open_database(
        settings.database_url, settings.home, settings.durability, patience_s=patience_s, notice=notice
    )
    try:
        yield LeaseQueue(database, lease_s=settings.lease_s)
    finally:
        database.close()
