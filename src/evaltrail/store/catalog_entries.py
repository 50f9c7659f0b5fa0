"""What users added to the catalog, kept beside the jobs: documents by kind and id, and a version of them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from evaltrail.core.decoding import decoded
from evaltrail.core.values import Json
from evaltrail.store.database import Database
from evaltrail.store.tables import CATALOG_ENTRY, DatabaseNow

EntryKind = Literal["benchmark", "collection", "server"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """One document of a user's."""

    kind: EntryKind
    id: str
    document: Mapping[str, Json]
    created_at: int
    """Microseconds since 1970, UTC, as is the next one."""
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesVersion:
    """Differs from an earlier one whenever an entry was put or removed between."""

    newest: int
    count: int


class CatalogEntries:
    """The entries of one database; any thread may use them.

    Args:
        database: that jobs lie in.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def version(self) -> EntriesVersion:
        """Which state the entries are in; one small statement, tried once.

        Raises:
            StorageError: the database is away.
        """
        return self._database.read(_version, patience_s=0.0)

    def all(self) -> tuple[StoredEntry, ...]:
        """Every entry, by kind and id.

        Raises:
            StorageError: the database is away.
        """
        statement = select(CATALOG_ENTRY).order_by(CATALOG_ENTRY.c.kind, CATALOG_ENTRY.c.id)
        rows = self._database.read(lambda connection: connection.execute(statement).all(), patience_s=0.0)
        return tuple(
            StoredEntry(
                kind=row.kind,
                id=row.id,
                document=decoded(row.document, dict[str, Any]),
                created_at=row.created_at,
                updated_at=row.updated_at,
            )
            for row in rows
        )

    def put(self, kind: EntryKind, entry_id: str, document: Mapping[str, Json]) -> bool:
        """Keep a document in place of an earlier one; whether there was none.

        Raises:
            StorageError: the database is away.
        """
        text = msgspec.json.encode(document).decode()
        return self._database.write(lambda connection: _put(connection, kind, entry_id, text))

    def delete(self, kind: EntryKind, entry_id: str) -> bool:
        """Remove a document; whether there was one.

        Raises:
            StorageError: the database is away.
        """
        table = CATALOG_ENTRY.c
        statement = delete(CATALOG_ENTRY).where(table.kind == kind, table.id == entry_id)
        return self._database.write(lambda connection: connection.execute(statement).rowcount) > 0


def _version(connection: Connection) -> EntriesVersion:
    newest, count = connection.execute(
        select(func.coalesce(func.max(CATALOG_ENTRY.c.updated_at), 0), func.count())
    ).one()
    return EntriesVersion(newest=newest, count=count)


def _put(connection: Connection, kind: EntryKind, entry_id: str, text: str) -> bool:
    table = CATALOG_ENTRY.c
    # Later than every other entry, whatever the clock's resolution: who looks at the newest time misses nothing.
    now = max(connection.execute(select(DatabaseNow())).scalar_one(), _version(connection).newest + 1)
    changed = connection.execute(
        update(CATALOG_ENTRY).where(table.kind == kind, table.id == entry_id).values(document=text, updated_at=now)
    ).rowcount
    if not changed:
        values = {"kind": kind, "id": entry_id, "document": text, "created_at": now, "updated_at": now}
        connection.execute(insert(CATALOG_ENTRY).values(values))
    return not changed
