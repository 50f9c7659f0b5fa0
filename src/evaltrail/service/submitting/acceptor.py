"""Acceptor: submissions become jobs; those that come at once share one transaction."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

import msgspec

from evaltrail.core.errors import InputError, StorageError
from evaltrail.core.ids import digest, new_id
from evaltrail.core.submission import Submission, SubmissionRequest
from evaltrail.core.values import Json
from evaltrail.jobs.hints import Hints
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.order import NewJob, NewUnit
from evaltrail.service.working.found_by import CALLBACK, job_name, labels_of
from evaltrail.service.working.planning import PLAN
from evaltrail.service.working.submission_spec import submission_to_json
from evaltrail.service.working.submit import EVALUATION, last_unit
from evaltrail.service.working.understanding import OF

_MOST_AT_ONCE = 64
_GATHER_S = 0.002
"""How long those that usually come together are waited for: a transaction of one costs half of what one of four does,
and the event loop, which reads requests meanwhile, does not share its turns with the writer."""
_PLAN_ATTEMPTS = 5
_CALLBACK_ATTEMPTS = 60
"""With pauses of five minutes that is four hours of a receiver that is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A submission that is safe."""

    evaluation_id: str
    is_new: bool
    """False: it had been accepted before, under the same key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    jobs: tuple[NewJob, ...]
    """The evaluation first."""
    future: Future[Accepted]


class Acceptor:
    """Takes submissions from any thread or event loop; one thread of its own writes them.

    Args:
        queue: that takes them.
        hints: tell workers.
    """

    def __init__(self, queue: LeaseQueue, hints: Hints) -> None:
        self._queue = queue
        self._hints = hints
        self._waiting: list[_Waiting] = []
        self._usual = 1
        """As many were under way when the last ones were written."""
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._write_on, name="acceptor", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End, once what waits is written."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def accept(
        self,
        submission: Submission,
        request: SubmissionRequest,
        *,
        idempotency_key: str = "",
        priority: int = 0,
        queue_name: str = "default",
    ) -> Future[Accepted]:
        """The accepted submission, soon: it is done by workers, whatever happens to this process.

        The future raises InputError where the key was used for another request (code ``idempotency_conflict``) or a
        field cannot be kept, and StorageError where the database is away.

        Args:
            submission: checked and resolved.
            request: that it was made of.
            idempotency_key: the same key and the same request, queue and priority are the same evaluation.
            priority: from -100 to 100; higher goes first.
            queue_name: which of the queues.
        """
        body = digest([cast("Json", msgspec.to_builtins(request)), queue_name, priority]) if idempotency_key else ""
        return self.accept_jobs(_jobs(submission, priority, queue_name, key=idempotency_key, body=body))

    def accept_jobs(self, jobs: tuple[NewJob, ...]) -> Future[Accepted]:
        """Accepted jobs, soon; the future tells the id of the first one, which the others belong to.

        Args:
            jobs: checked; their queue is the same.
        """
        waiting = _Waiting(jobs=jobs, future=Future())
        with self._changed:
            if self._is_closed:
                raise StorageError("the service is ending", code="ending", hint="submit it again in a moment")
            self._waiting.append(waiting)
            if len(self._waiting) in {1, self._usual}:
                self._changed.notify()
        return waiting.future

    def _write_on(self) -> None:
        while batch := self._next():
            try:
                answers = self._queue.submit_all([job for each in batch for job in each.jobs])
                self._usual = min(_MOST_AT_ONCE, len(batch) + len(self._waiting))
            except Exception as error:  # noqa: BLE001  a wall: the thread serves every request that comes later
                for waiting in batch:
                    waiting.future.set_exception(error)
                continue
            by_job = dict(zip((id(job) for each in batch for job in each.jobs), answers, strict=True))
            units = 0
            for waiting in batch:
                answer = by_job[id(waiting.jobs[0])]
                if isinstance(answer, InputError):
                    waiting.future.set_exception(answer)
                    continue
                units += answer.is_new
                waiting.future.set_result(Accepted(evaluation_id=answer.job_id, is_new=answer.is_new))
            if units:
                self._hints.send(batch[0].jobs[0].queue, units)

    def _next(self) -> list[_Waiting]:
        """What waits and is still wanted; nothing once we are to end."""
        while True:
            with self._changed:
                while not self._waiting and not self._is_closed:
                    self._changed.wait()
                self._changed.wait_for(lambda: len(self._waiting) >= self._usual or self._is_closed, _GATHER_S)
                batch, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
            wanted = [waiting for waiting in batch if waiting.future.set_running_or_notify_cancel()]
            if wanted or not batch:
                return wanted


def _jobs(submission: Submission, priority: int, queue_name: str, *, key: str, body: str) -> tuple[NewJob, ...]:
    """The evaluation's job, and the one that tells of its end where somebody wants to know."""
    spec = submission_to_json(submission)
    job = NewJob(
        id=new_id(),
        kind=EVALUATION,
        spec=spec,
        units=(NewUnit(kind=PLAN, max_attempts=_PLAN_ATTEMPTS, total=0), last_unit()),
        name=job_name(submission.name or ", ".join(each.id for each in submission.benchmarks)),
        queue=queue_name,
        priority=priority,
        idempotency_key=key,
        body_digest=body or "-",
        labels=labels_of(submission),
        timeout_s=submission.timeout_s,
    )
    if not submission.callback_url:
        return (job,)
    told: dict[str, Json] = {"version": 1, OF: job.id, "url": submission.callback_url}
    unit = NewUnit(kind=CALLBACK, max_attempts=_CALLBACK_ATTEMPTS, total=0)
    callback = NewJob(
        kind=CALLBACK, spec=told, units=(unit,), name=job.name, queue=queue_name, parent=job.id, after=job.id
    )
    return (job, callback)
