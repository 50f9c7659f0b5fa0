"""The statement that gives a waiting unit to one owner: as fast for 100,000 waiting units as for one.

Units wait in lanes (queue, priority, endpoint). The statement hops from lane to lane along the index of waiting units,
looks at the first one of each, chooses a lane that may be worked at, and takes the first unit there that no other
transaction is taking just now.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    ScalarSelect,
    Select,
    Subquery,
    Text,
    Update,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    update,
)

from evaltrail.core.errors import StorageError
from evaltrail.jobs.claim import Claim
from evaltrail.jobs.encoding import from_text
from evaltrail.jobs.failure import failure_of, failure_to_text
from evaltrail.jobs.lateness import is_late, timed_out
from evaltrail.jobs.settling import add_event, begin_job, lock_job, settle
from evaltrail.jobs.states import UnitState
from evaltrail.store.tables import ENDPOINT_CAP, RUNNING, SECOND_US, UNIT, WAITING, DatabaseNow, Record

OWNER = "owner_of_claim"
LEASE_US = "lease_us"
QUEUES = "queues_of_claim"
UNIT_ID = "unit_of_claim"
"""Parameters of the statements below."""

_NOW = DatabaseNow()

LOCKED_CAPS = select(ENDPOINT_CAP.c.endpoint).order_by(ENDPOINT_CAP.c.endpoint).with_for_update()
"""Makes claims wait for one another where caps are set: two of them never take the last place of an endpoint."""


_GRANTED = func.coalesce(
    select(ENDPOINT_CAP.c.cap)
    .where(ENDPOINT_CAP.c.endpoint == UNIT.c.endpoint, ENDPOINT_CAP.c.cap < UNIT.c.slots)
    .scalar_subquery(),
    UNIT.c.slots,
).label("granted")
"""Requests that a claimed unit may send at once."""


def _claim(unit_id: ScalarSelect[str]) -> Update:
    """Hand the unit of that id to the owner."""
    return (
        update(UNIT)
        .where(UNIT.c.id == unit_id)
        .values(
            state="running",
            owner=bindparam(OWNER),
            attempt=UNIT.c.attempt + 1,
            lease_until=_NOW + bindparam(LEASE_US),
            started_at=_NOW,
        )
        .returning(*UNIT.c, _GRANTED)
    )


def _in_lane(lane: ScalarSelect[str]) -> Select[tuple[str]]:
    """The unit of a lane that is due first."""
    unit = UNIT.alias()
    return (
        select(unit.c.id)
        .where(unit.c.state == WAITING, unit.c.lane == lane, unit.c.not_before <= _NOW)
        .order_by(unit.c.not_before, unit.c.position)
        .limit(1)
    )


def _heads() -> Subquery:
    """Every lane with what its units share, and when its first unit is due; each value by one look into the index.

    No join: PostgreSQL, which cannot know how few lanes there are, would read the whole table for it.
    """
    first = UNIT.alias()
    lanes = select(func.min(first.c.lane, type_=Text).label("lane")).where(first.c.state == WAITING).cte(recursive=True)
    after = UNIT.alias()
    following = select(func.min(after.c.lane, type_=Text)).where(after.c.state == WAITING, after.c.lane > lanes.c.lane)
    lanes = lanes.union_all(select(following.scalar_subquery()).where(lanes.c.lane.is_not(None)))
    head = UNIT.alias()

    def of_first(column: ColumnElement[Any]) -> ColumnElement[Any]:
        found = select(column).where(head.c.state == WAITING, head.c.lane == lanes.c.lane)
        return found.order_by(head.c.not_before, head.c.position).limit(1).scalar_subquery().label(column.name)

    shared = [of_first(head.c[name]) for name in ("queue", "priority", "endpoint", "slots", "not_before")]
    return select(lanes.c.lane, *shared).where(lanes.c.lane.is_not(None)).subquery()


def _slots(wanted: ColumnElement[int]) -> ColumnElement[int]:
    """The requests that a unit is given, where its endpoint has a cap: a unit that wants more makes do with the cap."""
    return case((wanted > ENDPOINT_CAP.c.cap, ENDPOINT_CAP.c.cap), else_=wanted)


def _has_room(unit: FromClause) -> ColumnElement[bool]:
    """Whether the unit's endpoint may be sent its requests too; a unit whose lease ran out sends none."""
    asking = UNIT.alias()
    sent = (
        select(func.coalesce(func.sum(_slots(asking.c.slots)), 0))
        .where(asking.c.state == RUNNING, asking.c.endpoint == ENDPOINT_CAP.c.endpoint, asking.c.lease_until > _NOW)
        .scalar_subquery()
    )
    is_full = or_(ENDPOINT_CAP.c.cap <= 0, sent + _slots(unit.c.slots) > ENDPOINT_CAP.c.cap)
    return ~exists().where(ENDPOINT_CAP.c.endpoint == unit.c.endpoint, is_full)


def _next(heads: Subquery, *allowed: ColumnElement[bool]) -> Update:
    """Take the unit that is due first, in the lane of highest priority among those that are allowed."""
    lane = (
        select(heads.c.lane)
        .where(heads.c.not_before <= _NOW, _has_room(heads), *allowed)
        .order_by(heads.c.priority.desc(), heads.c.not_before)
        .limit(1)
        .scalar_subquery()
    )
    return _claim(_in_lane(lane).with_for_update(skip_locked=True).scalar_subquery())


def _named(unit: FromClause) -> Update:
    """Take one unit, if it is due and nobody else takes it."""
    return _claim(
        select(unit.c.id)
        .where(
            unit.c.id == bindparam(UNIT_ID),
            unit.c.state == WAITING,
            unit.c.not_before <= _NOW,
            _has_room(unit),
        )
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )


_HEADS = _heads()
CLAIM_NEXT = _next(_HEADS)
CLAIM_NEXT_OF_QUEUES = _next(_HEADS, _HEADS.c.queue.in_(bindparam(QUEUES, expanding=True)))
CLAIM_NAMED = _named(UNIT.alias())
_END = (
    update(UNIT)
    .where(UNIT.c.id == bindparam(UNIT_ID))
    .values(
        state=bindparam("end_state"),
        error=func.coalesce(bindparam("end_error", type_=Text), UNIT.c.error),
        ended_at=_NOW,
        owner="",
        lease_until=None,
    )
)


def claim(connection: Connection, owner: str, *, lease_s: float, queues: Sequence[str], unit_id: str) -> Claim | None:
    """A unit that is the owner's now; see LeaseQueue.claim.

    Units that it meets of cancelled or late jobs, or of jobs that no program can read, are ended.
    """
    asked_at = time.monotonic()
    values: dict[str, object] = {OWNER: owner, LEASE_US: round(lease_s * SECOND_US)}
    if unit_id:
        statement, values = CLAIM_NAMED, {**values, UNIT_ID: unit_id}
    elif queues:
        statement, values = CLAIM_NEXT_OF_QUEUES, {**values, QUEUES: list(queues)}
    else:
        statement = CLAIM_NEXT
    if connection.dialect.name == "postgresql":  # sqlite lets one writer in
        connection.execute(LOCKED_CAPS)
    while unit := connection.execute(statement, values).first():
        job = lock_job(connection, unit.job_id)
        if job is None:
            raise LookupError(unit.job_id)
        if job.state == "cancelling" and not unit.runs_when_cancelled:
            _end(connection, unit, job, "cancelled")
            continue
        if is_late(job) and not unit.is_last:
            _end(connection, unit, job, "failed", failure_to_text(timed_out(job.id, job.timeout_us / SECOND_US)))
            continue
        try:
            claimed = _claim_of(unit, job, lease_s, asked_at)
        except StorageError as error:  # nobody could ever do it, and it must not keep others from their work
            _end(connection, unit, job, "failed", failure_to_text(failure_of(error)))
            continue
        if job.state == "pending":
            begin_job(connection, job.id)
        add_event(connection, job.id, "claimed", {"owner": owner, "attempt": unit.attempt}, unit_id=unit.id)
        return claimed
    return None


def _end(connection: Connection, unit: Record, job: Record, state: UnitState, error: str | None = None) -> None:
    """End a unit that was taken just now, for nobody will do it."""
    connection.execute(_END, {UNIT_ID: unit.id, "end_state": state, "end_error": error})
    settle(connection, job)


def _late_in_s(unit: Record, job: Record) -> float | None:
    """Seconds from the claim until the unit has to be done; None = whenever it is."""
    if unit.is_last or job.timeout_us is None:
        return None
    if job.state == "pending":
        return float(job.timeout_us / SECOND_US)
    return None if job.late_at is None else float((job.late_at - unit.started_at) / SECOND_US)


def _claim_of(unit: Record, job: Record, lease_s: float, asked_at: float) -> Claim:
    late_in_s = _late_in_s(unit, job)
    return Claim(
        unit_id=unit.id,
        attempt=unit.attempt,
        attempts_left=unit.max_attempts - (unit.attempt - unit.forgiven),
        owner=unit.owner,
        lease_s=lease_s,
        asked_at=asked_at,
        kind=unit.kind,
        place=from_text(unit.place),
        position=unit.position,
        is_last=unit.is_last,
        is_cancelled=job.state == "cancelling",
        endpoint=unit.endpoint,
        slots=unit.granted,
        job_id=job.id,
        job_kind=job.kind,
        name=job.name,
        spec=from_text(job.spec),
        run_ids=from_text(job.run_ids),
        timeout_s=None if job.timeout_us is None else job.timeout_us / SECOND_US,
        late_at=None if late_in_s is None else asked_at + late_in_s,
    )
