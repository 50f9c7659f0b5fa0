"""Inspect's `.eval` archives: members found, unpacked within bounds, and damaged ones told."""

from __future__ import annotations

import json
import tracemalloc
import zipfile

import pyarrow as pa

from evaltrail.readers.inspect.reader import InspectReader
from foreign_results import EXAMPLES, broken, source_of, write_zip, write_zip_packed_as

READER = InspectReader()
ZIPPED = next((EXAMPLES / "inspect").glob("*.eval"))
EVAL = {"task": "t", "model": "m"}


def log(**parts) -> dict:
    return {"version": 2, "status": "success", "eval": EVAL, **parts}


def test_an_unfinished_archive_is_a_failed_result_with_its_samples(tmp_path):
    """Without a header the journal says what was begun; what was finished of it is there."""
    members = {"_journal/start.json": {"version": 2, "eval": EVAL}, "samples/a_epoch_1.json": {"id": "a", "epoch": 1}}
    file = write_zip(tmp_path / "cut.eval", members)
    assert READER.sniff(source_of(file)).confidence > 0.9
    (task,) = READER.read(source_of(file)).tasks
    assert (task.status, task.error) == ("failed", "the log ends before its evaluation does")
    assert [each.id for each in task.samples] == ["a"]


def test_zstandard_members_are_read(tmp_path):
    """Logs written with INSPECT_USE_ZSTD are as good as others."""
    members = {
        "header.json": log(results={"scores": [{"name": "match", "metrics": {"accuracy": {"value": 0.5}}}]}),
        "samples/7_epoch_2.json": {"id": 7},
    }
    file = write_zip_packed_as(tmp_path / "z.eval", members, 93, lambda data: pa.compress(data, "zstd", asbytes=True))
    (task,) = READER.read(source_of(file)).tasks
    assert [metric.value for metric in task.metrics] == [0.5]
    assert [(each.id, each.repeat) for each in task.samples] == [("7", 1)]


def test_unknown_compression_is_an_input_error(tmp_path):
    """The message names it."""
    file = write_zip_packed_as(tmp_path / "x.eval", {"header.json": log()}, 99, bytes)
    assert "compression 99 is not known" in broken(READER, file).message
    file = write_zip_packed_as(tmp_path / "y.eval", {"header.json": log()}, 93, lambda data: data)
    assert "cannot be read" in broken(READER, file).message


def test_a_member_that_is_too_large_or_lies_is_told_and_the_rest_is_read(tmp_path):
    """A bomb is a sample that says so; nothing is unpacked beyond what a member says it has."""
    bomb = b'"' + b"0" * 65_000_000 + b'"'
    members = {"header.json": log(), "samples/1_epoch_1.json": bomb, "samples/2_epoch_1.json": {"id": 2}}
    file = write_zip(tmp_path / "bomb.eval", members)
    first, second = READER.read(source_of(file)).tasks[0].samples
    assert (first.id, first.error, second.id, second.error) == ("1", "unreadable_row", "2", "empty")
    assert "64 MB are the most" in first.detail
    size = len(bomb).to_bytes(4, "little")
    file.write_bytes(file.read_bytes().replace(size, (100).to_bytes(4, "little")))
    tracemalloc.start()
    try:
        first, second = READER.read(source_of(file)).tasks[0].samples
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (first.error, second.error) == ("unreadable_row", "empty")
    assert peak < 5_000_000


def test_samples_of_an_archive_come_by_epoch_and_id(tmp_path):
    """Numbers by their value; ids with slashes, and samples that were written in chunks, are found too."""
    names = ["10_epoch_1", "9_epoch_1", "9_epoch_2", "a/b_epoch_1"]
    members = {f"samples/{name}.json": {} for name in names} | {"samples/c_epoch_1/sample.json": {}}
    file = write_zip(tmp_path / "a.eval", {"header.json": log(), **members, "samples/c_epoch_1/events/0.json": []})
    found = [(each.id, each.index, each.repeat) for each in READER.read(source_of(file)).tasks[0].samples]
    assert found == [("9", 0, 0), ("10", 1, 0), ("a/b", 2, 0), ("c", 3, 0), ("9", 0, 1)]


def test_archives_are_known_by_their_members(tmp_path):
    """Another zip is none of ours; a damaged one that is named .eval is claimed, so that it is told."""
    assert READER.sniff(source_of(write_zip(tmp_path / "any.zip", {"a.json": 1}))) is None
    assert READER.sniff(source_of(write_zip(tmp_path / "renamed.zip", {"header.json": log()}))).confidence > 0.9
    (tmp_path / "cut.eval").write_bytes(ZIPPED.read_bytes()[:1000])
    assert READER.sniff(source_of(tmp_path / "cut.eval")).confidence == 0.6
    assert "no whole zip" in broken(READER, tmp_path / "cut.eval").message
    assert READER.sniff(source_of(tmp_path)) is None


def test_a_zip_without_a_header_or_with_an_encrypted_one_is_an_input_error(tmp_path):
    """Both are told as what they are."""
    file = write_zip(tmp_path / "a.eval", {"samples/1_epoch_1.json": {}})
    assert "not in the archive" in broken(READER, file).message
    file = write_zip(tmp_path / "b.eval", {"header.json": log()}, compression=zipfile.ZIP_STORED)
    data = bytearray(file.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(data)
    assert "encrypted" in broken(READER, file).message


def test_a_large_archive_streams(tmp_path):
    """The memory used is that of one member and the directory."""
    file = tmp_path / "large.eval"
    row = json.dumps({"output": {"choices": [{"message": {"content": "a"}}]}, "store": {"text": "x" * 20_000}})
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", json.dumps(log()))
        for place in range(1000):
            archive.writestr(f"samples/{place}_epoch_1.json", row)
    stream = READER.read(source_of(file)).tasks[0].samples
    tracemalloc.start()
    try:
        assert [each.id for each in stream] == [str(place) for place in range(1000)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_a_directory_without_bounds_is_an_input_error(tmp_path):
    """What says that its directory is larger than any log's is not held in memory to find out."""
    file = write_zip(tmp_path / "a.eval", {"header.json": log()})
    content = bytearray(file.read_bytes())
    end = content.index(b"PK\x05\x06")
    start, size = end - int.from_bytes(content[end + 12 : end + 16], "little"), 40_000_000
    content[end + 12 : end + 16] = size.to_bytes(4, "little")
    with file.open("wb") as out:
        out.write(content[:start])
        out.truncate(start + size)
        out.seek(0, 2)
        out.write(content[end:])
    assert "held at once" in broken(READER, file).message
