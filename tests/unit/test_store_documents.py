"""Uploads are kept once each, whatever they are called and however they come."""

from __future__ import annotations

import io
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest_bytes
from evaltrail.store.document_store import MOST_NAMES, DocumentStore

LIMIT = 1_000_000


def _files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_an_upload_is_known_by_its_content(tmp_path):
    """Its id is the digest of its bytes, and the bytes are there under it."""
    store = DocumentStore(tmp_path / "uploads")
    kept = store.keep(io.BytesIO(b"[{}]"), name="a.json", limit_bytes=LIMIT)
    assert (kept.id, kept.digest, kept.name, kept.size_bytes) == (digest_bytes(b"[{}]"),) * 2 + ("a.json", 4)
    assert kept.path.read_bytes() == b"[{}]"
    assert store.get(kept.id) == store.get(kept.id[:6]) == kept
    assert store.file(kept.id) == kept.path


def test_the_same_content_is_stored_once(tmp_path):
    """However often it comes and whatever it is called: one copy, all of its names, the first time of it."""
    store = DocumentStore(tmp_path)
    first = store.keep(b"text", name="a.txt", limit_bytes=LIMIT)
    again = store.keep(b"text", name="b.txt", limit_bytes=LIMIT)
    assert store.keep(b"text", name="a.txt", limit_bytes=LIMIT) == again
    assert again.names == ("a.txt", "b.txt")
    assert again.created_at == first.created_at
    assert _files_below(tmp_path) == [".lock", f"{first.id}/about.json", f"{first.id}/content"]


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "a/b.json", "..", "C:\\x", "nul\0l", "ä\udc80", "-" * 5000])
def test_a_name_never_becomes_a_path(tmp_path, name):
    """Whatever a file is called, nothing lies outside the store, and inside it the name is a label."""
    kept = DocumentStore(tmp_path / "deep" / "store").keep(b"x", name=name, limit_bytes=LIMIT)
    found = _files_below(tmp_path)
    assert found == [f"deep/store/{each}" for each in (".lock", f"{kept.id}/about.json", f"{kept.id}/content")]
    assert kept.name == name.replace("\udc80", "?")[:500]


def test_an_upload_without_a_name_is_named_by_its_digest(tmp_path):
    """`upload-` and the first eight digits."""
    kept = DocumentStore(tmp_path).keep(b"x", name=" ", limit_bytes=LIMIT)
    assert kept.name == f"upload-{kept.digest[:8]}"


def test_one_byte_too_many_is_refused(tmp_path):
    """A file of the limit is taken; of one byte more no more than that is read, and nothing of it stays."""
    store = DocumentStore(tmp_path)
    assert store.keep(io.BytesIO(b"x" * 10), name="a", limit_bytes=10).size_bytes == 10
    endless = io.BytesIO(b"y" * 1000)
    with pytest.raises(InputError, match="larger than") as refused:
        store.keep(endless, name="b", limit_bytes=10)
    assert refused.value.code == "too_large"
    assert endless.tell() == 11
    assert len(store.list()) == 1
    assert list((tmp_path / ".incoming").iterdir()) == []


def test_only_the_owner_can_read_uploads(tmp_path):
    """Folders are 0700 and files 0600."""
    store = DocumentStore(tmp_path / "uploads")
    kept = store.keep(b"x", name="a", limit_bytes=LIMIT)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (kept.path, kept.path.with_name("about.json"))}
    assert modes == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "uploads", kept.path.parent)} == {0o700}


def test_uploads_are_listed_newest_first_and_in_parts(tmp_path):
    """A part goes on after the last id of the part before; other things in the folder are no uploads."""
    store = DocumentStore(tmp_path)
    assert store.list() == ()
    kept = [store.keep(bytes([place]), name=str(place), limit_bytes=LIMIT) for place in range(5)]
    (tmp_path / "old-upload.csv").write_text("query\n")
    assert [each.name for each in store.list()] == ["4", "3", "2", "1", "0"]
    assert [each.name for each in store.list(limit=2)] == ["4", "3"]
    assert [each.name for each in store.list(after=kept[3].id, limit=2)] == ["2", "1"]
    assert store.list(after=kept[0].id) == ()
    with pytest.raises(InputError, match="from the begin again"):
        store.list(after="f" * 32)


def test_a_table_of_edits_is_no_document_until_it_is_sent_as_one(tmp_path):
    """It is kept and found like all uploads, and not listed; what is a document stays one."""
    store = DocumentStore(tmp_path)
    table = store.keep(b"query", name="edits.csv", limit_bytes=LIMIT, is_document=False)
    assert (store.list(), store.get(table.id)) == ((), table)
    store.keep(b"query", name="manual.csv", limit_bytes=LIMIT)
    store.keep(b"query", name="again.csv", limit_bytes=LIMIT, is_document=False)
    assert [each.names for each in store.list()] == [("manual.csv", "edits.csv", "again.csv")]


def test_a_document_knows_its_run_in_each_mlflow(tmp_path):
    """The one that landed last; of what is not there nothing is remembered, and no folder made."""
    store = DocumentStore(tmp_path / "uploads")
    store.note_run("0" * 32, "http://a", "one")
    assert not (tmp_path / "uploads").exists()
    kept = store.keep(b"x", name="a", limit_bytes=LIMIT)
    for uri, run in (("http://a", "one"), ("http://b", "two"), ("http://a", "three")):
        store.note_run(kept.id, uri, run)
    assert store.keep(b"x", name="b", limit_bytes=LIMIT).runs == {"http://a": "three", "http://b": "two"}


@pytest.mark.parametrize("given", ["", "zz", "../..", "0" * 32])
def test_an_unknown_id_is_refused(tmp_path, given):
    """Ids of nothing, and texts that are no ids."""
    store = DocumentStore(tmp_path)
    store.keep(b"x", name="a", limit_bytes=LIMIT)
    with pytest.raises(InputError, match="no upload has the id") as refused:
        store.get(given)
    assert refused.value.code == "unknown_id"


def test_what_a_dead_process_left_is_no_upload(tmp_path):
    """Half an upload is not listed, stops nobody, and is removed after a day: where one is kept, in a thread, and not
    where a body begins to come, on the event loop."""
    store = DocumentStore(tmp_path)
    kept = store.keep(b"x", name="a", limit_bytes=LIMIT)
    old, young = tmp_path / ".incoming" / "old", tmp_path / ".incoming" / "young"
    for left in (old, young):
        left.mkdir()
        (left / "content").write_bytes(b"half")
    os.utime(old, (0, 0))
    with store.incoming_file("body-"):
        assert old.exists()
    store.keep(b"y", name="b", limit_bytes=LIMIT)
    assert not old.exists()
    assert young.exists()
    assert len(store.list()) == 2
    kept.path.with_name("about.json").write_bytes(b"{")
    with pytest.raises(InputError, match="send the file again"):
        store.get(kept.id)
    assert store.keep(b"x", name="c", limit_bytes=LIMIT).names == ("c",)
    assert store.get(kept.id).path.read_bytes() == b"x"


def test_many_may_send_at_once(tmp_path):
    """The same bytes from many at the same time: one copy, and no name is lost."""
    with ThreadPoolExecutor(8) as pool:
        names = [f"{place}.txt" for place in range(16)]
        list(pool.map(lambda name: DocumentStore(tmp_path).keep(b"x", name=name, limit_bytes=LIMIT), names))
    (kept,) = DocumentStore(tmp_path).list()
    assert sorted(kept.names) == sorted(names)


def test_names_are_not_kept_without_end(tmp_path):
    """Somebody who sends the same bytes under ever new names fills no disk."""
    store = DocumentStore(tmp_path)
    about = store.keep(b"x", name="a", limit_bytes=LIMIT).path.with_name("about.json")
    names = ",".join(f'"{place}"' for place in range(MOST_NAMES))
    about.write_text(f'{{"names":[{names}],"size_bytes":1,"created_at":"2026-11-01T00:00:00Z"}}')
    assert len(store.keep(b"x", name="one more", limit_bytes=LIMIT).names) == MOST_NAMES
