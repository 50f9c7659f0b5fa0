"""Runs that are cut short: nothing that was answered is lost or asked again, and the result is the unbroken one."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest
from installed import Installed, ended, one_error, until
from sums import write_sums

ITEMS = 300
IN_FLIGHT = 8
POINTS = [0.0, 0.05, 0.25, 0.4, 0.7, 0.95, 1.0]
QUICK = {0.4}


def words_for(evaltrail, endpoint, *more, count=ITEMS):
    endpoint.configure(latency_ms=15)
    task = write_sums(evaltrail.cwd, count)
    words = ("--url", endpoint.url, "--concurrency", IN_FLIGHT, "--json", *more)
    return ("run", task, "--model", "m", *words)


def metrics_of(finished):
    """The metrics without what depends on time."""
    return finished.object["metrics"], finished.object["counts"]


@pytest.mark.parametrize(
    "share", [share if share in QUICK else pytest.param(share, marks=pytest.mark.slow) for share in POINTS]
)
def test_a_killed_run_goes_on_where_it_was(evaltrail, endpoint, tmp_path, share):
    """Kill -9 at any moment: same evaluation id, no answered sample asked again, the metrics of an unbroken run."""
    words = words_for(evaltrail, endpoint, "--no-deliver")
    process = evaltrail.start(*words)
    until(lambda: endpoint.stats()["total"] >= share * ITEMS, pause=0.002)
    process.kill()
    killed = ended(process)
    assert killed.code == -signal.SIGKILL
    known = evaltrail.runs()
    again = evaltrail(*words)
    assert again.code == 0, again.err
    if known:
        assert again.object["evaluation_id"] == known[0]["evaluation_id"]
        assert known[0]["state"] == "failed"
    stats = endpoint.stats()
    assert stats["unique_ok"] == ITEMS
    assert stats["repeats_after_ok"] <= IN_FLIGHT
    unbroken = Installed(tmp_path / "unbroken")
    assert metrics_of(again) == metrics_of(unbroken(*words))


@pytest.mark.slow
def test_a_run_killed_twice_is_still_whole(evaltrail, endpoint):
    """Two kills in one evaluation cost no more than what was in flight at each."""
    words = words_for(evaltrail, endpoint, "--no-deliver")
    for wanted in (80, 160):
        process = evaltrail.start(*words)
        until(lambda wanted=wanted: endpoint.stats()["total"] >= wanted, pause=0.002)
        process.kill()
        ended(process)
    again = evaltrail(*words)
    assert (again.code, again.object["metrics"]["sums/exact_match"]["value"]) == (0, 0.9)
    assert endpoint.stats()["repeats_after_ok"] <= 2 * IN_FLIGHT
    assert len(evaltrail.runs()) == 1


def test_fresh_starts_over(evaltrail, endpoint):
    """--fresh leaves what was cut short behind and asks everything anew under a new id."""
    words = words_for(evaltrail, endpoint, "--no-deliver", count=100)
    process = evaltrail.start(*words)
    until(lambda: endpoint.stats()["ok"] >= 40, pause=0.002)
    process.kill()
    ended(process)
    before = evaltrail.runs()[0]["evaluation_id"]
    endpoint.reset()
    again = evaltrail(*words, "--fresh")
    assert (again.code, endpoint.stats()["total"]) == (0, 100)
    assert again.object["evaluation_id"] != before


@pytest.mark.parametrize("stop", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_an_interrupted_run_says_130_and_goes_on(evaltrail, endpoint, stop):
    """Ctrl-C and a supervisor's TERM end it soon with exit 130 and the next step; the same command completes."""
    words = words_for(evaltrail, endpoint, "--no-deliver")
    process = evaltrail.start(*words)
    until(lambda: endpoint.stats()["ok"] >= 60)
    asked_at = time.monotonic()
    process.send_signal(stop)
    stopped = ended(process)
    assert time.monotonic() - asked_at < 5
    assert stopped.code == 130
    assert stopped.object["errors"][0]["code"] == "interrupted"
    assert "same command" in one_error(stopped)
    assert evaltrail.runs()[0]["state"] == "cancelled"
    again = evaltrail(*words)
    assert (again.code, again.object["metrics"]["sums/exact_match"]["value"]) == (0, 0.9)
    assert again.object["evaluation_id"] == stopped.object["evaluation_id"]
    assert endpoint.stats()["repeats_after_ok"] <= IN_FLIGHT


def test_the_same_command_beside_a_running_one_is_refused(evaltrail, endpoint):
    """It waits for nothing: exit 2 with the process's number, and the first one is not disturbed."""
    words = words_for(evaltrail, endpoint, "--no-deliver")
    endpoint.configure(latency_ms=500)  # so that the first is still at it, however busy the machine
    process = evaltrail.start(*words)
    until(lambda: endpoint.stats()["total"] >= IN_FLIGHT)
    second = evaltrail(*words)
    endpoint.configure(latency_ms=1)
    assert (second.code, second.object["errors"][0]["code"]) == (2, "already_running")
    assert str(process.pid) in one_error(second)
    first = ended(process)
    assert (first.code, endpoint.stats()["total"]) == (0, ITEMS)


def test_status_tells_how_far_a_running_evaluation_is(evaltrail, endpoint):
    """While it runs: state running and the samples done; after it: completed and all of them."""
    words = words_for(evaltrail, endpoint, "--no-deliver")
    process = evaltrail.start(*words)
    until(lambda: endpoint.stats()["ok"] >= 50)
    endpoint.configure(latency_ms=500)
    evaluation_id = evaltrail.runs()[0]["evaluation_id"]
    now = evaltrail("status", evaluation_id[:6], "--json").object
    endpoint.configure(latency_ms=1)
    done = ended(process)
    after = evaltrail("status", evaluation_id, "--json").object
    assert (now["state"], now["progress"]["total"]) == ("running", ITEMS)
    assert 0 < now["progress"]["done"] <= ITEMS
    assert (done.object["evaluation_id"], after["state"]) == (evaluation_id, "completed")
    assert after["progress"] == {"done": ITEMS, "total": ITEMS}


@pytest.mark.parametrize("file_bytes", [60_000, pytest.param(90_000, marks=pytest.mark.slow)])
def test_a_full_disk_stops_the_run_and_loses_nothing(evaltrail, endpoint, file_bytes):
    """A journal that cannot grow: exit 1 with file and next step; with room again the same command goes on."""
    words = words_for(evaltrail, endpoint, "--no-deliver", count=500)
    full = evaltrail(*words, file_bytes=file_bytes)
    assert (full.code, full.object["errors"][0]["code"]) == (1, "storage"), full.err
    assert str(evaltrail.home) in one_error(full)
    assert "same command" in one_error(full)
    kept = evaltrail.runs()[0]["progress"]["done"]
    assert kept > 50
    asked = endpoint.stats()["total"]
    again = evaltrail(*words)
    assert (again.code, again.object["metrics"]["sums/exact_match"]["value"]) == (0, 0.9), again.err
    assert again.object["evaluation_id"] == full.object["evaluation_id"]
    assert endpoint.stats()["total"] - asked == 500 - kept


@pytest.mark.slow
def test_a_torn_last_row_is_asked_again(evaltrail, endpoint):
    """A power cut that tears the journal's last row costs that sample, no other."""
    words = words_for(evaltrail, endpoint, "--no-deliver")
    process = evaltrail.start(*words)
    until(lambda: endpoint.stats()["ok"] >= 100)
    process.kill()
    ended(process)
    (journal,) = evaltrail.home.glob("work/*/0.jsonl")
    rows = journal.read_bytes().splitlines(keepends=True)
    os.truncate(journal, len(b"".join(rows)) - len(rows[-1]) // 2)
    kept = len(rows) - 1
    asked = endpoint.stats()["total"]
    again = evaltrail(*words)
    assert (again.code, again.object["metrics"]["sums/exact_match"]["value"]) == (0, 0.9), again.err
    assert endpoint.stats()["total"] - asked == ITEMS - kept


@pytest.mark.slow
def test_changed_data_is_another_evaluation(evaltrail, endpoint):
    """What was cut short serves only the same work: another data set begins at nothing."""
    words = words_for(evaltrail, endpoint, "--no-deliver", count=100)
    process = evaltrail.start(*words)
    until(lambda: endpoint.stats()["ok"] >= 40)
    process.kill()
    ended(process)
    data = evaltrail.cwd / "sums.jsonl"
    records = [json.loads(line) for line in data.read_text().splitlines()]
    records[0]["question"] = "Item 900: What is 900 + 3?"
    data.write_text("".join(json.dumps(record) + "\n" for record in records))
    endpoint.reset()
    again = evaltrail(*words)
    assert again.object["counts"]["sums"]["total"] == 100
    assert endpoint.stats()["total"] == 100
