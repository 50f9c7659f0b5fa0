"""Asking how a thousand invocations are: `status` and `ls runs` over a home full of jobs of ours.

Usage: python benchmarks/invocations.py [REPEAT]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from evaltrail.store.job_files import JobOutcome
from goals import Row, at_most, show
from own_jobs import OwnJobs, counted, delivered, metric

INVOCATIONS = 1000
CONFIG_BYTES = 3000
MUST_S = 0.5
EVALTRAIL = Path(sys.executable).with_name("evaltrail")
COMMANDS = {
    "status": ("status",),
    "status --json": ("status", "--json"),
    "ls runs": ("ls", "runs", "--limit", str(INVOCATIONS)),
    "status of one": ("status", "5eed0007"),
}
WAY = (
    f"{INVOCATIONS:,} invocations of one finished job each, with job.json, stages and outcome.json in its folder and a "
    f"configuration of {CONFIG_BYTES:,} bytes in its database line; the whole command, start included; medians."
)


def run(repeat: int = 5) -> list[Row]:
    """Every row of the page."""
    with tempfile.TemporaryDirectory() as scratch:
        environ = filled(Path(scratch))
        return [
            at_most(f"{name}, {INVOCATIONS:,} invocations", timed(words, environ, repeat), "s", MUST_S)
            for name, words in COMMANDS.items()
        ]


def filled(folder: Path) -> dict[str, str]:
    """The variables of a home in which so much ran."""
    jobs = OwnJobs(folder / "user")
    padding = {"notes": "x" * CONFIG_BYTES}
    for number in range(INVOCATIONS):
        invocation = f"5eed{number:04x}{number:08x}"
        outcome = JobOutcome(
            task_code=0,
            delivery=delivered(f"{invocation}.0"),
            metrics={"capitals/exact_match": metric(0.5, 200)},
            counts=counted(200),
        )
        jobs.add(invocation=invocation, outcome=outcome, progress=200, config=padding)
    path = os.environ.get("PATH", "")
    return {"PATH": path, "HOME": str(folder / "user"), "EVALTRAIL_HOME": str(folder / "home"), "LANG": "C.UTF-8"}


def timed(words: tuple[str, ...], environ: Mapping[str, str], repeat: int) -> float:
    """The median of some calls, in seconds; the first one warms up."""
    times = []
    for _ in range(repeat + 1):
        began = time.perf_counter()
        subprocess.run(
            [EVALTRAIL, *words], env=dict(environ), cwd=environ["HOME"], stdout=subprocess.DEVNULL, check=True
        )
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


def main() -> int:
    return show(run(int(sys.argv[1]) if len(sys.argv) > 1 else 5), WAY)


if __name__ == "__main__":
    sys.exit(main())
