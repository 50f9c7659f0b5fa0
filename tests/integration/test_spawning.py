"""Processes of workers start from their own modules, whatever lies in the working folder."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import multiprocessing, os, sys
from evaltrail.jobs import spawning

def work(reports):
    spawning.started()
    reports.send((os.environ.get("PYTHONSAFEPATH"), "" in sys.path))

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(theirs,))
    spawning.start(process)
    theirs.close()
    print(mine.recv(), os.environ.get("PYTHONSAFEPATH"))
    process.join()
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
