"""What is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaltrail.cli.show import print_text, progress_text, results_table, skipped_lines, table
from evaltrail.core.delivery import Skipped
from evaltrail.core.metric import MetricValue
from evaltrail.core.progress import Progress
from evaltrail.service.evaluation.order import Result
from exported_entries import bundle_of, task_of


def test_control_characters_never_reach_the_terminal(capsys):
    """A model's output cannot clear the screen or set the title; lines and tabs stay."""
    print_text("a\x1b[2Jb\tc\nd\x07\x9b")
    assert capsys.readouterr().out == "a\ufffd[2Jb\tc\nd\ufffd\ufffd\n"


def test_a_table_is_as_wide_as_its_words():
    """Columns are aligned; numbers stand flush right."""
    assert table(["a", "n"], [["long", "1"], ["x", "22"]], numbers=(1,)) == "a      n\n----  --\nlong   1\nx     22"


def test_slices_of_nothing_are_not_shown():
    """Where no answer was scored one row says so; a slice beside a value is told, with one or without."""
    given = {"f1": None, "f1/type/simple": None, "rouge": 0.5, "rouge/type/simple": None, "bleu/type/simple": None}
    metrics = [MetricValue(name=name, value=value, n=4 if value else 0) for name, value in given.items()]
    shown = results_table([Result(bundle=bundle_of(task_of(*metrics, name="t")), out=Path())])
    names = [line.split()[0] for line in shown.splitlines()[2:]]
    assert names == ["t/f1", "t/rouge", "t/rouge/type/simple", "t/bleu/type/simple"]


def test_what_did_not_land_for_one_reason_is_one_line():
    """Forty metrics without a value are no forty lines."""
    skipped = [Skipped(what=f"metric {name}", why="no value") for name in "abc"]
    told = skipped_lines([*skipped, Skipped(what="tag x", why="too long")])
    assert told == ["not landed: metric a and 2 more: no value", "not landed: tag x: too long"]


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
        (Progress(task="t", done=7, total=None, silent_s=13.4), 7.0, 0, "t 7  1/s  nothing for 13 s"),
        (Progress(task="t", done=0, total=None, silent_s=200.0), 0.0, 0, "t 0  0/s  nothing for 3 min"),
    ],
)
def test_progress_tells_rate_and_time_left(progress, seconds, had, text):
    """Rate and ETA count only what was done since this process began; errors are told by reason, and a silence."""
    assert progress_text(progress, seconds=seconds, had=had) == text
