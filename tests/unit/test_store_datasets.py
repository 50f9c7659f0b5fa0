"""Data sets are kept in whole versions that get numbers of their own."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evaltrail.core.errors import InputError, StorageError
from evaltrail.store.dataset_store import DatasetFacts, DatasetStore

FACTS = DatasetFacts(
    name="handbook",
    digest="d" * 32,
    count=1,
    upload_ids=("u" * 32,),
    generation_id="g1",
    run_id="r1",
    settings={"window_size": 4, "types": {"simple": 3}, "share": 0.5, "personas": ["a", None]},
)


def _build(text):
    return lambda folder: Path(folder, "questions.csv").write_text(text) and None


def _broken_build(folder):
    Path(folder, "questions.csv").write_text("half")
    raise ValueError("the writer broke")


def test_a_data_set_comes_back_as_it_was_added(tmp_path):
    """Version 1 of a new id with all that is known of it; the files lie in its folder."""
    store = DatasetStore(tmp_path / "sets")
    added = store.add(_build("1"), FACTS)
    assert (added.version, added.parent_version, added.settings) == (1, None, FACTS.settings)
    assert store.version(added.dataset_id) == store.version(added.dataset_id[:5], 1) == added
    assert store.get(added.dataset_id).versions == (added,)
    assert (store.folder(added.dataset_id) / "questions.csv").read_text() == "1"


def test_versions_follow_one_another(tmp_path):
    """The next number, the parent it was edited from, and the older version as it was."""
    store = DatasetStore(tmp_path)
    first = store.add(_build("1"), FACTS)
    second = store.add_version(first.dataset_id, _build("2"), FACTS)
    third = store.add_version(first.dataset_id[:6], _build("3"), FACTS, parent=1)
    assert [second.parent_version, third.parent_version] == [1, 1]
    assert store.get(first.dataset_id).latest == store.version(first.dataset_id) == third
    assert store.get(first.dataset_id).versions == (first, second, third)
    assert (store.folder(first.dataset_id, 1) / "questions.csv").read_text() == "1"


def test_versions_that_are_added_at_once_get_different_numbers(tmp_path):
    """However many write at the same time: no number twice, none lost."""
    dataset_id = DatasetStore(tmp_path).add(_build("1"), FACTS).dataset_id
    with ThreadPoolExecutor(8) as pool:
        added = list(
            pool.map(lambda place: DatasetStore(tmp_path).add_version(dataset_id, _build(str(place)), FACTS), range(12))
        )
    assert sorted(each.version for each in added) == list(range(2, 14))
    assert [each.version for each in DatasetStore(tmp_path).get(dataset_id).versions] == list(range(1, 14))


@pytest.mark.parametrize("is_first", [True, False])
def test_a_writer_that_breaks_leaves_nothing(tmp_path, is_first):
    """A version is there whole or not at all."""
    store = DatasetStore(tmp_path)
    known = store.add(_build("1"), FACTS)
    with pytest.raises(ValueError, match="the writer broke"):
        store.add(_broken_build, FACTS) if is_first else store.add_version(known.dataset_id, _broken_build, FACTS)
    assert [each.versions for each in store.list()] == [(known,)]
    assert list((tmp_path / ".incoming").iterdir()) == []


def test_only_the_owner_can_read_data_sets(tmp_path):
    """Folders are 0700 and files 0600, also those that a writer made otherwise."""
    store = DatasetStore(tmp_path / "sets")
    added = store.add(_build("1"), FACTS)
    store.add_version(added.dataset_id, _build("2"), FACTS)
    for path in (tmp_path / "sets").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_data_sets_are_listed_newest_first_and_in_parts(tmp_path):
    """A part goes on after the last id of the part before; a broken data set does not hide the others."""
    store = DatasetStore(tmp_path)
    assert store.list() == ()
    ids = [store.add(_build("x"), FACTS).dataset_id for _ in range(4)]
    assert [each.id for each in store.list()] == ids[::-1]
    assert [each.id for each in store.list(after=ids[3], limit=2)] == [ids[2], ids[1]]
    (store.folder(ids[2]) / "about.json").write_text("{")
    assert [each.id for each in store.list()] == [ids[3], ids[1], ids[0]]
    with pytest.raises(InputError, match="cannot be read") as refused:
        store.get(ids[2])
    assert refused.value.code == "broken_dataset"


@pytest.mark.parametrize("given", ["", "zz", "../x", "0" * 16])
def test_an_unknown_data_set_is_refused(tmp_path, given):
    """Ids of nothing, and texts that are no ids."""
    store = DatasetStore(tmp_path)
    known = store.add(_build("1"), FACTS)
    with pytest.raises(InputError, match="no data set has the id") as refused:
        store.add_version(given, _build("2"), FACTS)
    assert refused.value.code == "unknown_id"
    mistyped = known.dataset_id[:-1] + ("0" if known.dataset_id[-1] != "0" else "1")
    with pytest.raises(InputError, match=f"did you mean '{known.dataset_id}'"):
        store.get(mistyped)


def test_a_prefix_of_several_ids_is_refused(tmp_path):
    """The error shows them."""
    for name in ("ab00000000000000", "ab11111111111111"):
        (tmp_path / name / "1").mkdir(parents=True)
    with pytest.raises(InputError, match="ab00000000000000, ab11111111111111") as refused:
        DatasetStore(tmp_path).folder("ab")
    assert refused.value.code == "ambiguous_id"


@pytest.mark.parametrize("number", [0, 2, -1])
def test_an_unknown_version_is_refused(tmp_path, number):
    """The error says which there are; nothing is added below a parent that is not there."""
    store = DatasetStore(tmp_path)
    known = store.add(_build("1"), FACTS)
    with pytest.raises(InputError, match="it has version 1 alone") as refused:
        store.version(known.dataset_id, number)
    assert refused.value.code == "unknown_version"
    with pytest.raises(InputError, match="no version"):
        store.add_version(known.dataset_id, _build("2"), FACTS, parent=number)
    assert len(store.get(known.dataset_id).versions) == 1


def test_a_version_is_found_by_what_made_it(tmp_path):
    """The latest of a generation and of an MLflow run, also of a run that was noted later."""
    store = DatasetStore(tmp_path)
    first = store.add(_build("1"), FACTS)
    second = store.add_version(first.dataset_id, _build("2"), FACTS)
    assert store.of_generation("g1") == second
    assert store.of_run("r1") == second
    noted = store.note_run(first, "r2")
    assert noted.run_id == "r2"
    assert store.of_run("r2") == noted == store.version(first.dataset_id, 1)
    assert store.of_run("") is store.of_generation("") is store.of_run("other") is None


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    """A file where the folder should be is no traceback."""
    (tmp_path / "sets").write_text("")
    assert DatasetStore(tmp_path / "sets").list() == ()
    with pytest.raises(StorageError, match="cannot make the folder"):
        DatasetStore(tmp_path / "sets").add(_build("1"), FACTS)
