"""The log of judges' answers: what was paid for is found again, torn rows are passed over."""

from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.bundle.answer_log import AnswerLog, answer_logs_below
from evaltrail.core.answer import Answer
from evaltrail.core.errors import StorageError


def kept(file, request):
    """What a fresh log finds in a file."""
    with closing(AnswerLog(file)) as log:
        return log.find(request)


@given(text=st.text(min_size=1), reasoning=st.text(), tokens=st.integers(0, 10**6))
def test_what_is_kept_is_found_again(tmp_path_factory, text, reasoning, tokens):
    """Any answer comes back as it was; from another evaluation's file without what it cost there."""
    file = tmp_path_factory.mktemp("log") / "judges.answers"
    answer = Answer(text=text, reasoning=reasoning, completion_tokens=tokens, latency_s=2.5, attempts=3)
    with closing(AnswerLog(file)) as log:
        log.keep("r1", answer)
    assert kept(file, "r1") == answer
    assert kept(file, "r2") is None
    with closing(AnswerLog(file.with_name("other"), [file])) as other:
        assert other.find("r1") == Answer(text=text, reasoning=reasoning, completion_tokens=tokens, attempts=0)


def test_a_torn_row_is_passed_over_and_closed(tmp_path):
    """A power cut tears the last row only; what is kept after it is whole."""
    file = tmp_path / "judges.answers"
    with closing(AnswerLog(file)) as log:
        log.keep("whole", Answer(text="a"))
        log.keep("torn", Answer(text="b"))
    file.write_bytes(file.read_bytes()[:-7])
    with closing(AnswerLog(file)) as log:
        assert log.find("torn") is None
        log.keep("next", Answer(text="c"))
    assert kept(file, "whole").text == "a"
    assert kept(file, "next").text == "c"


def test_earlier_files_are_looked_into(tmp_path):
    """Answers of other evaluations serve where they may; the log's own come first."""
    for name, text in (("early", "old"), ("own", "new")):
        with closing(AnswerLog(tmp_path / name)) as log:
            log.keep("r", Answer(text=text))
            log.keep(name, Answer(text=name))
    with closing(AnswerLog(tmp_path / "own", [tmp_path / "early"])) as log:
        assert log.find("r").text == "new"
        assert log.find("early").text == "early"


def test_a_log_that_cannot_be_made_is_told(tmp_path):
    """By its path, as every refusal of the disk."""
    with pytest.raises(StorageError) as caught:
        AnswerLog(tmp_path / "missing" / "judges.answers")
    assert "judges.answers" in caught.value.where


def test_the_logs_of_a_home_are_found(tmp_path):
    """Those of finished evaluations and of those that were cut short."""
    files = [tmp_path / "runs/a/answers/judges.answers", tmp_path / "work/b/judges.answers"]
    for file in files:
        file.parent.mkdir(parents=True)
        file.touch()
    assert sorted(answer_logs_below(tmp_path)) == sorted(files)


def test_a_file_that_goes_away_holds_nothing(tmp_path):
    """Another process ends its evaluation or removes it: what it held is asked again, and the run goes on."""
    early = tmp_path / "early"
    with closing(AnswerLog(early)) as log:
        log.keep("r", Answer(text="old"))
    with closing(AnswerLog(tmp_path / "own", [early, tmp_path / "never"])) as log:
        early.unlink()
        assert log.find("r") is None


def test_a_log_that_goes_away_while_they_are_listed_is_no_error(tmp_path):
    """A link to nothing is what a removed file looks like between its listing and its reading."""
    folder = tmp_path / "work" / "a"
    folder.mkdir(parents=True)
    (folder / "judges.answers").symlink_to(tmp_path / "gone")
    assert answer_logs_below(tmp_path) == [folder / "judges.answers"]
