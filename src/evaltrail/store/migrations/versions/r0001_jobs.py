"""Jobs, units, events and caps: the first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The tables of queued work, with their indexes."""
    _jobs()
    _units()
    _events()
    op.create_table(
        "endpoint_cap",
        sa.Column("endpoint", sa.Text(), primary_key=True),
        sa.Column("cap", sa.Integer(), nullable=False),
    )


def _jobs() -> None:
    op.create_table(
        "job",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("parent", sa.Text(), nullable=False),
        sa.Column("run_ids", sa.Text(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("idempotency_key", sa.Text()),
        sa.Column("body_digest", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
    )
    op.create_index("job_by_key", "job", ["idempotency_key"], unique=True)
    op.create_index("job_by_age", "job", ["created_at", "id"])
    op.create_index("job_by_state", "job", ["state", "created_at", "id"])


def _units() -> None:
    op.create_table(
        "unit",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("job_id", sa.Text(), sa.ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("is_last", sa.Boolean(), nullable=False),
        sa.Column("runs_when_cancelled", sa.Boolean(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("forgiven", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.BigInteger()),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger()),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("result", sa.Text()),
    )
    op.create_index("unit_of_job", "unit", ["job_id", "state", "is_last"])
    waiting, running = sa.text("state = 'waiting'"), sa.text("state = 'running'")
    op.create_index(
        "unit_waiting", "unit", ["lane", "not_before", "position"], sqlite_where=waiting, postgresql_where=waiting
    )
    op.create_index("unit_running", "unit", ["endpoint", "lease_until"], sqlite_where=running, postgresql_where=running)


def _events() -> None:
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("job_id", sa.Text(), sa.ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
        sa.Column("unit_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("event_of_job", "event", ["job_id", "id"])
