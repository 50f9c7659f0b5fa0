"""Counting the samples in journals that grow."""

from __future__ import annotations

import pytest

from evaltrail.service.history.journal_counts import JournalCounts


@pytest.fixture
def work(tmp_path):
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_journals_are_read_on_from_where_they_were_left(work):
    """A line that has not ended is no sample yet."""
    counts = JournalCounts(work)
    journal = work / "0-a.000000000.jsonl"
    journal.write_text("{}\n{")
    assert counts.count() == 1
    with journal.open("a") as rows:
        rows.write("}\n{}\n")
    (work / "1-b.000000000.jsonl").write_text("{}\n")
    (work / "run.log").write_text("no journal\n")
    assert (counts.count(), counts.count()) == (4, 4)


def test_a_journal_that_was_begun_anew_is_counted_anew(work):
    """It is shorter than what was read of it."""
    counts = JournalCounts(work)
    journal = work / "0-a.000000000.jsonl"
    journal.write_text("{}\n" * 5)
    assert counts.count() == 5
    journal.write_text("{}\n")
    assert counts.count() == 1


def test_a_folder_that_is_not_there_holds_nothing(tmp_path, work):
    """Before the first worker, and after the last one."""
    counts = JournalCounts(work)
    (work / "0-a.000000000.jsonl").write_text("{}\n")
    assert counts.count() == 1
    (work / "0-a.000000000.jsonl").unlink()
    work.rmdir()
    assert (counts.count(), JournalCounts(tmp_path / "never").count()) == (0, 0)
