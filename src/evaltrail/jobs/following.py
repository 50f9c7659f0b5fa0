"""Jobs that come after others: held until these have ended, however they did.

Whoever ends a job locks its followers, in whatever state they are; whoever makes a follower wait locks the follower
first, or shares a lock of the job that it waits for. So none is left behind between the two.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, exists, or_, select, update

from evaltrail.jobs.states import ENDED
from evaltrail.store.tables import IS_AFTER, JOB, UNIT, DatabaseNow

_NOW = DatabaseNow()
_ID = "id_of_statement"
_OPEN = ("held", "waiting", "running")
_OTHER = UNIT.alias()

_FOLLOWERS = (
    select(JOB.c.id, JOB.c.state)
    .where(JOB.c.after == bindparam(_ID), IS_AFTER)
    .order_by(JOB.c.id)
    .with_for_update(key_share=True)
)
_RELEASE = (
    update(UNIT)
    .where(
        UNIT.c.job_id == bindparam(_ID),
        UNIT.c.state == "held",
        or_(
            ~UNIT.c.is_last,
            ~exists().where(_OTHER.c.job_id == bindparam(_ID), _OTHER.c.state.in_(_OPEN), ~_OTHER.c.is_last),
        ),
    )
    .values(state="waiting", not_before=_NOW)
)
_STATE = select(JOB.c.state).where(JOB.c.id == bindparam(_ID))


def release_followers(connection: Connection, job_id: str) -> tuple[str, ...]:
    """The jobs, locked from now on, whose units wait because the job that they come after has just ended."""
    followers = connection.execute(_FOLLOWERS, {_ID: job_id}).all()
    pending = [follower.id for follower in followers if follower.state == "pending"]
    return tuple(each for each in pending if connection.execute(_RELEASE, {_ID: each}).rowcount)


def has_to_wait(connection: Connection, after: str) -> bool:
    """Whether a locked job that comes after that one is to be held; not where the other was removed."""
    state = connection.execute(_STATE, {_ID: after}).scalar() if after else None
    return state is not None and state not in ENDED


def are_over(connection: Connection, job_ids: Collection[str]) -> dict[str, bool]:
    """Of those jobs that there are, whether they have ended; that stays so until the transaction ends."""
    if not job_ids:
        return {}
    asked = select(JOB.c.id, JOB.c.state).where(JOB.c.id.in_(job_ids)).order_by(JOB.c.id).with_for_update(read=True)
    return {row.id: row.state in ENDED for row in connection.execute(asked)}
