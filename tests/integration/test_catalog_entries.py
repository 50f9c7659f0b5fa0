"""The store of what users added to the catalog, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import delete

from evaltrail.store.catalog_entries import CatalogEntries
from evaltrail.store.database import open_database
from evaltrail.store.tables import CATALOG_ENTRY


@pytest.fixture
def entries(queue_url):
    """A store without entries."""
    database = open_database(queue_url, Path("/nowhere"), "normal")
    database.write(lambda connection: connection.execute(delete(CATALOG_ENTRY)))
    yield CatalogEntries(database)
    database.close()


def test_documents_are_kept_by_kind_and_id(entries):
    """Of two of one kind and id the later counts; the first time is kept."""
    assert entries.put("server", "a", {"url": "http://ä", "n": [1, None, 0.5]})
    assert entries.put("collection", "a", {"name": "c"})
    assert not entries.put("server", "a", {"url": "http://b"})
    collection, server = entries.all()
    assert (collection.kind, collection.document) == ("collection", {"name": "c"})
    assert (server.kind, server.id, server.document) == ("server", "a", {"url": "http://b"})
    assert server.created_at < collection.created_at < server.updated_at


def test_the_version_differs_after_every_change(entries):
    """However fast changes follow one another; without one it stays."""
    seen = [entries.version()]
    for number in range(3):
        entries.put("server", str(number % 2), {})
        seen.append(entries.version())
    assert entries.version() == seen[-1]
    assert entries.delete("server", "0")
    seen.append(entries.version())
    assert len(set(seen)) == len(seen)


def test_what_is_not_there_is_not_removed(entries):
    """It says so, and another kind's entry of that id stays."""
    entries.put("server", "a", {})
    assert not entries.delete("collection", "a")
    assert len(entries.all()) == 1
