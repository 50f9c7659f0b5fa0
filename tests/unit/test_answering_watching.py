"""Events of the queue as clients are told them, and the logs."""

from __future__ import annotations

import msgspec
import pytest

from answering_values import BEGAN, deliver, plan, some_job, some_known, some_unit
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError
from evaltrail.jobs.account import JobEvent
from evaltrail.service.answering.logs import read_log
from evaltrail.service.answering.telling import tell
from evaltrail.service.answering.watching import translate

KEY = "sk-abcdefgh12345678"


def event(kind, unit_id="", **data):
    return JobEvent(id=3, job_id="00000000000000aa", unit_id=unit_id, at=BEGAN, kind=kind, data=data)


@pytest.mark.parametrize(
    ("kind", "data", "state", "code"),
    [
        ("submitted", {"units": 2}, "pending", "pending"),
        ("started", {}, "running", "running"),
        ("cancelling", {}, "running", "cancelling"),
        ("timed_out", {}, "running", "timed_out"),
        ("retried", {}, "pending", "retried"),
        ("ended", {"state": "partially_failed"}, "partially_failed", "partially_failed"),
    ],
)
def test_events_of_the_job_are_states(kind, data, state, code):
    """Clients are told the state after each, in the six words that they know, and a sentence."""
    told = translate(event(kind, **data), None)
    assert (told.kind, told.data["state"], told.data["message_code"]) == ("state", state, code)
    assert told.data["message"]


@pytest.mark.parametrize("kind", ["released", "something_new"])
def test_what_is_no_clients_business_is_not_told(kind):
    """Nor what a later version may add."""
    assert translate(event(kind), None) is None


@pytest.mark.parametrize(
    ("kind", "data", "step"),
    [
        ("claimed", {"owner": "host:77", "attempt": 2}, "begun"),
        ("finished", {}, "done"),
        ("failed", {"code": "endpoint", "message": f"key {KEY}", "retry_in_s": 2.0}, "failed"),
        ("lost", {"owner": "host:77", "attempt": 1, "will_retry": True}, "lost"),
        ("handed_back", {}, "waiting"),
        ("released", {}, "waiting"),
    ],
)
def test_events_of_a_part_tell_no_owner_and_no_key(kind, data, step):
    """Which benchmark, which step, which attempt; not whose machine."""
    told = translate(event(kind, "00000000000000aa.4", **data), some_unit(4, place={"task": 1, "start": 0}))
    assert (told.kind, told.data["benchmark"], told.data["part"], told.data["step"]) == ("benchmark", 1, "4", step)
    text = msgspec.json.encode(told).decode()
    assert "host" not in text
    assert KEY not in text
    assert "owner" not in told.data


def test_progress_is_told_as_counts():
    """Samples, tokens and errors of one part."""
    told = translate(event("progress", "x.1", done=3, total=9, tokens=5, errors={"timeout": 1}), some_unit(1))
    assert (told.kind, told.data["phase"]) == ("progress", "running_evaluation")
    assert [told.data[name] for name in ("done", "total", "tokens", "errors")] == [3, 9, 5, {"timeout": 1}]


@pytest.mark.parametrize(
    ("unit", "phase"), [(plan(), "loading_data"), (deliver("running"), "persisting_artifacts"), (None, None)]
)
def test_parts_of_the_whole_are_of_no_benchmark(unit, phase):
    """The plan and the delivery are of all of them; a part that is gone is of none."""
    told = translate(event("claimed", "x.0", attempt=1), unit)
    assert (told.data["benchmark"], told.data["phase"]) == (None, phase)


@pytest.fixture
def settings(tmp_path):
    return load_settings({"EVALTRAIL_HOME": str(tmp_path)}, dotenv=None)


@pytest.fixture
def account():
    return tell(some_known(some_unit(), job=some_job()), "")


def write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_a_log_is_told_from_its_end(settings, account, tmp_path):
    """So many of its last lines, and whether there were more."""
    write(tmp_path / "work/jobs/00000000000000aa/run.log", "".join(f"line {n} {KEY}\n" for n in range(9)))
    found = read_log(settings, account, benchmark="", tail=2)
    assert (found.text, found.lines, found.is_cut) == ("line 7 ***\nline 8 ***\n", 2, True)
    assert not read_log(settings, account, benchmark="", tail=9).is_cut


def test_a_log_that_is_not_there_yet_is_empty(settings, account):
    """No error: nothing was done yet."""
    assert read_log(settings, account, benchmark="b0", tail=5).text == ""


def test_a_benchmarks_log_is_its_programs_or_its_own_lines(settings, account, tmp_path):
    """What a harness printed where one ran it; else the lines of the run's log that are about it."""
    home = tmp_path / "runs/00000000000000aa"
    write(home / "logs/run.log", "T b0: begun\nT other: begun\nT p/b0: done\n")
    assert read_log(settings, account, benchmark="b0", tail=5).text == "T b0: begun\nT p/b0: done\n"
    write(home / "harness/0/program.log", "printed\n")
    assert read_log(settings, account, benchmark="0", tail=5).text == "printed\n"


def test_a_log_has_its_bound_in_bytes_too(settings, account, tmp_path):
    """Long lines do not make an answer without end."""
    write(tmp_path / "runs/00000000000000aa/logs/run.log", ("x" * 60_000 + "\n") * 60)
    found = read_log(settings, account, benchmark="", tail=60)
    assert (len(found.text) <= 2_000_000, found.lines, found.is_cut) == (True, 33, True)


@pytest.mark.parametrize("tail", [0, -1, 10_001])
def test_a_tail_has_bounds(settings, account, tail):
    """1 to 10,000 lines."""
    with pytest.raises(InputError, match="a tail of"):
        read_log(settings, account, benchmark="", tail=tail)
