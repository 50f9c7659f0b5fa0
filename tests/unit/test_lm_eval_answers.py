"""The answer journal: what was paid for is there after any end, and serves once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.errors import StorageError
from evaltrail.providers.lm_eval.answers import AnswerJournal, Kept, key_of

LIKELIHOODS = st.lists(st.tuples(st.floats(-100, 0), st.none() | st.booleans()), max_size=4).map(tuple)
ANSWERS = st.builds(Kept, key=st.sampled_from("abc"), text=st.text(max_size=20), likelihoods=LIKELIHOODS)


def keep(file, *answers):
    with AnswerJournal(file) as journal:
        for answer in answers:
            journal.keep(answer)


@given(st.lists(ANSWERS, max_size=8))
def test_answers_come_back_in_their_order_and_once(tmp_path_factory, answers):
    """The same question asked twice has two answers, each of which serves once."""
    file = tmp_path_factory.mktemp("journal") / "answers.jsonl"
    keep(file, *answers)
    with AnswerJournal(file) as journal:
        found = [journal.take(answer.key) for answer in answers]
        assert found == answers
        assert {journal.take(key) for key in "abc"} == {None}


def test_a_new_answer_is_not_its_own_run_s(tmp_path):
    """Only answers from before serve: a second sample of the same question is asked for."""
    with AnswerJournal(tmp_path / "a") as journal:
        journal.keep(Kept(key="k", text="one"))
        assert journal.take("k") is None


def test_a_torn_last_line_is_passed_over(tmp_path):
    """What a power cut left of a row costs that one answer only."""
    file = tmp_path / "a"
    keep(file, Kept(key="k", text="one"), Kept(key="l", text="two"))
    file.write_bytes(file.read_bytes()[:-5])
    keep(file, Kept(key="m", text="three"))
    with AnswerJournal(file) as journal:
        assert [journal.take(key) and True for key in "klm"] == [True, None, True]


def test_a_folder_that_is_not_there_is_a_storage_error(tmp_path):
    """The message names the file."""
    with pytest.raises(StorageError) as caught:
        AnswerJournal(tmp_path / "no" / "a")
    assert str(tmp_path) in caught.value.where


def test_a_disk_that_did_not_keep_the_last_answers_is_told():
    """Nothing is written after them that would tell it; the fsync of a device is refused."""
    with pytest.raises(StorageError, match="Invalid argument") as caught:
        keep(Path(os.devnull), Kept(key="k", text="one"))
    assert caught.value.where == os.devnull


def test_keys_tell_questions_apart():
    """Other parts, other order or another place of the same letters: another question."""
    keys = [key_of("text", "ab"), key_of("texta", "b"), key_of("ab", "text"), key_of("text", ["ab"])]
    assert len(set(keys)) == 4
    assert key_of("text", "ab", {"t": 0}) == key_of("text", "ab", {"t": 0})
