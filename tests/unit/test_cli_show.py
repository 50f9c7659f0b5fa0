"""What is printed."""

from __future__ import annotations

import pytest

from evaltrail.cli.show import print_text, progress_text, table
from evaltrail.core.progress import Progress


def test_control_characters_never_reach_the_terminal(capsys):
    """A model's output cannot clear the screen or set the title; lines and tabs stay."""
    print_text("a\x1b[2Jb\tc\nd\x07\x9b")
    assert capsys.readouterr().out == "a\ufffd[2Jb\tc\nd\ufffd\ufffd\n"


def test_a_table_is_as_wide_as_its_words():
    """Columns are aligned; numbers stand flush right."""
    assert table(["a", "n"], [["long", "1"], ["x", "22"]], numbers=(1,)) == "a      n\n----  --\nlong   1\nx     22"


@pytest.mark.parametrize(
    ("progress", "seconds", "had", "text"),
    [
        (
            Progress(task="t", done=50, total=200, errors={"garbage": 2}, tokens=1234),
            5.0,
            0,
            "t [#####...............] 50/200  10/s  ETA 15 s  1,234 tokens  2 garbage",
        ),
        (Progress(task="t", done=150, total=200), 5.0, 100, "t [###############.....] 150/200  10/s  ETA 5 s"),
        (Progress(task="t", done=0, total=200), 0.0, 0, "t [....................] 0/200  0/s"),
        (Progress(task="t", done=7, total=None), 7.0, 0, "t 7  1/s"),
    ],
)
def test_progress_tells_rate_and_time_left(progress, seconds, had, text):
    """Rate and ETA count only what was done since this process began; errors are told by reason."""
    assert progress_text(progress, seconds=seconds, had=had) == text
