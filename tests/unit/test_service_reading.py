"""The wall before readers: what a stranger's reader does wrong is told by path, and nothing else suffers."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from evaltrail.core.artifact import Artifact
from evaltrail.core.errors import InputError
from evaltrail.core.source import Evidence, Source
from evaltrail.readers.detect import Found
from evaltrail.service.gathering.land import read_unit
from evaltrail.service.gathering.survey import Unit
from mlflow_bundles import some_bundle, some_samples, some_task


class Reads:
    """A reader that returns what it was given, or raises it."""

    def __init__(self, **results):
        self.results = results

    def sniff(self, source):
        raise AssertionError(f"it was found already: {source}")

    def read(self, source):
        found = self.results[source.path.stem]
        if isinstance(found, Exception):
            raise found
        return found


def unit(folder, *names, group=""):
    heads = []
    for name in names:
        (folder / f"{name}.json").write_text("{}")
        source = Source(path=folder / f"{name}.json", root=folder)
        heads.append(Found(source=source, reader="r", evidence=Evidence(confidence=1, why="said", group=group)))
    return Unit(label="u", heads=tuple(heads), group=group, places=names)


def test_a_reader_that_stumbles_is_an_error_with_the_path(tmp_path):
    """Whatever it raises; of a group the others are read, and the whole says what is missing."""
    readers = {"r": Reads(bad=ValueError("no dice"), good=some_bundle(tmp_path / "b"))}
    with pytest.raises(InputError, match="reader r stumbled over it: ValueError: no dice") as refused:
        read_unit(unit(tmp_path, "bad"), readers)
    assert refused.value.where == str(tmp_path / "bad.json")
    whole, errors = read_unit(unit(tmp_path, "bad", "good", group="g"), readers)
    assert [error.where for error in errors] == [str(tmp_path / "bad.json")]
    assert whole.skipped[0].what == str(tmp_path / "bad.json")
    assert len(whole.tasks) == 1


def test_a_group_that_cannot_be_read_at_all_names_each_file(tmp_path):
    """One error for the unit, every path and reason in it."""
    readers = {"r": Reads(a=InputError("cut off", where="a.json"), b=KeyError("x"))}
    with pytest.raises(InputError, match=r"none of its 2 results can be read: a\.json: cut off; .*b\.json: reader r"):
        read_unit(unit(tmp_path, "a", "b", group="g"), readers)


def test_a_file_that_went_away_is_an_error_of_its_own(tmp_path):
    """Between the walk and the reading somebody removed it."""
    gone = unit(tmp_path, "a")
    (tmp_path / "a.json").unlink()
    with pytest.raises(InputError, match=r"a\.json: cannot be read: No such file"):
        read_unit(gone, {"r": Reads()})


def test_samples_that_stumble_while_they_are_read_are_told_the_same_way(tmp_path):
    """The stream is read long after the reader returned; its faults are still the reader's."""

    class Stumbles:
        def __iter__(self):
            yield from some_samples(2)
            raise RuntimeError("line 3")

    bundle = some_bundle(tmp_path / "b", tasks=(replace(some_task(), samples=Stumbles()),))
    whole, _ = read_unit(unit(tmp_path, "a"), {"r": Reads(a=bundle)})
    rows = iter(whole.tasks[0].samples)
    assert [next(rows).id, next(rows).id] == ["s0", "s1"]
    with pytest.raises(InputError, match="stumbled over it: RuntimeError: line 3"):
        next(rows)
    assert next(iter(whole.tasks[0].samples)).id == "s0"


def test_files_whose_names_are_no_text_are_left_out(tmp_path):
    """No database takes such a name; the receipt says which file it was."""
    odd = Artifact(path="\udcff.json", file=Path(os.fsdecode(bytes(tmp_path) + b"/\xff.json")))
    bundle = replace(some_bundle(tmp_path / "b"), artifacts=(odd,))
    whole, _ = read_unit(unit(tmp_path, "a"), {"r": Reads(a=bundle)})
    assert whole.artifacts == ()
    assert [item.what for item in whole.skipped] == ["artifact \\udcff.json"]


def test_the_same_result_from_two_files_gets_two_identities(tmp_path):
    """Only where a reader gives both the same id; the copy says whose bytes it has."""
    one, two = some_bundle(tmp_path / "b"), some_bundle(tmp_path / "b", identity="other")
    first = unit(tmp_path, "a")
    for found, is_same in ((one, True), (two, False)):
        copy = replace(unit(tmp_path, "b"), label="copy", copy_of=first)
        bundle, _ = read_unit(copy, {"r": Reads(a=one, b=found)})
        assert (bundle.id != found.id) is is_same
        assert bool(bundle.skipped) is is_same
