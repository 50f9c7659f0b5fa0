"""What a job of ours keeps in its folder, and the lines that are added to the launcher's database."""

from __future__ import annotations

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.bundle.folders import hold_lock
from evaltrail.core.errors import InputError, StorageError
from evaltrail.core.job import JobSpec
from evaltrail.store.execution_lines import amend_jobs, append_jobs
from evaltrail.store.executions import read_executions
from evaltrail.store.job_files import (
    JobDelivery,
    JobOutcome,
    read_outcome,
    read_spec,
    samples_done,
    write_outcome,
    write_spec,
)
from evaltrail.store.job_folders import exit_code, is_called_off, job_state, stage_time
from evaltrail.store.stages import call_off, clear_stages, mark_interrupted, take_back, write_stage

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def some_spec(**changes):
    usual = {
        "invocation_id": "0123456789abcdef",
        "number": 0,
        "task": "simple_evals.mmlu",
        "provider": "nemo",
        "place": "simple_evals.mmlu",
        "model": "m",
        "url": "http://127.0.0.1:9/v1",
    }
    return JobSpec(**{**usual, **changes})


@pytest.fixture
def folder(tmp_path):
    """A job's folder as it is made."""
    place = tmp_path / "20260101_120000-0123456789abcdef" / "simple_evals.mmlu.0"
    for part in ("artifacts", "logs"):
        (place / part).mkdir(parents=True)
    return place


@given(evaluator=st.dictionaries(st.text(), JSON, max_size=4), env=st.dictionaries(st.text(), st.text(), max_size=3))
def test_a_spec_comes_back_as_it_was_written(tmp_path_factory, evaluator, env):
    """job.json: write, read, the same."""
    folder = tmp_path_factory.mktemp("job")
    spec = some_spec(evaluator=evaluator, env_vars=env)
    write_spec(folder, spec)
    assert read_spec(folder) == spec


def test_a_spec_is_for_its_owner_only(folder):
    """`lit:` values may be secrets."""
    write_spec(folder, some_spec())
    assert (folder / "job.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"invocation_id": 1}'])
def test_a_broken_spec_is_an_input_error(folder, text):
    """A folder that is none of ours is told with its path."""
    (folder / "job.json").write_text(text)
    with pytest.raises(InputError, match=r"job\.json"):
        read_spec(folder)


def test_an_outcome_tells_the_worst_of_task_and_delivery(folder):
    """The task went well, its delivery waits: 3; an outcome comes back as it was written."""
    outcome = JobOutcome(
        task_code=0,
        delivery=JobDelivery(
            jobs=("a.0",), exit_code=3, errors=({"code": "x", "message": "m", "hint": "", "where": ""},)
        ),
        metrics={"sums/exact_match": {"value": 0.9}},
    )
    write_outcome(folder, outcome)
    assert read_outcome(folder) == outcome
    assert (outcome.exit_code, len(outcome.errors)) == (3, 1)
    (folder / "outcome.json").write_text("{")
    assert read_outcome(folder) is None


def test_stages_are_read_as_they_are_written(folder):
    """pending, running, success or failed with its code, killed once it was told to end; cleared, it begins anew."""
    assert job_state(folder) == "pending"
    write_stage(folder, "running")
    with hold_lock(folder / ".running", "busy"):
        assert job_state(folder) == "running"
    write_stage(folder, "exit", 0)
    assert (job_state(folder), exit_code(folder)) == ("success", 0)
    write_stage(folder, "exit", 124)
    assert (job_state(folder), exit_code(folder)) == ("failed", 124)
    mark_interrupted(folder, "SIGTERM")
    assert job_state(folder) == "killed"
    clear_stages(folder)
    assert job_state(folder) == "pending"
    assert stage_time(folder, "running") is None


def test_a_running_job_whose_lock_nobody_holds_was_killed(folder):
    """Ours lets go of its lock when it dies; a job of the launcher's has no lock and is taken at its word."""
    write_stage(folder, "running")
    assert job_state(folder) == "running"
    with hold_lock(folder / ".running", "busy"):
        pass
    assert job_state(folder) == "killed"


def test_jobs_are_called_off_and_taken_back(folder):
    """Each id stands once, whatever is done in whatever order."""
    call_off(folder, "a.0")
    call_off(folder, "a.1")
    call_off(folder, "a.0")
    assert is_called_off(folder, "a.0")
    assert (folder.parent / "killed_jobs.txt").read_text() == "a.0\na.1\n"
    take_back(folder, "a.0")
    assert not is_called_off(folder, "a.0")
    assert is_called_off(folder, "a.1")


@pytest.mark.parametrize(("text", "count"), [("12", 12), ("", None), ("x", None)])
def test_progress_is_a_number_or_unknown(folder, text, count):
    """A half-written file is no news."""
    (folder / "artifacts" / "progress").write_text(text)
    assert samples_done(folder) == count


def test_lines_are_added_and_amended(tmp_path):
    """The last line of a job counts; None takes an entry away, and what the launcher wrote beside it is kept."""
    file = tmp_path / "db" / "exec.v1.jsonl"
    append_jobs(file, [(some_spec(number=number), {"output_dir": f"/jobs/{number}"}) for number in range(2)])
    amend_jobs(file, {"0123456789abcdef.1": {"killed": True}})
    jobs = read_executions(file).jobs
    assert [(job.id, job.was_killed, str(job.folder)) for job in jobs] == [
        ("0123456789abcdef.0", False, "/jobs/0"),
        ("0123456789abcdef.1", True, "/jobs/1"),
    ]
    amend_jobs(file, {"0123456789abcdef.1": {"killed": None, "resumed_at": 5.0}, "unknown.0": {"killed": True}})
    assert not any(job.was_killed for job in read_executions(file).jobs)
    assert json.loads(file.read_text().splitlines()[-1])["data"] == {"output_dir": "/jobs/1", "resumed_at": 5.0}


def test_a_line_that_was_cut_short_spoils_no_other(tmp_path):
    """Whoever wrote last was killed in mid-line: ours begins on a line of its own."""
    file = tmp_path / "exec.v1.jsonl"
    file.write_text('{"invocation_id": "x", "job')
    append_jobs(file, [(some_spec(), {"output_dir": "/jobs/0"})])
    found = read_executions(file)
    assert [job.id for job in found.jobs] == ["0123456789abcdef.0"]
    assert len(found.skipped) == 1


def test_lines_of_several_writers_never_mix(tmp_path):
    """Many launches at once: every line is whole."""
    file = tmp_path / "exec.v1.jsonl"

    def write(number):
        spec = some_spec(invocation_id=f"{number:016x}", config={"text": "x" * 50_000})
        append_jobs(file, [(spec, {"output_dir": "/jobs"})])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = read_executions(file)
    assert (len(found.jobs), found.skipped) == (8, ())


def test_a_database_that_cannot_be_written_is_told(tmp_path):
    """A folder in its place: the path and the reason."""
    (tmp_path / "exec.v1.jsonl").mkdir()
    with pytest.raises(StorageError, match=r"exec\.v1\.jsonl"):
        append_jobs(tmp_path / "exec.v1.jsonl", [(some_spec(), {})])
