"""Archives that are broken, hostile or too much: refused with the reason, whole or not at all, within bounds."""

from __future__ import annotations

import io
import os
import random
import resource
import struct
import tarfile
import threading
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_files import PACKERS, link_to, names_in, refused, tar_of, unpacked, zip_of
from evaltrail.core.errors import InputError, StorageError
from evaltrail.readers.archives.unpack import unpack
from evaltrail.readers.notes import Notes

NOISE = random.Random(1).randbytes(3000)
FILES = {"results/a.json": b'{"a": 1}', "noise.bin": NOISE, "empty": b""}


@pytest.mark.parametrize("ending", [".zip", ".tar.gz", ".tar.xz", ".tar.bz2"])
def test_a_bomb_is_refused_by_what_comes_out_of_it(tmp_path, ending):
    """More than 200 times its size and more than what is harmless: nothing of it stays, whatever it declares."""
    zeros = [("zeros", bytes(6_000_000))]
    data = zip_of(zeros) if ending == ".zip" else PACKERS[ending](tar_of(zeros))
    assert len(data) < 10_000
    error = refused(tmp_path, f"bomb{ending}", data, harmless_bytes=4_000_000)
    assert (error.code, error.exit_code) == ("bomb", 2)
    assert unpacked(tmp_path, f"bomb{ending}", data)[0] == dict(zeros)


def test_a_bomb_of_the_size_that_counts_is_refused(tmp_path):
    """With the bounds as they are: 101 MB out of 100 kB."""
    packer = zlib.compressobj(9, wbits=31)
    head = tar_of([link_to("zeros", "", tarfile.REGTYPE)])[:512]
    with tarfile.open(fileobj=io.BytesIO(head)) as tar:
        info = tar.next()
    info.size = 101_000_000
    data = packer.compress(info.tobuf())
    data += b"".join(packer.compress(bytes(1_000_000)) for _ in range(101)) + packer.compress(bytes(1024))
    assert refused(tmp_path, "bomb.tgz", data + packer.flush()).code == "bomb"


@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_bounds_on_bytes_and_members(tmp_path, pack):
    """What is honest but too much is refused as such; folders count as members too."""
    assert refused(tmp_path, "a", pack([("x", NOISE)]), most_bytes=2999).code == "too_large"
    many = pack([(f"{number}", b"") for number in range(30)])
    assert refused(tmp_path, "a", many, most_members=29).code == "too_large"
    assert len(unpacked(tmp_path, "a", many, most_members=30)[0]) == 30


@pytest.mark.parametrize("ending", [*PACKERS, ".zip"])
def test_an_archive_that_is_cut_off_anywhere_is_refused_or_whole(tmp_path, ending):
    """Cut at any byte, nothing is left behind; only fill bytes behind the end's mark may be missing."""
    data = zip_of(FILES.items()) if ending == ".zip" else PACKERS[ending](tar_of(FILES.items(), "gnu"))
    sizes = {*range(0, len(data), 97), *range(len(data) - 40, len(data)), 511, 512, 513, 1024}
    marked = data.rindex(b"ustar") - 257 + 2 * 512 if ending == ".tar" else len(data)
    for size in sorted(sizes):
        place = tmp_path / str(size)
        place.mkdir()
        if size >= marked:
            assert unpacked(place, f"a{ending}", data[:size]) == (FILES, [])
        else:
            assert refused(place, f"a{ending}", data[:size]).code == "broken_archive"


@settings(max_examples=80, deadline=None)
@given(data=st.data(), ending=st.sampled_from([*PACKERS, ".zip"]))
def test_damaged_bytes_never_end_in_a_traceback(tmp_path_factory, data, ending):
    """Whatever bytes are changed, the archive is refused or what comes out stays below the folder."""
    place = tmp_path_factory.mktemp("damaged")
    whole = zip_of(FILES.items()) if ending == ".zip" else PACKERS[ending](tar_of(FILES.items()))
    broken = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    (place / f"a{ending}").write_bytes(broken)
    try:
        unpack(place / f"a{ending}", place / "out", Notes(), most_bytes=10_000_000)
    except InputError:
        assert names_in(place) == [f"a{ending}"]
    assert set(names_in(place)) <= {f"a{ending}", "out"}


def test_what_stood_there_is_replaced_only_by_a_whole_archive(tmp_path):
    """A broken archive leaves the folder of the one before; a good one takes its place, old files go."""
    good = tar_of(FILES.items())
    unpacked(tmp_path, "a.tar", good)
    (tmp_path / "out" / "old").touch()
    with pytest.raises(InputError):
        unpacked(tmp_path, "a.tar", good[:3000])
    assert (tmp_path / "out" / "old").exists()
    assert unpacked(tmp_path, "a.tar", good)[0] == FILES


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda tar: tar[:124] + b"-0000000001\0" + tar[136:], "damaged"),
        (lambda tar: resummed(tar[:124] + b"\xff" * 12 + tar[136:]), "damaged"),
        (lambda tar: resummed(tar[:124] + b"\x80" + b"\x7f" * 11 + tar[136:]), "ends too early"),
        (lambda tar: resummed(tar[:124] + b"99999999999\0" + tar[136:]), "damaged"),
        (lambda tar: pax(b"30 size=-5\n") + tar, "damaged"),
        (lambda tar: pax(b"11 size=-5\n") + tar, "size of a member"),
        (lambda tar: pax(b"9" * 900) + tar, "damaged"),
        (lambda tar: pax(b"6 a=b\n" * 200_000) + tar, "says that it has 1,200,000 bytes"),
        (lambda tar: pax(b"6 a=b\n") * 20 + tar, "too many headers"),
        (lambda tar: tar[:1024] + b"garbage" * 200, "a header in it is damaged"),
        (lambda tar: tar[:1024], "ends too early"),
    ],
)
def test_headers_of_a_tar_that_lie_are_errors(tmp_path, change, reason):
    """Sizes below zero and beyond the file, endless extension headers and damaged ones end the reading at once."""
    error = refused(tmp_path, "a.tar", change(tar_of([("a", b"1")], "gnu")))
    assert (error.code, reason in error.message) == ("broken_archive", True)


def resummed(tar: bytes) -> bytes:
    """A tar whose first header has the checksum of what now stands in it."""
    counted = sum(tar[:148]) + 256 + sum(tar[156:512])
    return tar[:148] + b"%06o\0 " % counted + tar[156:]


def pax(records: bytes) -> bytes:
    """An extension header of a tar."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, len(records)
    return info.tobuf(tarfile.USTAR_FORMAT) + records + bytes(-len(records) % 512)


def test_a_member_may_be_greater_than_an_old_header_can_say(tmp_path):
    """Sizes in a pax record and as bytes are read; the stream is what counts."""
    huge = tarfile.TarInfo("huge")
    huge.size = 9_000_000_000
    for kind in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        assert "too early" in refused(tmp_path, "a.tar", huge.tobuf(kind) + NOISE).message
    fits = pax(b"13 size=3000\n") + resummed(tar_of([("a", b"")], "ustar"))[:512] + NOISE + bytes(72 + 1024)
    assert unpacked(tmp_path, "a.tar", fits) == ({"a": NOISE}, [])


def test_the_directory_of_a_zip_is_bounded(tmp_path):
    """What a zip file says of its directory's size is not held in memory."""
    data = bytearray(zip_of([("a", b"1")]))
    end = data.index(b"PK\x05\x06")
    (size,) = struct.unpack_from("<L", data, end + 12)
    data[end:end] = bytes(70_000_000)
    struct.pack_into("<L", data, end + 70_000_000 + 12, size + 70_000_000)
    assert refused(tmp_path, "a.zip", bytes(data)).code == "too_large"


def test_memory_stays_flat(tmp_path):
    """A member of 30 MB goes through in pieces."""
    for name, data in (
        ("a.zip", zip_of([("x", bytes(30_000_000))])),
        ("a.tgz", PACKERS[".tgz"](tar_of([("x", bytes(30_000_000))]))),
    ):
        (tmp_path / name).write_bytes(data)
        del data
        tracemalloc.start()
        unpack(tmp_path / name, tmp_path / "out", Notes())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4_000_000
        assert (tmp_path / "out/x").stat().st_size == 30_000_000


def test_a_disk_that_refuses_is_told_as_such(tmp_path):
    """A full disk is no fault of the archive; nothing half is left behind."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    data = {"a.tar": tar_of([("x", NOISE * 100)]), "a.zip": zip_of([("x", NOISE * 100)])}
    for name, content in data.items():
        (tmp_path / name).write_bytes(content)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            with pytest.raises(StorageError, match="cannot write"):
                unpack(tmp_path / name, tmp_path / "out", Notes())
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names_in(tmp_path) == ["a.tar", "a.zip"]


def test_what_is_no_file_is_not_waited_for(tmp_path):
    """A pipe and a folder under an archive's name are refused at once; so is what is gone."""
    os.mkfifo(tmp_path / "pipe.tar")
    (tmp_path / "folder.tar").mkdir()
    for name in ("pipe.tar", "folder.tar", "gone.tar"):
        with pytest.raises(InputError):
            unpack(tmp_path / name, tmp_path / "out", Notes())
    assert names_in(tmp_path) == ["folder.tar", "pipe.tar"]


def test_two_at_a_time_do_not_meet(tmp_path):
    """Two threads that unpack the same archive each find the folder whole."""
    (tmp_path / "a.tar").write_bytes(tar_of(FILES.items()))
    threads = [
        threading.Thread(target=unpack, args=(tmp_path / "a.tar", tmp_path / f"out{number}", Notes()))
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert all((tmp_path / f"out{number}" / "noise.bin").read_bytes() == NOISE for number in range(4))
    assert len(names_in(tmp_path)) == 5
