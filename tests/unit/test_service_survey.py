"""What is found becomes units of delivery: alone or together, each file once, under a label that tells it apart."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from child import start_child
from evaltrail.core.errors import InputError
from evaltrail.core.source import Evidence
from evaltrail.readers.catalog import READERS
from evaltrail.service.gathering.survey import Search, load_readers, survey
from evaltrail.service.gathering.unpacking import Unpacking
from service_results import BEIR, write


class Grouped:
    """A reader of `*.json` that puts the files of a folder called ``set*`` together."""

    def sniff(self, source):
        if source.is_folder or source.path.suffix != ".json":
            return None
        folder = source.path.parent
        group = str(folder) if folder.name.startswith("set") else ""
        return Evidence(confidence=0.9, why="json", group=group, group_name=folder.name if group else "")

    def read(self, source):
        raise AssertionError(f"nothing is read yet: {source}")


READER = {"grouped": Grouped()}


@pytest.fixture
def found(tmp_path):
    """What a search below some places of tmp_path finds."""

    def search(*places, **options):
        with Unpacking(tmp_path / "unpacked") as unpacking:
            paths = tuple(tmp_path / place for place in places)
            return survey(Search(paths=paths, **options), READER, unpacking)

    return search


def labels(surveyed):
    return [unit.label for unit in surveyed.units]


def zipped(file, members):
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)


def test_what_belongs_together_is_one_unit_unless_each_file_is_to_be_one(tmp_path, found):
    """A group has its common folder as label and the producer's word for it as name."""
    write(tmp_path / "in", {"set1/a.json": "1", "set1/b/c.json": "2", "set1/d.json": "3", "alone.json": "4"})
    whole = found("in")
    assert labels(whole) == ["alone.json", "set1", "set1/b/c.json"]
    group = whole.units[1]
    assert (group.name, group.group, len(group.heads)) == ("set1", str(tmp_path / "in" / "set1"), 2)
    assert group.places == ("set1/a.json", "set1/d.json")
    apart = found("in", layout="per_file")
    assert labels(apart) == ["alone.json", "set1/a.json", "set1/b/c.json", "set1/d.json"]
    assert {(unit.name, unit.group) for unit in apart.units} == {("", "")}


def test_labels_are_short_as_long_as_they_are_clear(tmp_path, found):
    """Below one place relative to it; of several places with the place's name; longer where that is not enough."""
    write(tmp_path, {"one/r/a.json": "1", "two/r/a.json": "2", "one/b.json": "3"})
    assert labels(found("one")) == ["b.json", "r/a.json"]
    assert labels(found("one/r/a.json")) == ["a.json"]
    assert labels(found("one", "two")) == ["one/b.json", "one/r/a.json", "two/r/a.json"]
    assert labels(found("one/r", "two/r")) == ["one/r/a.json", "two/r/a.json"]
    everything = labels(found("one/r/a.json", "two/r/a.json"))
    assert everything == [str(tmp_path / "one/r/a.json"), str(tmp_path / "two/r/a.json")]


def test_members_of_archives_bear_the_archives_name(tmp_path, found):
    """The path of the archive, then that in it; the folders above it are kept for the readers' eyes."""
    zipped(tmp_path / "in/beir/r.zip", {"x/a.json": "1"})
    zipped(tmp_path / "in/mtbench/r.zip", {"x/a.json": "1"})
    both = found("in")
    assert labels(both) == ["beir/r.zip/x/a.json", "mtbench/r.zip/x/a.json"]
    assert both.units[1].copy_of is both.units[0]
    assert both.units[0].heads[0].source.path.parts[-5:] == ("in", "beir", "r", "x", "a.json")
    assert labels(found("in/beir/r.zip")) == ["r.zip/x/a.json"]
    assert not list((tmp_path / "unpacked").iterdir())


def test_the_same_bytes_again_are_a_copy_of_the_first(tmp_path, found):
    """Of single files and of groups alike; the same size alone is no copy."""
    write(tmp_path / "in", {"a.json": "11", "b.json": "12", "c.json": "11", "set1/x.json": "5", "set2/x.json": "5"})
    write(tmp_path / "in", {"set1/y.json": "6", "set2/y.json": "6"})
    copies = {unit.label: unit.copy_of.label for unit in found("in").units if unit.copy_of}
    assert copies == {"c.json": "a.json", "set2": "set1"}


def test_which_is_the_copy_does_not_depend_on_the_order_given(tmp_path, found):
    """The first of the real paths is the original, of files, links to them and archives' members alike."""
    write(tmp_path, {"in/a/r.json": "11", "in/b/r.json": "11", "in/c/r.json": "11"})
    zipped(tmp_path / "in/0.zip", {"z.json": "22"})
    zipped(tmp_path / "in/1.zip", {"z.json": "22"})
    (tmp_path / "in" / "z").symlink_to(tmp_path / "in" / "a")
    expected = {"b/r.json": "a/r.json", "c/r.json": "a/r.json", "1.zip/z.json": "0.zip/z.json"}
    for places in (("in",), ("in/c", "in/1.zip", "in/b", "in/0.zip", "in/a")):
        units = found(*places).units
        assert {unit.label: unit.copy_of.label for unit in units if unit.copy_of} == expected
        assert all(unit.copy_of is None or unit.copy_of in units for unit in units)
    linked = {unit.label: unit.copy_of.label for unit in found("in/b", "in/z").units if unit.copy_of}
    assert linked == {"b/r.json": "z/r.json"}


def test_a_file_is_found_once_however_it_is_reached(tmp_path, found):
    """Given twice, or by a link beside it: one unit, under its own name; the other name is told."""
    write(tmp_path / "in", {"b.json": "1"})
    (tmp_path / "in" / "a.json").symlink_to(tmp_path / "in" / "b.json")
    surveyed = found("in", "in/b.json", "in/../in")
    (unit,) = surveyed.units
    assert unit.heads[0].source.path == tmp_path / "in" / "b.json"
    assert {item.why for item in surveyed.passed} == {f"the same file as {tmp_path / 'in' / 'b.json'}"}


def test_filters_take_names_and_paths(tmp_path, found):
    """Globs fit the file's name, its path below the place, or its whole path; folders can be left out as one."""
    write(tmp_path / "in", {"a.json": "1", "old/b.json": "2", "new/c.json": "3", "new/broken.zip": b"PK\x03\x04"})
    assert labels(found("in", include=("a*", "new/*"), exclude=("*.zip",))) == ["a.json", "new/c.json"]
    assert labels(found("in", exclude=("old", str(tmp_path / "in/a.json"), "*.zip"))) == ["new/c.json"]
    nothing = found("in", include=("*.csv",))
    assert (nothing.units, nothing.unwanted) == ((), 3)
    assert [Path(error.where).name for error in nothing.errors] == ["broken.zip"]


def test_readers_are_loaded_by_name_ours_first():
    """An unknown name is an error that knows the near one."""
    assert list(load_readers())[: len(READERS.builtin)] == list(READERS.builtin)
    assert list(load_readers("lm_eval")) == ["lm_eval"]
    with pytest.raises(InputError, match="did you mean 'inspect'"):
        load_readers("inspekt")


def test_a_format_is_asked_for_and_a_file_is_its_own(tmp_path):
    """`--format` gives a file to that reader, whatever it looks like."""
    write(tmp_path, {"odd.txt": BEIR})
    readers = load_readers("nemo_service")
    with Unpacking(tmp_path / "unpacked") as unpacking:
        (unit,) = survey(Search(paths=(tmp_path / "odd.txt",), reader="nemo_service"), readers, unpacking).units
    assert unit.heads[0].reader == "nemo_service"


KILLED = """
    import sys, zipfile
    from pathlib import Path
    from evaltrail.service.gathering.unpacking import Unpacking
    archive = Path(sys.argv[1])
    with Unpacking(Path(sys.argv[2])) as unpacking:
        print(unpacking(archive, archive.read_bytes()), flush=True)
        sys.stdin.readline()
"""


def test_what_a_killed_command_unpacked_goes_and_what_a_living_one_reads_stays(tmp_path):
    """Each command has a folder of its own, and removes those whose command is gone."""
    archive = tmp_path / "r.zip"
    zipped(archive, {"a.json": "1"})
    place = tmp_path / "unpacked"
    with start_child(KILLED, archive, place) as dead, start_child(KILLED, archive, place) as alive:
        left, read = (Path(child.stdout.readline().strip()) for child in (dead, alive))
        dead.kill()
        dead.wait()
        assert (left / "a.json").exists()
        with Unpacking(place) as unpacking:
            mine = unpacking(archive, archive.read_bytes())
            assert [os.listdir(folder) for folder in (mine, read)] == [["a.json"], ["a.json"]]  # noqa: PTH208
            assert not left.exists()
        assert not mine.exists()
        assert (read / "a.json").exists()
        alive.communicate("go\n")
    assert not list(place.iterdir())
