"""The page on the queue, run as a reader would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_page_on_the_queue_works_as_written(evaltrail, endpoint, tracking):
    """An order is accepted, a worker carries it out and leaves, and one run has landed."""
    page = (_ROOT / "docs" / "queue.md").read_text(encoding="utf-8")
    (tour,) = re.findall(r"^```sh tour\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    shutil.copytree(_ROOT / "examples", evaltrail.cwd / "examples")
    search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-uo", "pipefail", "-c", tour],
        cwd=evaltrail.cwd,
        env=evaltrail.environ | {"PATH": search, "URL": endpoint.url, "MODEL": "m"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert [run.info.status for run in tracking.runs("queue")] == ["FINISHED"]
