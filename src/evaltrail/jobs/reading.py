"""The queue as values: jobs by the page, one job whole, its events, and how full it all is."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, Select, exists, func, select, tuple_

from evaltrail.core.errors import InputError
from evaltrail.core.values import Json
from evaltrail.jobs.account import JobAccount, JobDetail, JobEvent, JobPage, QueueCounts, UnitAccount, WaitingUnit
from evaltrail.jobs.encoding import from_text, moment, moment_if
from evaltrail.jobs.failure import failure_from_text
from evaltrail.jobs.states import JobState, UnitState
from evaltrail.store.tables import (
    EVENT,
    HAS_PARENT,
    JOB,
    JOB_LABEL,
    RUNNING,
    SECOND_US,
    UNIT,
    WAITING,
    DatabaseNow,
    Record,
)

_NOW = DatabaseNow()
_MOST = 1000
_MOST_NAMED = 8
_CURSOR = re.compile(r"(\d{1,18})\.(\S{1,64})", re.ASCII)
_LISTED = [column for column in JOB.c if column.name not in {"spec", "timeout_us", "after", "late_at"}]
"""A spec may be long, and sqlite reads through it on the way to what stands behind it."""
_OPEN_STATES = ("pending", "running", "cancelling")


def list_jobs(
    connection: Connection,
    *,
    limit: int,
    cursor: str,
    states: Sequence[JobState],
    kind: str,
    name: str,
    labels: Mapping[str, str],
    offset: int,
) -> JobPage:
    """Some jobs, newest first; see LeaseQueue.list."""
    if not 1 <= limit <= _MOST:
        raise InputError(f"a limit of {limit}", where="limit", hint=f"1 to {_MOST} are allowed")
    wanted: list[ColumnElement[bool]] = []
    if states:
        wanted.append(JOB.c.state.in_(states))
    wanted += [column == value for column, value in ((JOB.c.kind, kind), (JOB.c.name, name)) if value]
    among = [JOB.c.id.in_(_bearers(key, value)) for key, value in labels.items()]
    total = connection.execute(select(func.count()).select_from(JOB).where(*wanted, *among)).scalar_one()
    newest_first = JOB.c.created_at.desc(), JOB.c.id.desc()
    # counted from the labels' side, found from the newest job on: sqlite takes one road or the other as it is told
    bear = [exists(_bearers(key, value).where(JOB_LABEL.c.job_id == JOB.c.id)) for key, value in labels.items()]
    page = select(JOB.c.id).where(*wanted, *bear).order_by(*newest_first).limit(limit + 1).offset(offset)
    if cursor:
        page = page.where(tuple_(JOB.c.created_at, JOB.c.id) < tuple_(*_place(cursor)))
    rows = connection.execute(select(*_LISTED).where(JOB.c.id.in_(page)).order_by(*newest_first)).all()
    end = rows[limit - 1] if len(rows) > limit else None
    return JobPage(
        jobs=_accounts(connection, rows[:limit]),
        total=total,
        next_cursor=f"{end.created_at}.{end.id}" if end else "",
    )


def show(connection: Connection, prefix: str) -> JobDetail:
    """One job whole; see LeaseQueue.show."""
    job_id = _whole_id(connection, prefix)
    row = connection.execute(select(JOB).where(JOB.c.id == job_id)).one()
    units = connection.execute(select(UNIT).where(UNIT.c.job_id == job_id).order_by(UNIT.c.position)).all()
    account = _accounts(connection, [row])[0]
    return JobDetail(job=account, spec=from_text(row.spec), units=tuple(map(_unit, units)))


def specs(connection: Connection, job_ids: Collection[str]) -> Mapping[str, Mapping[str, Json]]:
    """What was asked for; see LeaseQueue.specs."""
    rows = connection.execute(select(JOB.c.id, JOB.c.spec).where(JOB.c.id.in_(job_ids)))
    return {row.id: from_text(row.spec) for row in rows}


def units(connection: Connection, job_ids: Collection[str]) -> Mapping[str, tuple[UnitAccount, ...]]:
    """The units of some jobs; see LeaseQueue.units."""
    found: dict[str, list[UnitAccount]] = {job_id: [] for job_id in job_ids}
    wanted = select(UNIT).where(UNIT.c.job_id.in_(job_ids)).order_by(UNIT.c.position)
    for row in connection.execute(wanted):
        found[row.job_id].append(_unit(row))
    return {job_id: tuple(its) for job_id, its in found.items()}


def children(connection: Connection, job_ids: Collection[str]) -> Mapping[str, tuple[JobAccount, ...]]:
    """The jobs that belong to some; see LeaseQueue.children."""
    found: dict[str, list[JobAccount]] = {job_id: [] for job_id in job_ids}
    wanted = select(*_LISTED).where(JOB.c.parent.in_(job_ids), HAS_PARENT).order_by(JOB.c.created_at, JOB.c.id)
    for account in _accounts(connection, connection.execute(wanted).all()):
        found[account.parent].append(account)
    return {job_id: tuple(its) for job_id, its in found.items()}


def events(connection: Connection, job_id: str, after: int, limit: int) -> tuple[JobEvent, ...]:
    """What happened to a job after an event; see LeaseQueue.events."""
    rows = connection.execute(
        select(EVENT).where(EVENT.c.job_id == job_id, EVENT.c.id > after).order_by(EVENT.c.id).limit(limit)
    )
    return tuple(
        JobEvent(
            id=row.id,
            job_id=row.job_id,
            unit_id=row.unit_id,
            at=moment(row.at),
            kind=row.kind,
            data=from_text(row.data),
        )
        for row in rows
    )


def counts(connection: Connection) -> QueueCounts:
    """How full the queue is; see LeaseQueue.counts."""
    jobs = select(JOB.c.state, func.count().label("jobs")).where(JOB.c.state.in_(_OPEN_STATES)).group_by(JOB.c.state)
    waiting = select(func.count()).where(UNIT.c.state == WAITING)
    running = select(func.count()).where(UNIT.c.state == RUNNING)
    found: dict[UnitState, int] = {
        "waiting": connection.execute(waiting).scalar_one(),
        "running": connection.execute(running).scalar_one(),
    }
    oldest = select(func.min(UNIT.c.not_before)).where(UNIT.c.state == WAITING, UNIT.c.not_before <= _NOW)
    return QueueCounts(
        jobs={row.state: row.jobs for row in connection.execute(jobs)},
        units={state: count for state, count in found.items() if count},
        silent=connection.execute(running.where(UNIT.c.lease_until < _NOW)).scalar_one(),
        oldest_due_at=moment_if(connection.execute(oldest).scalar()),
    )


def due(connection: Connection, limit: int, waiting_for_s: float) -> tuple[WaitingUnit, ...]:
    """Units that anybody may take and nobody has taken; see LeaseQueue.due."""
    since = _NOW - round(waiting_for_s * SECOND_US)
    rows = connection.execute(
        select(UNIT.c.id, UNIT.c.job_id, UNIT.c.queue, UNIT.c.priority)
        .where(UNIT.c.state == WAITING, UNIT.c.not_before <= since)
        .order_by(UNIT.c.priority.desc(), UNIT.c.not_before, UNIT.c.position)
        .limit(limit)
    )
    return tuple(WaitingUnit(id=row.id, job_id=row.job_id, queue=row.queue, priority=row.priority) for row in rows)


def _bearers(key: str, value: str) -> Select[tuple[str]]:
    """The jobs that bear the label."""
    return select(JOB_LABEL.c.job_id).where(JOB_LABEL.c.key == key, JOB_LABEL.c.value == value)


def _accounts(connection: Connection, rows: Sequence[Record]) -> tuple[JobAccount, ...]:
    labels: dict[str, dict[str, str]] = {row.id: {} for row in rows}
    for row in connection.execute(select(JOB_LABEL).where(JOB_LABEL.c.job_id.in_(list(labels)))):
        labels[row.job_id][row.key] = row.value
    sums: dict[str, list[Record]] = {row.id: [] for row in rows}
    units = (
        select(
            UNIT.c.job_id,
            UNIT.c.state,
            func.count().label("units"),
            func.sum(UNIT.c.done).label("done"),
            func.sum(UNIT.c.total).label("total"),
            func.count(UNIT.c.total).label("totals"),
            func.sum(UNIT.c.tokens).label("tokens"),
        )
        .where(UNIT.c.job_id.in_(list(sums)))
        .group_by(UNIT.c.job_id, UNIT.c.state)
    )
    for row in connection.execute(units):
        sums[row.job_id].append(row)
    return tuple(_account(row, sums[row.id], labels[row.id]) for row in rows)


def _account(row: Record, sums: Sequence[Record], labels: Mapping[str, str]) -> JobAccount:
    is_known = all(each.totals == each.units or each.state == "held" for each in sums)
    return JobAccount(
        id=row.id,
        kind=row.kind,
        name=row.name,
        state=row.state,
        queue=row.queue,
        priority=row.priority,
        parent=row.parent,
        labels=labels,
        run_ids=from_text(row.run_ids),
        created_at=moment(row.created_at),
        started_at=moment_if(row.started_at),
        ended_at=moment_if(row.ended_at),
        error=failure_from_text(row.error),
        units={each.state: each.units for each in sums},
        done=sum(int(each.done) for each in sums),
        total=sum(int(each.total or 0) for each in sums) if is_known else None,
        tokens=sum(int(each.tokens) for each in sums),
    )


def _unit(row: Record) -> UnitAccount:
    return UnitAccount(
        id=row.id,
        kind=row.kind,
        place=from_text(row.place),
        position=row.position,
        state=row.state,
        is_last=row.is_last,
        attempt=row.attempt,
        attempts_left=row.max_attempts - (row.attempt - row.forgiven),
        owner=row.owner,
        lease_until=moment_if(row.lease_until),
        not_before=moment(row.not_before),
        started_at=moment_if(row.started_at),
        ended_at=moment_if(row.ended_at),
        done=row.done,
        total=row.total,
        tokens=row.tokens,
        endpoint=row.endpoint,
        error=failure_from_text(row.error),
        result=from_text(row.result),
    )


def _whole_id(connection: Connection, prefix: str) -> str:
    """The one id that begins so."""
    if connection.execute(select(JOB.c.id).where(JOB.c.id == prefix)).first():
        return prefix
    same = select(JOB.c.id).where(JOB.c.id.startswith(prefix, autoescape=True)).limit(_MOST_NAMED)
    ids = connection.execute(same).scalars().all() if prefix else []
    if not ids:
        raise InputError(f"no job has the id {prefix!r}", code="unknown_id", hint="`evaltrail jobs ls` shows them")
    if len(ids) > 1:
        raise InputError(
            f"several ids begin with {prefix!r}: {', '.join(ids)}", code="ambiguous_id", hint="give more of it"
        )
    return str(ids[0])


def _place(cursor: str) -> tuple[int, str]:
    """Where a page ended."""
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InputError(f"{cursor!r} is no cursor", where="cursor", hint="take next_cursor of the page before")
    return int(match[1]), match[2]
