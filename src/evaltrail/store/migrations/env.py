"""What alembic runs to bring a schema up to date: on the connection that it is handed, inside its transaction."""

from __future__ import annotations

from alembic import context

from evaltrail.store.tables import METADATA

VERSION_TABLE = "evaltrail_schema"
"""Not alembic's own name: MLflow keeps that one, and may share a database with us."""

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, version_table=VERSION_TABLE
)
context.run_migrations()
