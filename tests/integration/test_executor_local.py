"""Jobs as real child processes: order, overlap, ends that nobody put down, interruption."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from evaltrail.executors.local import LocalJob, run_jobs
from evaltrail.store.job_folders import exit_code, job_state
from evaltrail.store.stages import call_off


def some_job(folder, number, script):
    """A job whose script does this."""
    place = folder / "20260101_120000-0123456789abcdef" / f"task.{number}"
    for part in ("artifacts", "logs"):
        (place / part).mkdir(parents=True)
    (place / "run.sh").write_text(f"#!/bin/bash\n{script}\n")
    return LocalJob(id=f"0123456789abcdef.{number}", folder=place)


def ending(code, before=""):
    """A script that puts down its end as a job does."""
    return f'{before}\necho "2026-01-01T00:00:00Z {code}" > logs/stage.exit\nexit {code}'


def run(jobs, mode="sequential", **more):
    run_jobs(jobs, mode=mode, environ=dict(os.environ), **more)


def test_sequential_jobs_never_overlap(tmp_path):
    """Each begins when the one before has ended, also when that failed."""
    note = tmp_path / "order"
    jobs = [
        some_job(tmp_path, number, ending(number, f"echo b{number} >> {note}; sleep 0.1; echo e{number} >> {note}"))
        for number in range(3)
    ]
    run(jobs)
    assert note.read_text().split() == ["b0", "e0", "b1", "e1", "b2", "e2"]
    assert [exit_code(job.folder) for job in jobs] == [0, 1, 2]


def test_parallel_jobs_overlap(tmp_path):
    """Each waits for the other's file, which only side by side can end."""
    scripts = [
        ending(0, f"touch {tmp_path}/{number}; while [ ! -e {tmp_path}/{1 - number} ]; do sleep 0.02; done")
        for number in range(2)
    ]
    jobs = [some_job(tmp_path, number, script) for number, script in enumerate(scripts)]
    run(jobs, mode="parallel")
    assert [exit_code(job.folder) for job in jobs] == [0, 0]


@pytest.mark.parametrize(
    ("script", "code", "why"),
    [("exit 7", 7, "exit code 7"), ("kill -9 $$", 137, "SIGKILL"), ("exit 0", 1, "exit code 0")],
)
def test_an_end_that_nobody_put_down_is_put_down(tmp_path, script, code, why):
    """The job's process is gone without a stage: its launcher writes code and reason."""
    job = some_job(tmp_path, 0, script)
    run([job])
    assert (exit_code(job.folder), job_state(job.folder)) == (code, "failed")
    assert why in (job.folder / "logs" / "stdout.log").read_text()


def test_a_job_that_cannot_be_started_stops_no_other(tmp_path):
    """Its folder is gone: the next runs."""
    gone, good = some_job(tmp_path, 0, "exit 0"), some_job(tmp_path, 1, ending(0))
    (gone.folder / "logs").rmdir()
    run([gone, good])
    assert exit_code(good.folder) == 0


def test_a_job_that_was_called_off_is_passed_over(tmp_path):
    """Also while the launcher runs already."""
    first, second = some_job(tmp_path, 0, ending(0)), some_job(tmp_path, 1, ending(0))
    call_off(second.folder, second.id)
    run([first, second])
    assert [job_state(first.folder), job_state(second.folder)] == ["success", "killed"]


def test_an_interruption_ends_every_child(tmp_path):
    """SIGINT of the launcher: children get SIGTERM, and are waited for; what they left behind is killed."""
    note = tmp_path / "told"
    script = f"trap 'echo told >> {note}; {ending(143)}' TERM\nsleep 300 &\necho $! > pid\nwait"
    jobs = [some_job(tmp_path, number, script) for number in range(2)]

    def interrupt():
        deadline = time.monotonic() + 20
        while not all((job.folder / "pid").exists() for job in jobs) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run(jobs, mode="parallel")
    thread.join()
    assert note.read_text().split() == ["told", "told"]
    for job in jobs:
        left = int((job.folder / "pid").read_text())
        with pytest.raises(ProcessLookupError):
            _until_gone(left)


def _until_gone(pid):
    """Ask for a process until it is gone, which raises; a killed one may stay a moment as nobody's child."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        os.kill(pid, 0)
        time.sleep(0.02)
