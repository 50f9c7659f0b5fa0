"""The documents of an order, from files and from the store: two of them are never one source."""

from __future__ import annotations

import json

import pytest

from evaltrail.generation.documents.limits import DocumentLimits
from evaltrail.generation.documents.reading import numbered
from evaltrail.generation.windows import windows_over
from evaltrail.service.generating.documents import keep_documents, read_documents
from evaltrail.service.generating.order import NamedUpload
from evaltrail.store.document_store import DocumentStore

LIMITS = DocumentLimits()
TOWER = "\n\n".join(f"The tower of number {number} was built by Ida Holm. " * 30 for number in range(3))
LAMP = TOWER.replace("tower", "lamp")


@pytest.fixture
def store(tmp_path):
    return DocumentStore(tmp_path / "documents")


def brought(store, tmp_path, *documents):
    """Documents as they are read; each is a way, a name and what is in it."""
    files, uploads = [], []
    for place, (way, name, text) in enumerate(documents):
        if way == "upload":
            stored = store.keep(text.encode(), name=name, limit_bytes=10**6)
            uploads.append(NamedUpload(id=stored.id, name=name))
        else:
            files.append(tmp_path / str(place) / name)
            files[-1].parent.mkdir()
            files[-1].write_text(text)
    return read_documents(files, uploads, store, LIMITS)


def chunk(text, source):
    return {"text": text, "filename": source}


@pytest.mark.parametrize("ways", [("upload", "upload"), ("file", "file"), ("upload", "file")])
def test_documents_of_one_name_are_two_sources(store, tmp_path, ways):
    """However they came, the second one is numbered, and no window within documents holds chunks of both."""
    found = brought(store, tmp_path, (ways[0], "notes.md", TOWER), (ways[1], "notes.md", LAMP))
    assert [each.document.name for each in found] == ["notes.md", "notes (2).md"]
    chunks = numbered(each.document for each in found)
    count = len(found[0].document.chunks)
    assert count > 1
    within = windows_over(chunks, size=2, step=1, scope="document").pairs
    assert len(within) == 2 * (count - 1)
    assert (count, count + 1) not in within


def test_lists_of_chunks_that_name_one_file_are_two_sources(store, tmp_path):
    """A source that a document before it has is numbered, past names that are there already; the others stay."""
    one = [chunk("a", "x.txt"), chunk("b", "y.txt")]
    two = [chunk("c", "y.txt"), chunk("d", "y (2).txt"), chunk("e", "z.txt"), chunk("f", "y.txt")]
    found = brought(store, tmp_path, ("upload", "one.json", json.dumps(one)), ("upload", "two.json", json.dumps(two)))
    sources = [chunk.source for each in found for chunk in each.document.chunks]
    assert sources == ["x.txt", "y.txt", "y (3).txt", "y (2).txt", "z.txt", "y (3).txt"]


def test_store_knows_documents_as_their_owners_do(store, tmp_path):
    """A number that tells two documents apart in one order is none of their names."""
    found = brought(store, tmp_path, ("upload", "notes.md", TOWER), ("upload", "notes.md", LAMP))
    assert [each.names for each in keep_documents(found, store, LIMITS)] == [("notes.md",), ("notes.md",)]
