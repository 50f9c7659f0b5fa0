"""Submissions as rows: all of a job or nothing of it, and the same request under the same key once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, insert, or_, select

from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest, new_id
from evaltrail.jobs.encoding import to_text
from evaltrail.jobs.following import are_over
from evaltrail.jobs.order import NewJob, NewUnit, Submitted, check_order, check_units
from evaltrail.store.database import Database
from evaltrail.store.tables import EVENT, JOB, JOB_LABEL, SECOND_US, UNIT, DatabaseNow, Record

Answer = Submitted | InputError

_NOW = DatabaseNow()
_ADD_JOBS = insert(JOB).values(created_at=_NOW)
_ADD_LABELS = insert(JOB_LABEL)
_ADD_UNITS = insert(UNIT).values(not_before=_NOW)
_ADD_EVENTS = insert(EVENT).values(at=_NOW)
_IDS, _KEYS = "ids_of_statement", "keys_of_statement"
_HAS_ID = JOB.c.id.in_(bindparam(_IDS, expanding=True))
_HAS_KEY = JOB.c.idempotency_key.in_(bindparam(_KEYS, expanding=True))
_KNOWN: Select[Any] = select(JOB.c.id, JOB.c.idempotency_key, JOB.c.body_digest)
_KNOWN_BY_ID = _KNOWN.where(_HAS_ID)
_KNOWN_BY_ID_OR_KEY = _KNOWN.where(or_(_HAS_ID, _HAS_KEY))
_FRESH: Mapping[str, object] = {"attempt": 0, "forgiven": 0, "owner": "", "done": 0, "tokens": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """A checked job as rows."""

    id: str
    key: str
    digest: str
    """Of its body."""
    after: str
    job: Mapping[str, object]
    labels: Sequence[Mapping[str, object]]
    units: Sequence[Mapping[str, object]]


def submit_all(database: Database, jobs: Sequence[NewJob]) -> tuple[Answer, ...]:
    """The jobs, safe in the database, or why they are not; see LeaseQueue.submit_all."""
    orders = [_order_or_error(job) for job in jobs]
    if all(isinstance(order, InputError) for order in orders):
        return tuple(order for order in orders if isinstance(order, InputError))
    return database.write(lambda connection: _Admission(connection, orders).answers())


def unit_rows(
    units: Sequence[NewUnit], *, job_id: str, queue: str, priority: int, first: int
) -> tuple[Mapping[str, object], ...]:
    """The rows of new units; the last one is held unless it is the only one.

    Args:
        units: at least one, checked.
        job_id: of their job.
        queue: of their job.
        priority: of their job.
        first: position of the first one in the job.
    """
    lanes = {endpoint: digest([queue, priority, endpoint]) for endpoint in {unit.endpoint for unit in units}}
    return tuple(
        {
            **_FRESH,
            "id": f"{job_id}.{position}",
            "job_id": job_id,
            "position": position,
            "kind": unit.kind,
            "place": to_text(unit.place, "units.place"),
            "state": "held" if unit.is_last and len(units) > 1 else "waiting",
            "is_last": unit.is_last,
            "runs_when_cancelled": unit.runs_when_cancelled,
            "queue": queue,
            "priority": priority,
            "endpoint": unit.endpoint,
            "slots": unit.slots,
            "lane": lanes[unit.endpoint],
            "max_attempts": unit.max_attempts,
            "total": unit.total,
        }
        for position, unit in enumerate(units, first)
    )


def extend_job(connection: Connection, job: Record, units: tuple[NewUnit, ...]) -> None:
    """Give a locked job further units.

    Raises:
        InputError: a unit could never run.
    """
    check_units(units)
    if any(unit.is_last for unit in units):
        raise InputError("a further unit cannot be the last", where="units", hint="the job is given that one at first")
    first = connection.execute(select(func.max(UNIT.c.position)).where(UNIT.c.job_id == job.id)).scalar_one() + 1
    rows = unit_rows(units, job_id=job.id, queue=job.queue, priority=job.priority, first=first)
    connection.execute(_ADD_UNITS, rows)


def _order_or_error(job: NewJob) -> _Order | InputError:
    try:
        check_order(job)
        return _order(job)
    except InputError as error:
        return error


def _order(job: NewJob) -> _Order:
    job_id = job.id or new_id()
    body = job.body_digest or digest(job.spec)
    row = {
        "id": job_id,
        "kind": job.kind,
        "name": job.name,
        "state": "pending",
        "queue": job.queue,
        "priority": job.priority,
        "parent": job.parent,
        "run_ids": to_text(job.run_ids, "run_ids"),
        "idempotency_key": job.idempotency_key or None,
        "body_digest": body,
        "spec": to_text(job.spec, "spec"),
        "timeout_us": None if job.timeout_s is None else max(1, round(job.timeout_s * SECOND_US)),
        "after": job.after,
    }
    return _Order(
        id=job_id,
        key=job.idempotency_key,
        digest=body,
        after=job.after,
        job=row,
        labels=[{"job_id": job_id, "key": key, "value": value} for key, value in job.labels.items()],
        units=unit_rows(job.units, job_id=job_id, queue=job.queue, priority=job.priority, first=0),
    )


class _Admission:
    """What becomes of some orders, in one transaction: looked up together, decided one by one, written together."""

    def __init__(self, connection: Connection, orders: Sequence[_Order | InputError]) -> None:
        self._connection = connection
        self._orders = orders
        valid = [order for order in orders if isinstance(order, _Order)]
        known = _known(connection, valid)
        self._by_id = {row.id: row.body_digest for row in known}
        self._by_key = {row.idempotency_key: (row.id, row.body_digest) for row in known}
        inside = {order.id for order in valid}
        self._are_over = are_over(connection, {order.after for order in valid if order.after} - inside)
        self._said: dict[str, Answer] = {}
        self._accepted: list[_Order] = []
        self._held: set[str] = set()

    def answers(self) -> tuple[Answer, ...]:
        """What is told of each order, after the accepted ones were written."""
        told = tuple(order if isinstance(order, InputError) else self._take(order) for order in self._orders)
        if self._accepted:
            self._write()
        return told

    def _take(self, order: _Order) -> Answer:
        answer = self._known_answer(order) or self._refusal(order)
        if answer is None:
            answer = Submitted(job_id=order.id, is_new=True)
            self._accepted.append(order)
            self._by_id[order.id] = order.digest
            if order.key:
                self._by_key[order.key] = order.id, order.digest
            if order.after and not self._are_over.get(order.after):
                self._held.add(order.id)
        self._said[order.id] = answer
        return answer

    def _known_answer(self, order: _Order) -> Answer | None:
        """Of a job that was accepted before: by this very call, whose answer was lost, or under the same key."""
        found = self._by_id.get(order.id)
        if found is not None:
            if found == order.digest:
                return Submitted(job_id=order.id, is_new=True)
            return InputError(f"another job has the id {order.id}", code="id_taken", where="id", hint="make a new one")
        if not order.key or order.key not in self._by_key:
            return None
        job_id, body = self._by_key[order.key]
        if body == order.digest:
            return Submitted(job_id=job_id, is_new=False)
        return InputError(
            f"the idempotency key was used for another request, job {job_id}",
            code="idempotency_conflict",
            hint="use a new key for a new request",
            where="idempotency_key",
        )

    def _refusal(self, order: _Order) -> Answer | None:
        """Why an order is not accepted: what it comes after was not, was accepted before, or is nowhere."""
        before = self._said.get(order.after)
        if isinstance(before, InputError):
            return before
        if before is not None:
            return None if before.is_new else Submitted(job_id="", is_new=False)
        if not order.after or order.after in self._are_over:
            return None
        return InputError(
            f"no job has the id {order.after!r:.40}",
            code="unknown_id",
            where="after",
            hint="it has to be accepted before, or stand before this one in the same call",
        )

    def _write(self) -> None:
        orders = self._accepted
        units = [{**row, "state": "held"} if order.id in self._held else row for order in orders for row in order.units]
        labels = [row for order in orders for row in order.labels]
        told = {"unit_id": "", "kind": "submitted"}
        events = [{**told, "job_id": order.id, "data": to_text({"units": len(order.units)})} for order in orders]
        self._connection.execute(_ADD_JOBS, [order.job for order in orders])
        if labels:
            self._connection.execute(_ADD_LABELS, labels)
        self._connection.execute(_ADD_UNITS, units)
        self._connection.execute(_ADD_EVENTS, events)


def _known(connection: Connection, orders: Sequence[_Order]) -> Sequence[Record]:
    """The jobs that there are already of these ids and keys."""
    ids = [order.id for order in orders]
    keys = [order.key for order in orders if order.key]
    if keys:
        return connection.execute(_KNOWN_BY_ID_OR_KEY, {_IDS: ids, _KEYS: keys}).all()
    return connection.execute(_KNOWN_BY_ID, {_IDS: ids}).all()
