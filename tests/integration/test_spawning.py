"""Processes of workers start from their own modules, whatever lies in the working folder."""

from __future__ import annotations

import subprocess
import sys

import pytest

from evaltrail.jobs import spawning
from few_descriptors import allow_descriptors, open_descriptors

PROGRAM = """
import os, sys
from evaltrail.jobs import spawning

def work(reports):
    spawning.started()
    reports.send((os.environ.get("PYTHONSAFEPATH"), "" in sys.path))

if __name__ == "__main__":
    started = spawning.start(work, name="worker")
    print(started.reports.recv(), os.environ.get("PYTHONSAFEPATH"))
    started.process.join()
"""


def test_file_in_the_working_folder_is_no_module(tmp_path):
    """Who puts data there puts no program there; and programs of the operator's start as ever."""
    (tmp_path / "folder").mkdir()
    for module in ("pickle", "socket", "runpy"):
        (tmp_path / "folder" / f"{module}.py").write_text("raise SystemExit('the folder was imported from')")
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"], cwd=tmp_path / "folder", capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("(None, False) None\n", "", 0)


@pytest.mark.parametrize("count", [0, 2])
def test_without_room_for_a_process_nothing_is_left_of_its_start(count):
    """Neither end of the pipe that it was to report by, whether that could be made or not."""
    before, give_back = open_descriptors(), allow_descriptors(count)
    try:
        with pytest.raises(OSError, match="Too many open files"):
            spawning.start(print, name="worker")
    finally:
        give_back()
    assert open_descriptors() == before


def test_a_process_that_dies_for_ever_is_started_every_30_seconds():
    """At once after its first death, then later and later; the pause never becomes a number too large."""
    pauses = [spawning.pause_before_start_s(deaths) for deaths in (0, 1, 2, 3, 5, 6, 7, 10_000)]
    assert pauses == [0, 0, 2, 4, 16, 30, 30, 30]
