"""The journal: what was answered is never lost and never asked again."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from child import run_child
from evaltrail.bundle.answers import StoredAnswers, journals_below
from evaltrail.bundle.journal import Journal, JournalSamples
from evaltrail.core.errors import StorageError
from evaltrail.core.sample import Sample, Usage


def some_sample(index: int, repeat: int = 0, **values) -> Sample:
    return Sample(id=f"s{index}", index=index, repeat=repeat, **values)


@pytest.fixture
def file(tmp_path):
    """A journal's path."""
    return tmp_path / "0.jsonl"


def places(file) -> list[tuple[int, int]]:
    return [(sample.index, sample.repeat) for sample in JournalSamples(file)]


def test_what_was_appended_is_there_when_opened_again(file):
    """A journal knows its rows, now and after it was closed."""
    with Journal(file) as journal:
        assert not journal.has(0, 0)
        journal.append(some_sample(0))
        assert journal.has(0, 0)
        assert not journal.has(1, 0)
    with Journal(file) as journal:
        assert journal.done == {0}
        journal.append(some_sample(1))
    assert places(file) == [(0, 0), (1, 0)]


@given(st.permutations([(index, repeat) for index in range(6) for repeat in range(3)]))
def test_rows_come_back_in_the_order_of_the_data(tmp_path_factory, order):
    """However rows were finished, they are read by item and repeat; each repeat is known by itself."""
    file = tmp_path_factory.mktemp("journal") / "0.jsonl"
    with Journal(file, repeats=3) as journal:
        for index, repeat in order:
            assert not journal.has(index, repeat)
            journal.append(some_sample(index, repeat))
            assert journal.has(index, repeat)
    assert places(file) == sorted(order)


def test_samples_can_be_read_again_and_again(file):
    """Each iteration begins at the first sample."""
    with Journal(file) as journal:
        journal.append(some_sample(0, output="one\ntwo  three", reference=("é",)))
    samples = JournalSamples(file)
    assert list(samples) == list(samples) == [some_sample(0, output="one\ntwo  three", reference=("é",))]


@pytest.mark.parametrize("content", [None, ""])
def test_an_empty_or_missing_journal_has_no_samples(file, content):
    """Nothing asked yet is no error."""
    if content is not None:
        file.write_text(content)
    assert list(JournalSamples(file)) == []


@pytest.mark.parametrize("keep", range(1, 40, 6))
def test_a_torn_last_row_is_asked_again_and_harms_no_other(file, keep):
    """A row cut by a power failure does not count, and the next row begins on a line of its own."""
    with Journal(file) as journal:
        journal.append(some_sample(0))
        journal.append(some_sample(1))
    whole = file.read_bytes()
    first = whole.index(b"\n") + 1
    file.write_bytes(whole[: first + keep])
    with Journal(file) as journal:
        assert journal.done == {0}
        journal.append(some_sample(1, output="again"))
        journal.append(some_sample(2))
    assert [(sample.index, sample.output) for sample in JournalSamples(file)] == [(0, None), (1, "again"), (2, None)]


def test_a_row_without_its_line_end_still_counts(file):
    """A whole row whose line end was lost is a whole row."""
    with Journal(file) as journal:
        journal.append(some_sample(0))
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    with Journal(file) as journal:
        assert journal.done == {0}
        journal.append(some_sample(1))
    assert places(file) == [(0, 0), (1, 0)]


def test_zeros_of_a_power_cut_are_passed_over(file):
    """A file system may leave zeros where rows were promised; they are no row."""
    with Journal(file) as journal:
        journal.append(some_sample(0))
    with file.open("ab") as out:
        out.write(b"\0" * 100)
    with Journal(file) as journal:
        assert journal.done == {0}


def test_closing_twice_is_harmless(file):
    """A journal may be closed more than once."""
    journal = Journal(file)
    journal.append(some_sample(0))
    journal.close()
    journal.close()
    assert places(file) == [(0, 0)]


def test_a_journal_that_cannot_be_opened_is_told(tmp_path):
    """A folder that is not there is a StorageError naming the file."""
    with pytest.raises(StorageError) as caught:
        Journal(tmp_path / "gone" / "0.jsonl")
    assert caught.value.where.endswith("0.jsonl")


def test_a_crash_loses_nothing_that_was_appended(file):
    """A process that dies right after an append has lost no row."""
    child = run_child(
        """
        import os, sys
        from pathlib import Path
        from evaltrail.bundle.journal import Journal
        from evaltrail.core.sample import Sample
        journal = Journal(Path(sys.argv[1]))
        for index in range(57):
            journal.append(Sample(id=str(index), index=index, output="x" * index))
        os._exit(9)
        """,
        file,
    )
    assert child.returncode == 9, child.stderr
    assert [len(sample.output or "") for sample in JournalSamples(file)] == list(range(57))


def test_a_full_disk_is_told_and_keeps_the_rows_before(file):
    """When the disk is full the append is a StorageError, no half row stays, and the rows before are whole."""
    child = run_child(
        """
        import resource, sys
        from pathlib import Path
        from evaltrail.bundle.journal import Journal, JournalSamples
        from evaltrail.core.errors import StorageError
        from evaltrail.core.sample import Sample
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        file = Path(sys.argv[1])
        with Journal(file) as journal:
            try:
                for index in range(100):
                    journal.append(Sample(id=str(index), index=index, output="x" * 700))
            except StorageError as error:
                print(index, error.where == str(file), journal.has(index, 0), file.read_bytes()[-1:] == b"\\n")
        print(len(list(JournalSamples(file))))
        """,
        file,
    )
    assert child.returncode == 0, child.stderr
    first, second = child.stdout.splitlines()
    index, *claims = first.split()
    assert claims == ["True", "False", "True"]
    assert int(second) == int(index) > 5
    with Journal(file) as journal:
        assert len(journal.done) == int(index)


class Hasty(Journal):
    """A journal that is synced at once."""

    sync_s = 0.001


def test_a_disk_that_fails_to_keep_rows_is_told_though_it_says_so_once(file):
    """Linux tells of a write-back error one time: the next append and the close tell it, though all looks fine."""
    journal = Hasty(file)
    handle = next(int(each.name) for each in Path("/proc/self/fd").iterdir() if each.resolve() == file)
    own, unable = os.dup(handle), os.open(os.devnull, os.O_RDWR)  # what a device cannot do is its fsync
    os.dup2(unable, handle)
    try:
        with pytest.raises(StorageError, match="Invalid argument") as caught:  # noqa: PT012  one of many is told
            for index in range(10_000):
                journal.append(some_sample(index))
                time.sleep(0.001)
    finally:
        os.dup2(own, handle)
    assert caught.value.where == str(file)
    for use in (lambda: journal.append(some_sample(1)), journal.close):
        with pytest.raises(StorageError, match="Invalid argument"):
            use()
    for each in (own, unable):
        os.close(each)
    assert file.read_bytes() == b""


def test_stored_answers_are_found_by_their_request(file):
    """The answer store gives back what was answered, with no request counted; failures are not stored."""
    used = Usage(prompt_tokens=3, completion_tokens=4, latency_s=0.5, attempts=2)
    with Journal(file) as journal:
        journal.append(some_sample(0, request="r0", output="yes", reasoning="hm", finish_reason="stop", usage=used))
        journal.append(some_sample(1, request="r1", error="timeout"))
        journal.append(some_sample(2, request="", output="computed"))
    stored = StoredAnswers([file])
    assert len(stored) == 1
    answer = stored.find("r0")
    assert answer is not None
    assert (answer.text, answer.reasoning, answer.finish_reason) == ("yes", "hm", "stop")
    assert (answer.prompt_tokens, answer.completion_tokens, answer.attempts) == (3, 4, 0)
    assert answer.latency_s is None
    assert stored.find("r1") is None
    assert stored.find("") is None


def test_the_later_journal_wins(tmp_path):
    """Journals of finished and of cut-short evaluations are looked into, and the newest answer counts."""
    for number, folder in enumerate(["runs/a/answers", "work/b"]):
        (tmp_path / folder).mkdir(parents=True)
        with Journal(tmp_path / folder / "0.jsonl") as journal:
            journal.append(some_sample(0, request="same", output=folder))
        os.utime(tmp_path / folder / "0.jsonl", (1000 + number, 1000 + number))
    found = journals_below(tmp_path)
    assert [file.parent.name for file in found] == ["answers", "b"]
    answer = StoredAnswers(found).find("same")
    assert answer is not None
    assert answer.text == "work/b"


def test_a_journal_is_plain_json_lines(file):
    """Anyone can read a journal with a JSON parser."""
    with Journal(file) as journal:
        journal.append(some_sample(4, output="é"))
    assert json.loads(file.read_text())["output"] == "é"
