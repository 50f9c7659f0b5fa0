"""The version of the tables: found, and brought up to this program's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, column, func, inspect, select, table

from evaltrail.core.errors import InputError

NEWEST = "0003"
"""The newest of the migrations; written here too, so that a start need not load them."""
_VERSION = table("evaltrail_schema", column("version_num"))
_MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x6576_616C_7472_6169
"""Of PostgreSQL's advisory locks: ours alone."""

Transaction = Callable[[Callable[[Connection], str]], str]


def bring_up(read: Transaction, write: Transaction, name: str) -> None:
    """Make the tables, or add what this version wants; one of several processes does it, the others wait.

    Args:
        read: runs work in a transaction that reads.
        write: runs work in a transaction that writes.
        name: which database, without a password.

    Raises:
        InputError: the tables are newer than this program.
    """
    if read(found_version) != NEWEST:
        write(lambda connection: _upgraded(connection, name))


def found_version(connection: Connection) -> str:
    """The version of the tables that are there; empty where there are none."""
    if not inspect(connection).has_table(_VERSION.name):
        return ""
    return str(connection.execute(select(_VERSION.c.version_num)).scalar() or "")


def _upgraded(connection: Connection, name: str) -> str:
    if connection.dialect.name == "postgresql":  # sqlite's transaction has locked the file already
        connection.execute(select(func.set_config("statement_timeout", "0", True)))  # noqa: FBT003  for this transaction
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    found = found_version(connection)
    if found == NEWEST:
        return found
    # Only here: most starts find the tables as they should be, and need no migration.
    from alembic.command import upgrade  # noqa: PLC0415  0.3 s
    from alembic.config import Config  # noqa: PLC0415  the same
    from alembic.script import ScriptDirectory  # noqa: PLC0415  the same

    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found and found not in known:
        raise InputError(
            f"the tables of jobs are of version {found}, this program knows up to {NEWEST}",
            code="schema_newer",
            hint="use the newer evaltrail that made them, or another EVALTRAIL_DATABASE_URL",
            where=name,
        )
    upgrade(config, "head")
    return NEWEST
