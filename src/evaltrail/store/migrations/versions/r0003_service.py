"""What the service keeps: labels, time-outs and order of jobs, the users' part of the catalog, keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables, columns and indexes; jobs that are there have no time-out and wait for no other."""
    _jobs()
    op.create_table(
        "job_label",
        sa.Column("job_id", sa.Text(), sa.ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("label_by_value", "job_label", ["key", "value", "job_id"])
    op.create_table(
        "catalog_entry",
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger()),
    )


def _jobs() -> None:
    op.add_column("job", sa.Column("timeout_us", sa.BigInteger()))
    op.add_column("job", sa.Column("after", sa.Text(), nullable=False, server_default=""))
    op.add_column("job", sa.Column("late_at", sa.BigInteger()))
    op.create_index("job_by_kind", "job", ["kind", "created_at", "id", "state", "name"])
    partial = {"job_after": "after <> ''", "job_of_parent": "parent <> ''", "job_late": "late_at IS NOT NULL"}
    for (name, where), column in zip(partial.items(), ("after", "parent", "late_at"), strict=True):
        condition = sa.text(where)
        op.create_index(name, "job", [column], sqlite_where=condition, postgresql_where=condition)
