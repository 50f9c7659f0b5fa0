"""What the queue of these settings says of jobs, and how it forgets one; there may be no queue yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from evaltrail.config.settings import Settings
from evaltrail.jobs import forgetting
from evaltrail.jobs.forgetting import EndedJob
from evaltrail.jobs.states import JobState
from evaltrail.store.database import Database, open_database
from evaltrail.store.engines import sqlite_path


class QueueView:
    """The jobs of one database.

    Args:
        database: that they lie in; None = nothing was ever queued here.
    """

    def __init__(self, database: Database | None) -> None:
        self._database = database

    def states(self, job_ids: Sequence[str]) -> Mapping[str, JobState]:
        """The states of those jobs that are known, by id."""
        if self._database is None:
            return {}
        return self._database.read(lambda connection: forgetting.states_of(connection, job_ids))

    def ended_for(self, seconds: float) -> tuple[EndedJob, ...]:
        """The jobs that have been over for so long."""
        if self._database is None:
            return ()
        return self._database.read(lambda connection: forgetting.ended_for(connection, seconds))

    def forget(self, job_id: str, seconds: float) -> bool:
        """Whether a job that has been over for so long is gone; False = it waits again."""
        if self._database is None:
            return False
        return self._database.write(lambda connection: forgetting.forget(connection, job_id, seconds))


@contextmanager
def view_queue(settings: Settings) -> Iterator[QueueView]:
    """The queue of these settings while the block runs; none is made where there is none.

    Raises:
        InputError: the address is none of ours, it refuses us, or its tables are newer than this version.
        StorageError: the database is away, or cannot be used.
    """
    file = sqlite_path(settings.database_url, settings.home)
    if file is not None and not file.exists():
        yield QueueView(None)
        return
    database = open_database(settings.database_url, settings.home, settings.durability)
    try:
        yield QueueView(database)
    finally:
        database.close()
