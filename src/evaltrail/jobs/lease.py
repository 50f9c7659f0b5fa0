"""The queue: units are lent to workers for a while, and what a worker says counts for as long as the loan does.

The tables are the truth. Every change is one transaction; every write of a worker names the unit and the attempt that
it was given, and is refused once another may have the unit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from sqlalchemy import Connection, delete, insert, select, update

from evaltrail.core.errors import InputError
from evaltrail.core.progress import Progress
from evaltrail.core.values import Json
from evaltrail.jobs import attendance, claiming, forgetting, reading, reopening, returning, settling, submitting
from evaltrail.jobs.account import (
    JobAccount,
    JobDetail,
    JobEvent,
    JobPage,
    QueueCounts,
    UnitAccount,
    WaitingUnit,
    WorkerAccount,
)
from evaltrail.jobs.claim import Beat, Claim, Swept
from evaltrail.jobs.failure import Failure
from evaltrail.jobs.lateness import LATE
from evaltrail.jobs.order import NewJob, NewUnit, Submitted
from evaltrail.jobs.states import JobState, Verdict
from evaltrail.store.database import Database
from evaltrail.store.tables import ENDPOINT_CAP

_MOST_SWEPT = 500
_NO_LABELS: Mapping[str, str] = MappingProxyType({})


class LeaseQueue:
    """The queue in one database; any thread may use it.

    Every method may raise StorageError: the database is away for longer than it is waited for, or cannot be used.

    Args:
        database: with its tables up to date.
        lease_s: how long a unit is lent; its owner gives signs of life, three at least in that time.
    """

    def __init__(self, database: Database, *, lease_s: float = 60.0) -> None:
        if not 0 < lease_s <= 86_400:
            raise InputError(f"a lease of {lease_s} s", where="EVALTRAIL_LEASE_SECONDS", hint="0 to 86,400 are allowed")
        self.lease_s = lease_s
        self._database = database

    @property
    def place(self) -> str:
        """Which database it lies in, for people: without a password."""
        return self._database.name

    def version(self) -> int | None:
        """A number that is another one after each change; see Database.version."""
        return self._database.version()

    def submit(self, job: NewJob) -> Submitted:
        """The accepted job: it survives whatever happens to this process from now on.

        Raises:
            InputError: a field is wrong, or (code ``idempotency_conflict``) the key was used for another request.
        """
        (answer,) = self.submit_all([job])
        if isinstance(answer, InputError):
            raise answer
        return answer

    def submit_all(self, jobs: Sequence[NewJob]) -> tuple[Submitted | InputError, ...]:
        """The accepted jobs, and why others were not, in their order; all in one transaction.

        Args:
            jobs: one that comes after another of them stands behind it, and is left out where that one is not new.
        """
        return submitting.submit_all(self._database, jobs)

    def claim(
        self,
        owner: str,
        *,
        queues: Sequence[str] = (),
        unit_id: str = "",
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Claim | None:
        """A unit that is ours for ``lease_s`` from now on; None where none is due, or others are taking it just now.

        Args:
            owner: who takes it, for people.
            queues: take from these only; empty = from all.
            unit_id: take this one or none.
            is_wanted: whether a database that is away is still to be waited for.
        """
        return self._database.write(
            lambda connection: claiming.claim(connection, owner, lease_s=self.lease_s, queues=queues, unit_id=unit_id),
            is_wanted=is_wanted,
        )

    def beat(self, claim: Claim, progress: Progress | None = None, *, patience_s: float | None = None) -> Beat:
        """Whether the unit is still ours, and then for another ``lease_s``; whether its job was cancelled.

        Args:
            claim: the unit.
            progress: how far it is, where that has changed.
            patience_s: how long a database that is away is waited for; None = as for all else.
        """
        return self._database.write(
            lambda connection: returning.beat(connection, claim, progress), patience_s=patience_s
        )

    def finish(
        self,
        claim: Claim,
        result: Json = None,
        *,
        progress: Progress | None = None,
        more: Sequence[NewUnit] = (),
        verdict: Verdict = "",
    ) -> bool:
        """Whether the unit is done; False = it is no longer ours, and nothing was written.

        Args:
            claim: the unit.
            result: a small JSON value that is kept with it.
            progress: how far it came.
            more: units that the job turned out to need; they go before its last one.
            verdict: of the last unit: how the whole ended, where that is worse than its units tell; where it was
                claimed with ``is_cancelled`` and nothing is given here, ``cancelled``.

        Raises:
            InputError: the result is no JSON, or a further unit could never run.
        """
        return self._database.write(
            lambda connection: returning.finish(
                connection, claim, result, progress=progress, more=tuple(more), verdict=verdict
            )
        )

    def fail(self, claim: Claim, failure: Failure, retry_in_s: float | None = None) -> bool:
        """Whether the failure was noted; False = the unit is no longer ours, and nothing was written.

        Args:
            claim: the unit.
            failure: why.
            retry_in_s: when it may be begun again, if attempts are left; None = it has failed for good.
        """
        return self._database.write(lambda connection: returning.fail(connection, claim, failure, retry_in_s))

    def hand_back(self, claim: Claim) -> bool:
        """Whether the unit waits again as if it had not been begun; False = it is no longer ours.

        A unit of a cancelled job is cancelled instead.
        """
        return self._database.write(lambda connection: returning.hand_back(connection, claim))

    def note_runs(self, claim: Claim, run_ids: Mapping[str, str]) -> bool:
        """Whether the runs are noted with the job and its parent; False = the unit is no longer ours."""
        return self._database.write(lambda connection: returning.note_runs(connection, claim, run_ids))

    def sweep(self, *, is_wanted: Callable[[], bool] = lambda: True) -> Swept:
        """The units whose leases ran out: they wait again, or have failed where no attempt is left; and the late jobs.

        Any number of sweepers may do this at once; each unit is taken back by one.

        Args:
            is_wanted: whether a database that is away is still to be waited for.
        """
        most = {"at_most": _MOST_SWEPT}
        silent, late = self._database.read(
            lambda connection: (
                connection.execute(returning.SILENT, most).all(),
                connection.execute(LATE, most).scalars().all(),
            ),
            is_wanted=is_wanted,
        )
        freed: list[str] = []
        failed: list[str] = []
        for unit in silent:
            waits = self._database.write(partial(returning.take_back, unit=unit), is_wanted=is_wanted)
            if waits is not None:
                (freed if waits else failed).append(unit.id)
        ended = [
            job_id
            for job_id in late
            if self._database.write(partial(settling.time_out, job_id=job_id), is_wanted=is_wanted)
        ]
        return Swept(freed=tuple(freed), failed=tuple(failed), late=tuple(ended))

    def cancel(self, job_id: str) -> JobState:
        """The job's state after it was called off: an ended job stays as it is.

        ``cancelled`` where nobody had begun it, else ``cancelling`` until those who work at it have let go.

        Raises:
            InputError: there is no such job.
        """
        return self._database.write(lambda connection: reopening.cancel(connection, job_id))

    def retry(self, job_id: str) -> int:
        """How many units of an ended job wait again: those that failed or were cancelled, and the last one with them.

        Raises:
            InputError: there is no such job, it has not ended, or all of it was done.
        """
        return self._database.write(lambda connection: reopening.retry(connection, job_id))

    def delete(self, job_id: str) -> None:
        """Remove an ended job with all that the database knows of it.

        Raises:
            InputError: there is no such job, or (code ``not_ended``) it has not ended.
        """
        self._database.write(lambda connection: forgetting.delete_ended(connection, job_id))

    def set_cap(self, endpoint: str, cap: int | None) -> None:
        """Let the endpoint be sent at most so many requests at once, over all workers; None = as many as there are.

        Raises:
            InputError: the cap is negative.
        """
        if cap is not None and cap < 0:
            raise InputError(f"a cap of {cap}", where=endpoint, hint="0 pauses the endpoint")

        def work(connection: Connection) -> None:
            its = ENDPOINT_CAP.c.endpoint == endpoint
            if cap is None:
                connection.execute(delete(ENDPOINT_CAP).where(its))
            # not taken away and put back: claims that wait for this row would go on without it
            elif not connection.execute(update(ENDPOINT_CAP).where(its).values(cap=cap)).rowcount:
                connection.execute(insert(ENDPOINT_CAP).values(endpoint=endpoint, cap=cap))

        self._database.write(work)

    def caps(self) -> Mapping[str, int]:
        """The caps that are set, by endpoint."""
        rows = self._database.read(lambda connection: connection.execute(select(ENDPOINT_CAP)).all())
        return {row.endpoint: row.cap for row in rows}

    def list(
        self,
        *,
        limit: int = 50,
        cursor: str = "",
        states: Sequence[JobState] = (),
        kind: str = "",
        name: str = "",
        labels: Mapping[str, str] = _NO_LABELS,
        offset: int = 0,
    ) -> JobPage:
        """Some jobs, newest first.

        Args:
            limit: 1 to 1,000.
            cursor: ``next_cursor`` of the page before; empty = the first page.
            states: only jobs in one of these; empty = all.
            kind: only jobs of this kind.
            name: only jobs of this name.
            labels: only jobs that bear all of these.
            offset: how many of them are passed over.

        Raises:
            InputError: the cursor is none of ours, or the limit is out of bounds.
        """
        return self._database.read(
            lambda connection: reading.list_jobs(
                connection,
                limit=limit,
                cursor=cursor,
                states=states,
                kind=kind,
                name=name,
                labels=labels,
                offset=offset,
            )
        )

    def specs(self, job_ids: Collection[str]) -> Mapping[str, Mapping[str, Json]]:
        """What was asked for, by job; those that there are not are left out.

        Args:
            job_ids: of a page: 1,000 at most.
        """
        return self._database.read(lambda connection: reading.specs(connection, job_ids))

    def units(self, job_ids: Collection[str]) -> Mapping[str, tuple[UnitAccount, ...]]:
        """The units of each job in their order; none of one that there is not.

        Args:
            job_ids: of a page: 1,000 at most.
        """
        return self._database.read(lambda connection: reading.units(connection, job_ids))

    def children(self, job_ids: Collection[str]) -> Mapping[str, tuple[JobAccount, ...]]:
        """The jobs that belong to each one, oldest first; none of one without.

        Args:
            job_ids: of a page: 1,000 at most.
        """
        return self._database.read(lambda connection: reading.children(connection, job_ids))

    def show(self, job_id: str) -> JobDetail:
        """One job with its spec and units, by its id or what it alone begins with.

        Raises:
            InputError: no job's id begins so, or several do.
        """
        return self._database.read(lambda connection: reading.show(connection, job_id))

    def events(self, job_id: str, after: int = 0, *, limit: int = 1000) -> tuple[JobEvent, ...]:
        """What happened to the job after the event of that id, in order.

        Args:
            job_id: its whole id.
            after: the last event that is known already.
            limit: at most so many.
        """
        return self._database.read(lambda connection: reading.events(connection, job_id, after, limit))

    def counts(self) -> QueueCounts:
        """How full the queue is."""
        return self._database.read(reading.counts)

    def due(self, *, limit: int = 100, waiting_for_s: float = 0.0) -> tuple[WaitingUnit, ...]:
        """Units that nobody has taken though they are due for so long, longest first: whom a hint may be sent for."""
        return self._database.read(lambda connection: reading.due(connection, limit, waiting_for_s))

    def note_worker(self, worker: WorkerAccount) -> None:
        """Note that a worker is alive, for ``lease_s`` from now on."""
        self._database.write(
            lambda connection: attendance.note(connection, worker, lease_s=self.lease_s), patience_s=0.0
        )

    def forget_worker(self, worker_id: str) -> None:
        """Note that a worker has ended."""
        self._database.write(lambda connection: attendance.forget(connection, worker_id), patience_s=0.0)

    def workers(self) -> tuple[WorkerAccount, ...]:
        """The workers that are alive, oldest first."""
        return self._database.read(attendance.alive)
