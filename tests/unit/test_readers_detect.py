"""The walk through what a user gave: who claims what, what is not entered, and what cannot be opened."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from evaltrail.core.delivery import Skipped
from evaltrail.core.errors import InputError
from evaltrail.core.source import HEAD_BYTES, Evidence
from evaltrail.readers.detect import Found, find_results


class Claims:
    """A reader that claims files and folders by their names, and notes what it was shown.

    Args:
        names: file or folder name to confidence.
    """

    def __init__(self, **names: float) -> None:
        self.names = {name.replace("_", "."): confidence for name, confidence in names.items()}
        self.shown = []

    def sniff(self, source):
        self.shown.append(source)
        confidence = self.names.get(source.name)
        return None if confidence is None else Evidence(confidence=confidence, why="by its name")

    def read(self, source):
        raise AssertionError(f"nothing is read yet: {source}")


class Stumbles(Claims):
    def sniff(self, source):
        message = f"no {source.name}"
        raise KeyError(message)


@contextmanager
def nobody():
    """A user who may not open everything: root may, so for a while it is somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder():
    """A folder everybody may walk into: the test runner closes its own ones, at any time, to all but their owner."""
    with TemporaryDirectory(prefix="evaltrail-open-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def put(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def claimed(found, root):
    return [str(item.source.path.relative_to(root)) for item in found if isinstance(item, Found)]


def passed(found, root):
    return {os.path.relpath(item.what, root): item.why for item in found if isinstance(item, Skipped)}


def test_the_surest_reader_gets_the_file_and_of_equals_the_first(tmp_path):
    """A reader never sees more than a file's beginning; the walk goes in the order of names."""
    put(tmp_path, "b.json", "a.json", "sub/c.json")
    (tmp_path / "a.json").write_bytes(b"x" * (HEAD_BYTES + 10))
    readers = {
        "first": Claims(a_json=0.5, b_json=0.5, c_json=0.2),
        "second": Claims(a_json=0.9, b_json=0.5),
    }
    found = list(find_results(tmp_path, readers, evaluation="beir"))
    assert claimed(found, tmp_path) == ["a.json", "b.json", "sub/c.json"]
    assert [item.reader for item in found] == ["second", "first", "first"]
    files = [source for source in readers["first"].shown if not source.is_folder]
    assert [len(source.head) for source in files] == [HEAD_BYTES, 6, 10]
    assert {source.evaluation for source in readers["first"].shown} == {"beir"}
    assert {source.root for source in readers["first"].shown} == {tmp_path}


def test_a_claimed_folder_is_not_looked_into(tmp_path):
    """What lies in it belongs to its result."""
    put(tmp_path, "job/a.json", "other/a.json")
    found = list(find_results(tmp_path, {"one": Claims(job=0.9, a_json=0.9)}))
    assert claimed(found, tmp_path) == ["job", "other/a.json"]


def test_what_nobody_knows_is_named_with_the_reason(tmp_path):
    """Unknown, empty, hidden folders, pipes; what the user excludes is not even opened."""
    put(tmp_path, "a.txt", ".git/config", "left/a.json", "b.log")
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    reader = Claims(a_json=1)
    found = list(
        find_results(tmp_path, {"one": reader}, is_excluded=lambda path, root: path in {root / "left", root / "b.log"})
    )
    assert passed(found, tmp_path) == {
        ".git": "a hidden folder; name it to have it read",
        "a.txt": "no reader knows it",
        "empty": "it is empty",
        "pipe": "it is neither a file nor a folder",
    }
    assert {source.path.name for source in reader.shown} == {tmp_path.name, "a.txt", "empty"}
    hidden = list(find_results(tmp_path / ".git", {"one": Claims(config=1)}))
    assert claimed(hidden, tmp_path / ".git") == ["config"]


def test_links_are_followed_within_the_place_only_and_folders_once(tmp_path):
    """A link that leads out, in a ring or to a folder walked anyway is named; one to a hidden store is followed."""
    place = put(tmp_path / "place", "real/a.json", ".store/a.json", "b.json")
    put(tmp_path, "outside/a.json")
    links = {
        "away": tmp_path / "outside",
        "away.json": tmp_path / "outside/a.json",
        "again": place / "real",
        "up": place,
    }
    links |= {"ring": place / "ring", "gone": place / "gone.json", "stored": place / ".store", "link": place / "b.json"}
    for name, target in links.items():
        (place / name).symlink_to(target)
    found = list(find_results(place, {"one": Claims(a_json=1, b_json=1, link=1)}))
    assert claimed(found, place) == ["b.json", "link", "real/a.json", "stored/a.json"]
    told = passed(found, place)
    assert {name: why.split()[0:4] for name, why in told.items()} == {
        ".store": ["a", "hidden", "folder;", "name"],
        "again": ["a", "link", "to", f"{place / 'real'},"],
        "away": ["the", "link", "leads", "out"],
        "away.json": ["the", "link", "leads", "out"],
        "gone": ["the", "link", "leads", "nowhere"],
        "ring": ["the", "link", "leads", "nowhere"],
        "up": ["a", "link", "to", f"{place},"],
    }


def test_a_link_that_was_given_itself_is_followed(tmp_path):
    """What the user names is what the user means, wherever it leads."""
    put(tmp_path, "real/a.json")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "a.json").symlink_to(tmp_path / "real" / "a.json")
    reader = Claims(a_json=1)
    assert claimed(find_results(tmp_path / "link", {"one": reader}), tmp_path) == ["link/a.json"]
    assert claimed(find_results(tmp_path / "a.json", {"one": reader}), tmp_path) == ["a.json"]


def test_what_cannot_be_opened_is_an_error_and_the_walk_goes_on(open_folder):
    """It may be a result: a file or folder without permission, a name that is no text; each by its path."""
    put(open_folder, "a.json", "closed.json", "closed/a.json", "z.json")
    for name in ("closed.json", "closed"):
        (open_folder / name).chmod(0)
    Path(os.fsdecode(bytes(open_folder) + b"/\xff.json")).touch()
    with nobody():
        found = list(find_results(open_folder, {"one": Claims(a_json=1, z_json=1)}))
    (open_folder / "closed").chmod(0o700)
    assert claimed(found, open_folder) == ["a.json", "z.json"]
    errors = {os.path.relpath(item.where, open_folder): item for item in found if isinstance(item, InputError)}
    assert set(errors) == {"closed.json", "closed", "\\udcff.json"}
    assert "Permission denied" in errors["closed"].message
    assert "UTF-8" in errors["\\udcff.json"].message


def test_a_reader_that_stumbles_does_not_stop_the_others(tmp_path):
    """A broken plugin fails alone; where nobody else knows the file, it is named."""
    put(tmp_path, "a.json", "b.json")
    found = list(find_results(tmp_path, {"broken": Stumbles(), "one": Claims(a_json=0.1)}))
    assert claimed(found, tmp_path) == ["a.json"]
    assert passed(found, tmp_path) == {"b.json": "reader broken stumbled over it: KeyError: 'no b.json'"}


def test_an_archive_is_walked_like_a_folder_but_no_archive_in_it(tmp_path):
    """Its members have the folder it was unpacked to as root; a broken one is an error; readers come first."""
    put(tmp_path, "results.zip", "broken.zip", "log.eval")
    inner = put(tmp_path.parent / f"{tmp_path.name} unpacked", "a.json")
    (inner / "inner.zip").write_bytes(b"PK\x03\x04 and so on")

    def unpack(path, head):
        if path.name == "broken.zip":
            raise InputError("it is cut off", where=str(path))
        assert head == path.name.encode()
        return inner if path.suffix == ".zip" else None

    found = list(find_results(tmp_path, {"one": Claims(a_json=1, log_eval=1)}, unpack=unpack))
    files = [(item.source.path, item.source.root) for item in found if isinstance(item, Found)]
    assert files == [(tmp_path / "log.eval", tmp_path), (inner / "a.json", inner)]
    assert [str(item) for item in found if isinstance(item, InputError)] == [
        f"{tmp_path / 'broken.zip'}: it is cut off (correct it, then run again)"
    ]
    assert passed(found, inner) == {
        "inner.zip": "an archive in an archive; unpack the outer one yourself to have it read"
    }


def test_a_given_file_goes_to_the_reader_that_was_asked_for(tmp_path):
    """With a format named, the file itself is read whatever it looks like; files below a folder still have to fit."""
    put(tmp_path, "a.txt")
    reader = {"one": Claims()}
    (found,) = find_results(tmp_path / "a.txt", reader, is_forced=True)
    assert (found.reader, found.evidence.why) == ("one", "asked for")
    assert claimed(find_results(tmp_path, reader, is_forced=True), tmp_path) == []
    assert claimed(find_results(tmp_path / "a.txt", reader), tmp_path) == []


def test_folders_beyond_the_bound_are_named(tmp_path):
    """A tree without end ends: what lies deeper than 64 folders is told, not walked."""
    deep = tmp_path.joinpath(*["d"] * 66)
    put(deep, "a.json")
    found = list(find_results(tmp_path, {"one": Claims(a_json=1)}))
    assert list(passed(found, tmp_path).values()) == ["it lies more than 64 folders deep"]


@pytest.mark.parametrize("name", ["none", "none/below", "a\0b", "n" * 300, "\udcff"])
def test_a_place_that_is_not_there_is_an_error(tmp_path, name):
    """It says the path as it was given, as text that can be printed."""
    with pytest.raises(InputError) as refused:
        list(find_results(tmp_path / name, {}))
    assert refused.value.where.encode().decode().startswith(str(tmp_path))
    assert refused.value.code == "no_results"
