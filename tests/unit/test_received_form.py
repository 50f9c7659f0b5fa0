"""Forms that bring a file: what is no such form is refused as it comes, before it takes memory or files."""

from __future__ import annotations

import asyncio
import resource
from contextlib import contextmanager
from pathlib import Path

import pytest

from evaltrail.core.errors import InputError, StorageError
from evaltrail.service.submitting.received import received_body, received_form
from evaltrail.store.document_store import DocumentStore

END = b"--b--\r\n"


def part(name, content=b"x", filename="", more=""):
    """One part of a form."""
    label = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
    return f"--b\r\nContent-Disposition: {label}\r\n{more}\r\n".encode() + content + b"\r\n"


def taken(store, body, boundary="b", step=1000):
    """Fields, the file's name and content, and how many files lay there; the body comes in pieces."""
    read = [0]

    async def parts():
        while read[0] < len(body):
            begin, read[0] = read[0], read[0] + step
            yield body[begin : begin + step]

    async def take():
        async with received_form(f"multipart/form-data; boundary={boundary}", parts(), store) as form:
            sent = form.only_file("file")
            return form.fields, sent.name, sent.content.read(), sent.path.read_bytes()

    try:
        return asyncio.run(take()), read[0]
    finally:
        assert not left(store)


def left(store):
    """Files that still lie where bodies wait."""
    with store.incoming_file("own-") as own:
        return [file for file in Path(own.name).parent.iterdir() if file.name != Path(own.name).name]


@contextmanager
def full_disk():
    """No file of this process grows meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def store(tmp_path):
    return DocumentStore(tmp_path / "documents")


@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize("is_form", [True, False])
def test_disk_that_is_full_is_told_of_and_nothing_is_left(store, size, is_form):
    """However little was sent: what is refused only when a file is closed is no fault of ours."""

    async def parts():
        yield part("file", b"x" * size, "q.csv") + END

    async def take():
        taking = received_form("multipart/form-data; boundary=b", parts(), store) if is_form else None
        async with taking or received_body(parts(), store):
            pass

    with pytest.raises(StorageError, match="cannot write"), full_disk():
        asyncio.run(take())
    assert not left(store)


@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_form_is_the_same_however_its_bytes_come(store, step):
    """Fields are texts, a file keeps its bytes and its name, and nothing is left when the block is over."""
    body = part("run_id", "é".encode()) + part("file", b"a\r\n--\x00b", "../q.csv") + END
    found, _ = taken(store, body, step=step)
    assert found == ({"run_id": "é"}, "../q.csv", b"a\r\n--\x00b", b"a\r\n--\x00b")


@pytest.mark.parametrize(
    ("body", "boundary", "said"),
    [
        (part("file", filename="q") + END, "b" * 5000, "cannot be read"),
        (part("file", filename="q") + END, "c", "cannot be read"),
        (part("file", filename="q"), "b", "cut short"),
        (b"", "b", "cut short"),
        (part("file") + END, "b", "ordinary field"),
        (b"--b\r\nContent-Type: text/csv\r\n\r\nx\r\n" + END, "b", "has no name"),
        (part("file", filename="q", more="Content-Transfer-Encoding: base64\r\n") + END, "b", "encoded"),
        (part("file", filename="q") * 2 + END, "b", "stands twice"),
    ],
)
def test_what_is_no_form_is_said_to_be_none(store, body, boundary, said):
    """Each is the client's mistake, never a fault of ours, and leaves no file behind."""
    with pytest.raises(InputError, match=said):
        taken(store, body, boundary)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"".join(part(f"f{each}", filename="q") for each in range(10_000)), "more than 20 parts"),
        (b"".join(part(f"f{each}") for each in range(10_000)), "more than 20 parts"),
        (part("run_id", b"a" * 1_000_000), "longer than 10,000 bytes"),
    ],
)
def test_parts_without_end_are_refused_where_they_are_too_many(store, body, said):
    """Neither files nor memory are taken for what comes after."""
    seen = []
    watched = type("Watched", (bytes,), {"__getitem__": lambda self, key: seen.append(key) or bytes(self)[key]})
    with pytest.raises(InputError, match=said):
        taken(store, watched(body))
    assert seen[-1].stop <= 20_000
