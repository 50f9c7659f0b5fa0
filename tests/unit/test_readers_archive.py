"""Archives: whatever they hold, nothing is written outside the folder, and what is left out is told."""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_files import FORMATS, PACKERS, link_to, names_in, tar_of, unpacked, zip_of
from evaltrail.readers.archives.unpack import is_archive

FILES = {"results/a.json": b'{"a": 1}', "results/deep/er/b.jsonl": b"1\n" * 300, "empty": b"", "\u00e9.txt": b"x"}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("ending", PACKERS)
def test_every_kind_of_tar_gives_its_files(tmp_path, ending, kind):
    """Each compression and each format of a tar is known and unpacked, long names included."""
    files = FILES | {f"{'d' * 60}/{'e' * 60}/{'f' * 80}": b"long"}
    data = PACKERS[ending](tar_of(files.items(), kind))
    assert is_archive(data[:512], f"RESULTS{ending.upper()}")
    assert unpacked(tmp_path, f"r{ending}", data) == (files, [])


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_gives_its_files(tmp_path, method):
    """A zip file is known by its magic bytes, whatever it is called; a zip within is a file like any other."""
    files = FILES | {"inner.zip": zip_of(FILES.items(), zipfile.ZIP_STORED)}
    data = zip_of([("results/", b""), *files.items()], method)
    assert is_archive(data[:512], "download")
    assert unpacked(tmp_path, "download", data) == (files, [])
    assert unpacked(tmp_path, "empty.zip", zip_of([])) == ({}, [])


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"", "a.tar"),
        (b"", "a.zip"),
        (b'{"a": 1}', "a.tar.gz"),
        (gzip.compress(b"{}", mtime=0), "results.json.gz"),
        (b"BZh91AY", "log.bz2"),
        (b"x" * 512, "a.tar"),
        (b"x" * 257 + b"ustar" + b"x" * 250, "a.tar"),
        (b"\0" * 512, "a.tar"),
    ],
)
def test_other_files_are_no_archives(head, name):
    """A name alone makes no archive, nor does a compression alone, nor a tar's magic without its checksum."""
    assert not is_archive(head, name)


def test_what_is_unpacked_is_private_and_keeps_its_time(tmp_path):
    """Folders are 0700 and files 0600, whatever the archive says; the times are its own, a zip's read as UTC."""
    info = tarfile.TarInfo("d/run.sh")
    info.mode, info.mtime = 0o6777, 1_700_000_000
    before = os.umask(0)
    try:
        unpacked(tmp_path, "a.tar", tar_of([info]))
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / "out" / name).stat().st_mode) for name in ("", "d", "d/run.sh")]
    assert modes == [0o700, 0o700, 0o600]
    assert (tmp_path / "out/d/run.sh").stat().st_mtime == 1_700_000_000
    unpacked(tmp_path, "a.zip", zip_of([("z", b"")]))
    assert (tmp_path / "out/z").stat().st_mtime == 1_709_208_000
    assert not (tmp_path / "out/d").exists()


@pytest.mark.parametrize("pack", [tar_of, zip_of])
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/etc/passwd", "an absolute path"),
        ("../x", "leads out"),
        ("a/../../x", "leads out"),
        ("a/..", "leads out"),
        ("C:/x", "an absolute path"),
        ("c:x", "an absolute path"),
        ("..\\x", "a backslash"),
        ("a\\b", "a backslash"),
        ("a" * 256, "too long"),
        ("\u00e9" * 128, "too long"),
        ("a/" * 64 + "b", "too long"),
        ("/".join(["x" * 200] * 6), "too long"),
        (".", "no name"),
    ],
)
def test_an_unsafe_name_is_left_out_and_the_rest_is_read(tmp_path, pack, name, why):
    """A name that leads elsewhere, or that no disk takes, is noted; the other members are written."""
    found, notes = unpacked(tmp_path, "a", pack([("before", b"1"), (name, b"bad"), ("./b//after", b"2")]))
    assert found == {"before": b"1", "b/after": b"2"}
    assert [(what[:900], why in reason) for what, reason in notes] == [(name[:900], True)]


def test_a_zero_byte_in_a_name_is_no_end_of_it(tmp_path):
    """A zip name goes on behind a zero byte, which the library would cut off."""
    found, notes = unpacked(tmp_path, "a.zip", zip_of([("results.json\0.exe", b"bad"), ("b", b"")]))
    assert found == {"b": b""}
    assert notes == [("results.json\\x00.exe", "its name holds a backslash or a zero byte")]


NAMES = (
    st.text(alphabet="ab./\\:\0~ \n\u00e9\U0001f600", max_size=30) | st.text(max_size=300) | st.just("../" * 20 + "x")
)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@settings(max_examples=60, deadline=None)
@given(names=st.lists(NAMES, max_size=8), is_zip=st.booleans(), kind=st.sampled_from(sorted(FORMATS)))
def test_no_name_leads_out_of_the_folder(tmp_path_factory, names, is_zip, kind):
    """Whatever members are called, only plain files below the folder come of it, and each is told or written."""
    place = tmp_path_factory.mktemp("names")
    entries = [
        (name, name.encode("utf-8", "replace")) for name in names if name.encode("utf-8", "ignore").decode() == name
    ]
    if kind == "ustar":
        entries = [entry for entry in entries if len(entry[0].encode()) <= 100]
    data = zip_of(entries) if is_zip else tar_of(entries, kind)
    found, _ = unpacked(place, "archive", data)
    assert names_in(place) == ["archive", "out"]
    assert not any(path.is_symlink() for path in place.rglob("*"))
    assert set(found.values()) <= {content for _, content in entries}


def test_links_and_devices_are_left_out(tmp_path):
    """No link is made, so none can be written through; devices and pipes are not made either."""
    outside = tmp_path / "outside"
    outside.mkdir()
    place = tmp_path / "in"
    place.mkdir()
    entries = [
        link_to("link", str(outside)),
        ("link/through", b"stays inside"),
        link_to("hosts", "/etc/hosts"),
        ("hosts", b"own"),
        link_to("hard", "/etc/hosts", tarfile.LNKTYPE),
        link_to("pipe", "", tarfile.FIFOTYPE),
        link_to("null", "", tarfile.CHRTYPE),
        link_to("disk", "", tarfile.BLKTYPE),
    ]
    found, notes = unpacked(place, "a.tar", tar_of(entries))
    assert found == {"link/through": b"stays inside", "hosts": b"own"}
    assert names_in(outside) == []
    link, device = "it is a link", "it is a device"
    assert notes == [
        *(("link", link), ("hosts", link), ("hard", link)),
        *(("pipe", "it is a pipe"), ("null", device), ("disk", device)),
    ]


def test_links_in_zip_files_are_left_out(tmp_path):
    """A zip marks links by their mode; the target is not written as if it were content."""
    link, pipe, plain = (zipfile.ZipInfo(name) for name in ("link", "pipe", "plain"))
    for info, mode in ((link, stat.S_IFLNK), (pipe, stat.S_IFIFO), (plain, stat.S_IFREG)):
        info.create_system, info.external_attr = 3, (mode | 0o777) << 16
    found, notes = unpacked(tmp_path, "a.zip", zip_of([(link, b"/etc"), (pipe, b""), (plain, b"1")]))
    assert found == {"plain": b"1"}
    assert notes == [("link", "it is a link"), ("pipe", "it is no plain file")]


def test_members_that_cannot_be_read_are_left_out(tmp_path):
    """Encrypted members, compressions without a bound and sparse files are noted; the rest is read."""
    data = bytearray(zip_of([("locked", b"1"), ("open", b"2")], zipfile.ZIP_STORED))
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + place] |= 1
    found, notes = unpacked(tmp_path, "a.zip", bytes(data))
    assert (found, [what for what, why in notes if "encrypted" in why]) == ({"open": b"2"}, ["locked"])
    found, notes = unpacked(tmp_path, "b.zip", zip_of([("x", b"1")], zipfile.ZIP_BZIP2))
    assert (found, notes) == ({}, [("x", "its compression (method 12) is not read")])
    sparse = tarfile.TarInfo("sparse")
    sparse.type, sparse.pax_headers = tarfile.REGTYPE, {"GNU.sparse.major": "1"}
    found, notes = unpacked(tmp_path, "c.tar", tar_of([sparse, link_to("old", "", b"S"), ("z", b"3")]))
    assert (found, notes) == ({"z": b"3"}, [("sparse", "it is no plain file"), ("old", "it is no plain file")])


@pytest.mark.parametrize("pack", [tar_of, zip_of])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_one_name_the_first_counts(tmp_path, pack):
    """A second member of a name, a file where a folder is, and a folder where a file is, are noted."""
    entries = [("a", b"1"), ("a", b"2"), ("./a", b"3"), ("a/b", b"4"), ("c/d", b"5"), ("c", b"6"), ("c/d/e/f", b"7")]
    found, notes = unpacked(tmp_path, "x", pack(entries))
    assert found == {"a": b"1", "c/d": b"5"}
    assert [what for what, why in notes if why == "another member has its name; the first counts"] == [
        *("a", "./a", "a/b"),
        *("c", "c/d/e/f"),
    ]


def test_names_that_are_no_legal_text_are_read(tmp_path):
    """Bytes that are no UTF-8 become replacement signs in a tar; a zip's are read as its first version has them."""
    assert unpacked(tmp_path, "a.tar", tar_of([("x\udce9", b"1")], "gnu")) == ({"x\ufffd": b"1"}, [])
    utf_8 = zip_of([("\u00e9\u00e9", b"1")]).replace(b"\xc3\xa9\xc3\xa9", b"\x82\xff\xfe\x82")
    without_flag = utf_8.replace(b"\x00\x08\x08\x00", b"\x00\x00\x08\x00")
    assert utf_8 != without_flag
    for data in (utf_8, without_flag):
        assert unpacked(tmp_path, "a.zip", data) == ({"\u00e9\u00a0\u25a0\u00e9": b"1"}, [])
    unflagged = zip_of([("\u00e9", b"1")]).replace(b"\x00\x08\x08\x00", b"\x00\x00\x08\x00")
    assert unpacked(tmp_path, "a.zip", unflagged) == ({"\u00e9": b"1"}, [])
