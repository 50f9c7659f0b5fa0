"""Journals of parts, read as one task's samples."""

from __future__ import annotations

import resource

from hypothesis import given
from hypothesis import strategies as st

from evaltrail.bundle.journal import JoinedSamples, Journal, JournalSamples
from evaltrail.core.sample import Sample

PLACES = [(index, repeat) for index in range(8) for repeat in range(3)]


def written(file, places, output="") -> None:
    with Journal(file, repeats=3) as journal:
        for index, repeat in places:
            journal.append(Sample(id=f"s{index}", index=index, repeat=repeat, output=output or f"{index}.{repeat}"))


@given(order=st.permutations(PLACES), names=st.lists(st.integers(0, 4), min_size=len(PLACES), max_size=len(PLACES)))
def test_parts_are_read_as_the_whole(tmp_path_factory, order, names):
    """Whoever wrote which sample when, they come back as from one journal."""
    folder = tmp_path_factory.mktemp("parts")
    written(folder / "whole.jsonl", order)
    for name in range(4):
        written(folder / f"{name}.jsonl", [place for place, by in zip(order, names, strict=True) if by == name])
    last = [place for place, by in zip(order, names, strict=True) if by == 4]
    if last:
        written(folder / "4.jsonl", last)
    joined = JoinedSamples([folder / f"{name}.jsonl" for name in range(5)])
    assert list(joined) == list(joined) == list(JournalSamples(folder / "whole.jsonl"))


def test_nothing_asked_yet_is_no_error(tmp_path):
    """Missing and empty journals have no samples."""
    (tmp_path / "empty.jsonl").touch()
    assert list(JoinedSamples([])) == list(JoinedSamples([tmp_path / "gone.jsonl", tmp_path / "empty.jsonl"])) == []


def test_a_sample_that_stands_twice_counts_once(tmp_path):
    """The row of the earlier journal counts, and within one the earlier row: it was there first."""
    one, two = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    written(one, [(1, 0)], "first")
    written(one, [(1, 0)], "again")
    written(two, [(0, 0), (1, 0), (2, 0)], "late")
    assert [sample.output for sample in JoinedSamples([one, two])] == ["late", "first", "late"]


def test_torn_rows_are_passed_over(tmp_path):
    """What a crash cut off is no sample, in any part."""
    for number in range(2):
        written(tmp_path / f"{number}.jsonl", [(number * 2, 0), (number * 2 + 1, 0)])
        whole = (tmp_path / f"{number}.jsonl").read_bytes()
        (tmp_path / f"{number}.jsonl").write_bytes(whole[:-20])
    samples = JoinedSamples([tmp_path / "1.jsonl", tmp_path / "0.jsonl"])
    assert [sample.index for sample in samples] == [0, 2]


def test_there_may_be_more_parts_than_open_files(tmp_path):
    """One journal is open at a time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = [tmp_path / f"{number}.jsonl" for number in range(300)]
    row = '{{"id":"s{0}","index":{0}}}\n'
    for number, file in enumerate(files):
        file.write_text(row.format(number))
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        assert [sample.index for sample in JoinedSamples(files)] == list(range(300))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
