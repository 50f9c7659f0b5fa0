"""The tables of queued work: jobs, units, what happened to them, who works, how much an endpoint may be asked at once.

Every time is the database's own clock, in whole microseconds since 1970 (UTC): an integer orders, adds and compares the
same way on sqlite and PostgreSQL. Its resolution is a millisecond on sqlite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    literal_column,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler

Record = Row[Any]
"""One row of a table, its columns as attributes."""
METADATA = MetaData()
SECOND_US = 1_000_000
WAITING = literal_column("'waiting'", Text)
"""As text of the statement: a bound value would keep both databases from using the index of waiting units."""
RUNNING = literal_column("'running'", Text)


class DatabaseNow(FunctionElement[int]):
    """The database's clock when the statement began: microseconds since 1970, UTC."""

    type = BigInteger()
    inherit_cache = True


@compiles(DatabaseNow, "sqlite")
def _now_of_sqlite(_element: DatabaseNow, _compiler: SQLCompiler, **_options: object) -> str:
    return "(CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000)"


@compiles(DatabaseNow, "postgresql")
def _now_of_postgresql(_element: DatabaseNow, _compiler: SQLCompiler, **_options: object) -> str:
    # clock_timestamp() is volatile and would keep the index of what is due from being used
    return "CAST(extract(epoch FROM statement_timestamp()) * 1000000 AS bigint)"


JOB = Table(
    "job",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("parent", Text, nullable=False),
    Column("run_ids", Text, nullable=False),
    Column("error", Text),
    Column("idempotency_key", Text),
    Column("body_digest", Text, nullable=False),
    Column("spec", Text, nullable=False),
    Column("timeout_us", BigInteger),
    Column("after", Text, nullable=False, server_default=""),
    Column("late_at", BigInteger),
    Index("job_by_key", "idempotency_key", unique=True),
    Index("job_by_age", "created_at", "id"),
    Index("job_by_state", "state", "created_at", "id"),
    Index("job_by_kind", "kind", "created_at", "id", "state", "name"),
)
"""One accepted request. `spec`, `run_ids` and `error` are JSON; `parent` is the job that it belongs to, or nothing;
`after` the job that has to end before its own units may begin. It may take `timeout_us` from its begin, or from that of
a retry: until `late_at`, which is set while it runs. `job_by_kind` holds all that lists are filtered by, so that a page
is found without a look at the rows, which are long."""

IS_AFTER = JOB.c.after != literal_column("''")
"""Whether a job waits, or waited, for another. The index of these is used only where a statement says so too."""
HAS_PARENT = JOB.c.parent != literal_column("''")
"""The same of a job that belongs to another."""
IS_TIMED = JOB.c.late_at.is_not(None)
Index("job_after", JOB.c.after, sqlite_where=IS_AFTER, postgresql_where=IS_AFTER)
Index("job_of_parent", JOB.c.parent, sqlite_where=HAS_PARENT, postgresql_where=HAS_PARENT)
Index("job_late", JOB.c.late_at, sqlite_where=IS_TIMED, postgresql_where=IS_TIMED)

JOB_LABEL = Table(
    "job_label",
    METADATA,
    Column("job_id", Text, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Index("label_by_value", "key", "value", "job_id"),
    sqlite_with_rowid=False,  # whether a job bears a label is then one look into the table
)
"""What jobs are found by, beside their state and name."""

UNIT = Table(
    "unit",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("job_id", Text, ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("is_last", Boolean, nullable=False),
    Column("runs_when_cancelled", Boolean, nullable=False),
    Column("queue", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("slots", Integer, nullable=False, server_default="1"),
    Column("not_before", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("forgiven", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("owner", Text, nullable=False),
    Column("lease_until", BigInteger),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger),
    Column("tokens", BigInteger, nullable=False),
    Column("error", Text),
    Column("result", Text),
    Index("unit_of_job", "job_id", "state", "is_last"),
)
"""One piece of a job that a worker does without a pause.

`lane` is a digest of queue, priority and endpoint: within a lane the unit that is due first comes first, so that a
claim looks at one unit a lane, however many wait. `slots`: requests that it sends at once. `attempt` only ever grows:
it fences the writes of a claim; `forgiven` of its attempts do not count. `place` (which task, which range), `error` and
`result` are JSON. The last unit is `held` until all others of its job have ended.
"""

Index(
    "unit_waiting",
    UNIT.c.lane,
    UNIT.c.not_before,
    UNIT.c.position,
    sqlite_where=UNIT.c.state == WAITING,
    postgresql_where=UNIT.c.state == WAITING,
)
Index(
    "unit_running",
    UNIT.c.endpoint,
    UNIT.c.lease_until,
    sqlite_where=UNIT.c.state == RUNNING,
    postgresql_where=UNIT.c.state == RUNNING,
)

EVENT = Table(
    "event",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("job_id", Text, ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
    Column("unit_id", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("data", Text, nullable=False),
    Index("event_of_job", "job_id", "id"),
    sqlite_autoincrement=True,
)
"""What happened, only ever added to. Written while the job's row is locked: a job's ids grow as they are committed, so
that who asks for what came after one of them misses nothing."""

ENDPOINT_CAP = Table(
    "endpoint_cap",
    METADATA,
    Column("endpoint", Text, primary_key=True),
    Column("cap", Integer, nullable=False),
)
"""How many requests an endpoint is sent at once, over all workers; no row = as many as there are."""

WORKER = Table(
    "worker",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("engine", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("queues", Text, nullable=False),
    Column("concurrency", Integer, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("alive_until", BigInteger, nullable=False),
)
"""The workers that give signs of life; one that fell silent is dead, whatever its process may look like. `queues` is
JSON: those it takes units of, none = all."""

CATALOG_ENTRY = Table(
    "catalog_entry",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("document", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
"""What users added to the catalog: collections, benchmarks, servers, each a JSON document."""

API_KEY = Table(
    "api_key",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)
"""Who may speak to the service, by the SHA-256 digest of a key that is random enough to need no slower one."""
