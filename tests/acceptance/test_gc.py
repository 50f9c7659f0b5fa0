"""`gc` after kill -9: what was left behind goes, and what the same command goes on with is kept."""

from __future__ import annotations

import os
import time

import pytest
from installed import ended, until
from sums import write_sums

COUNT = 200


def cut_short(evaltrail, endpoint, task, *, answers):
    """A run that kill -9 ended after so many answers; its id."""
    process = evaltrail.start("run", task, "--model", "m", "--url", endpoint.url, "--no-deliver", "--concurrency", 4)
    until(lambda: endpoint.stats()["ok"] >= answers, pause=0.002)
    process.kill()
    ended(process)
    return evaltrail.runs()[0]["evaluation_id"]


@pytest.mark.slow
def test_what_kill_9_leaves_is_removed_and_a_resumable_run_is_kept(evaltrail, endpoint):
    """The run goes on afterwards without asking again; the bundle of another one stays."""
    endpoint.configure(latency_ms=15)
    task = write_sums(evaltrail.cwd, COUNT)
    other = write_sums(evaltrail.cwd, 10, name="other")
    finished = evaltrail("run", other, "--model", "m", "--url", endpoint.url, "--no-deliver", "--json").object
    endpoint.reset()
    identity = cut_short(evaltrail, endpoint, task, answers=COUNT // 2)
    runs = evaltrail.home / "runs"
    half = runs / f".{identity}.4194304.tmp"  # as a kill within the writing of its bundle would leave it
    half.mkdir()
    (half / "samples.parquet").write_bytes(b"x" * 5000)
    for path in (half / "samples.parquet", half):
        os.utime(path, (time.time() - 7200,) * 2)
    told = evaltrail("gc", "--dry-run", "--json").object
    assert (told["dry_run"], [each["name"] for each in told["removed"]]) == (True, [f"runs/{half.name}"])
    assert half.exists()
    done = evaltrail("gc")
    assert (done.code, "removed 1, 5,000 bytes" in done.out) == (0, True), done.out
    assert not half.exists()
    again = evaltrail("run", task, "--model", "m", "--url", endpoint.url, "--no-deliver", "--json")
    assert (again.code, again.object["evaluation_id"]) == (0, identity)
    assert endpoint.stats()["repeats_after_ok"] <= 4
    assert evaltrail("gc", "--older-than", 0, "--json").object["removed"] == []
    for each in (identity, finished["evaluation_id"]):
        assert evaltrail("samples", each, "--json").code == 0


@pytest.mark.slow
def test_a_killed_workers_job_is_kept_and_a_finished_one_is_forgotten_when_asked(evaltrail, endpoint):
    """While it may go on nothing of it goes; once it is over, its history goes and its result stays."""
    endpoint.configure(latency_ms=15)
    task = write_sums(evaltrail.cwd, COUNT)
    words = ("run", task, "--model", "m", "--url", endpoint.url, "--no-deliver", "--concurrency", 4)
    identity = evaltrail(*words, "--detach", "--json").object["evaluation_id"]
    environ = {"EVALTRAIL_LEASE_SECONDS": "1.5"}
    evaltrail.environ |= environ
    worker = evaltrail.start("worker")
    until(lambda: endpoint.stats()["ok"] >= COUNT // 2, pause=0.005)
    worker.kill()
    worker.communicate()
    assert evaltrail("gc", "--older-than", 0, "--json").object["removed"] == []
    second = evaltrail.start("worker")
    until(lambda: evaltrail("status", identity, "--json").object["state"] == "completed", seconds=60, pause=0.2)
    second.terminate()
    assert ended(second).code == 0
    assert endpoint.stats()["unique_ok"] == COUNT
    assert evaltrail("gc", "--json").object["removed"] == []
    (gone,) = evaltrail("gc", "--older-than", 0, "--json").object["removed"]
    assert gone["name"].startswith(identity)
    assert evaltrail("jobs", "ls", "--json").object["jobs"] == []
    assert evaltrail("status", identity, "--json").object["state"] == "completed"
    assert evaltrail("samples", identity, "--json").code == 0


def test_gc_says_that_there_is_nothing_and_loads_nothing_heavy_for_its_help(evaltrail):
    """Exit code 0 on a home that is not there yet; a bad age is exit code 2."""
    assert evaltrail.here("gc").out == "removed nothing\n"
    assert evaltrail.here("gc", "--older-than", "-1").code == 2
    assert not evaltrail.home.exists()
    program = (
        "import sys; from evaltrail.cli.main import main\n"
        "try: main(['gc', '--help'])\n"
        "except SystemExit: sys.exit('sqlalchemy' in sys.modules)"
    )
    assert evaltrail.python(program).code == 0
