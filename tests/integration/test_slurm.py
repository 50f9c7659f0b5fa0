"""Jobs through a real Slurm of one node: submitted, in order, told to end, refused, and gone."""

from __future__ import annotations

import sys
import textwrap
import time
from pathlib import Path

import pytest

from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.run_config import SlurmOptions
from evaltrail.executors.slurm import SCRIPT, cancel, job_word, slurm_states, submit
from evaltrail.executors.slurm_script import batch_script
from slurm_cluster import only_cluster

pytestmark = pytest.mark.slow

LISTENS = """
    import signal, sys, time
    from pathlib import Path
    place = Path(sys.argv[1])
    def end(number, frame):
        time.sleep(1)
        place.joinpath("last-words").write_text(signal.Signals(number).name)
        raise SystemExit(143)
    signal.signal(signal.SIGTERM, end)
    place.joinpath("began").write_text(str(time.time()))
    time.sleep(300)
"""
"""A job that needs a second to put down its last words."""
DEAF = """
    import signal, subprocess, sys, time
    from pathlib import Path
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    Path(sys.argv[1], "began").write_text(str(child.pid))
    time.sleep(300)
"""
"""A job that does not listen, with a child in a session of its own that does."""


@pytest.fixture(scope="module")
def cluster():
    """The only cluster."""
    with only_cluster() as started:
        yield started


def folder_of(place, *, program="", shell="true", number=0, options=None, walltime_s=None):
    """A job's folder with its script: a Python program, or a line for the shell."""
    place.joinpath("logs").mkdir(parents=True)
    command = ["/bin/sh", "-c", shell]
    if program:
        place.joinpath("program.py").write_text(textwrap.dedent(program))
        command = [sys.executable, str(place / "program.py"), str(place)]
    text = batch_script(
        job_id=f"0123456789abcdef.{number}",
        task="native.reading",
        folder=place,
        command=command,
        options=options or SlurmOptions(),
        walltime_s=walltime_s,
    )
    place.joinpath(SCRIPT).write_text(text)
    return place


def log_of(folder, job):
    return folder.joinpath("logs", f"slurm-{job}.log").read_text()


def wait_for(file):
    ends = time.monotonic() + 20
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < ends, f"{file.name} does not come"
        time.sleep(0.05)
    return file.read_text()


def test_a_job_runs_in_its_folder_and_is_seen_to_the_end(cluster, tmp_path):
    """Its output is in its log, whatever the folder is called; variables of whoever submits reach it."""
    folder = folder_of(
        tmp_path / 'it\'s a "run" %j #1 é', shell='pwd; echo "$MY_KEY"; ps -o comm= -p $PPID; exec sleep 1'
    )
    (job,) = submit([folder], mode="parallel", environ={**cluster.environ, "MY_KEY": "from the shell"})
    assert job_word(slurm_states([job], cluster.environ)[job]) in {"pending", "running"}
    assert cluster.ended(job) == "COMPLETED"
    assert log_of(folder, job).splitlines() == [str(folder), "from the shell", "slurmstepd"]


def test_a_jobs_exit_code_is_slurms(cluster, tmp_path):
    """Nothing stands between the command and its exit code; the others go on."""
    folders = [folder_of(tmp_path / str(code), shell=f"exit {code}") for code in (3, 0)]
    bad, good = submit(folders, mode="parallel", environ=cluster.environ)
    assert (cluster.ended(bad), cluster.told(bad, "ExitCode")) == ("FAILED", "3:0")
    assert (cluster.ended(good), cluster.told(good, "ExitCode")) == ("COMPLETED", "0:0")
    states = slurm_states([good, bad], cluster.environ)
    assert {job: job_word(state) for job, state in states.items()} == {good: "success", bad: "failed"}


def test_sequential_jobs_wait_for_each_other(cluster, tmp_path):
    """Each begins after the one before has ended, and a failure does not keep the next from running."""
    note = "date +%s.%N >> ../times; sleep 0.5; date +%s.%N >> ../times"
    folders = [folder_of(tmp_path / name, shell=f"{note}; exit {code}") for name, code in (("a", 1), ("b", 0))]
    first, second = submit(folders, mode="sequential", environ=cluster.environ)
    assert cluster.ended(second) == "COMPLETED"
    assert cluster.ended(first) == "FAILED"
    times = tmp_path.joinpath("times").read_text().split()
    assert len(times) == 4
    assert times == sorted(times)


def test_a_cancelled_job_can_say_its_last_words(cluster, tmp_path):
    """SIGTERM reaches the process, which has time to write; those that wait for it never start."""
    folders = [folder_of(tmp_path / name, program=LISTENS) for name in "abc"]
    jobs = submit(folders, mode="sequential", environ=cluster.environ)
    wait_for(folders[0] / "began")
    cancel(jobs, cluster.environ)
    assert [cluster.ended(job) for job in jobs] == ["CANCELLED"] * 3
    assert wait_for(folders[0] / "last-words") == "SIGTERM"
    assert [folder.joinpath("began").exists() for folder in folders] == [True, False, False]
    assert {job_word(state) for state in slurm_states(jobs, cluster.environ).values()} == {"killed"}


def test_a_job_that_does_not_listen_is_killed_with_what_it_started(cluster, tmp_path):
    """After the cluster's KillWait nothing of it is left."""
    folder = folder_of(tmp_path / "deaf", program=DEAF)
    (job,) = submit([folder], mode="parallel", environ=cluster.environ)
    command_line = Path("/proc", wait_for(folder / "began"), "cmdline")
    assert b"sleep(300)" in command_line.read_bytes()
    cancel([job], cluster.environ)
    assert cluster.ended(job) == "CANCELLED"
    assert not command_line.exists() or not command_line.read_bytes()  # a zombie has none


def test_cancelling_what_has_ended_is_nothing(cluster, tmp_path):
    """Jobs may end while they are being cancelled; ids that nobody knows are passed over."""
    (job,) = submit([folder_of(tmp_path / "a")], mode="parallel", environ=cluster.environ)
    assert cluster.ended(job) == "COMPLETED"
    cancel([job, "4000000"], cluster.environ)
    assert slurm_states([job], cluster.environ) == {job: "COMPLETED"}


def test_every_option_reaches_slurm_as_it_was_written(cluster, tmp_path):
    """Slurm's own reading of the script gives every value back; nothing in one is a flag."""
    comment = 'it\'s "q" # $HOME `ls` \\x é --time=3'
    options = SlurmOptions(
        partition="main", comment=comment, extra_flags={"hold": True, "nice": 7, "exclusive": False, "requeue": None}
    )
    folder = folder_of(tmp_path / "a", options=options, number=4, walltime_s=61)
    (job,) = submit([folder], mode="parallel", environ=cluster.environ)
    told = {field: cluster.told(job, field) for field in ("Comment", "JobName", "TimeLimit", "Nice", "Requeue")}
    told |= {field: cluster.told(job, field) for field in ("WorkDir", "JobState", "Reason", "Command")}
    cancel([job], cluster.environ)
    assert told == {
        "Comment": f"{comment} ",
        "JobName": "native.reading.0123456789abcdef.4",
        "TimeLimit": "00:02:00",
        "Nice": "7",
        "Requeue": "0",
        "WorkDir": str(folder),
        "JobState": "PENDING",
        "Reason": "JobHeldUser",
        "Command": str(folder / SCRIPT),
    }


def test_the_configuration_counts_more_than_the_shell(cluster, tmp_path):
    """sbatch would let its variables outvote the script, wait for the job, or take the job's variables away."""
    folder = folder_of(tmp_path / "a", shell='echo "$MY_KEY"; sleep 1', options=SlurmOptions(partition="main"))
    shell = {
        "SBATCH_PARTITION": "nowhere",
        "SBATCH_WAIT": "1",
        "SBATCH_EXPORT": "NONE",
        "SBATCH_ARRAY_INX": "1-3",
        "SBATCH_JOB_NAME": "other",
        "SBATCH_TIMELIMIT": "7",
        "SQUEUE_STATES": "FAILED",
        "SQUEUE_PARTITION": "nowhere",
        "MY_KEY": "kept",
    }
    environ = {**cluster.environ, **shell}
    (job,) = submit([folder], mode="parallel", environ=environ)
    assert job_word(slurm_states([job], environ)[job]) in {"pending", "running"}
    assert cluster.told(job, "TimeLimit") == "00:07:00"  # of which the configuration says nothing
    assert cluster.told(job, "JobName").startswith("native.reading.")
    assert cluster.ended(job) == "COMPLETED"
    assert log_of(folder, job) == "kept\n"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (SlurmOptions(partition="nowhere"), "invalid partition specified: nowhere"),
        (SlurmOptions(gres="gpu:8"), "Invalid generic resource"),
        (SlurmOptions(extra_flags={"begin": "whenever"}), "Invalid --begin specification"),
        (SlurmOptions(extra_flags={"nonsense": 3}), "unrecognized option '--nonsense=3'"),
    ],
)
def test_slurms_refusal_is_told_in_its_own_words(options, reason, cluster, tmp_path):
    """One line, with the script that it is about."""
    folder = folder_of(tmp_path / "a", options=options)
    with pytest.raises(InputError) as caught:
        submit([folder], mode="parallel", environ=cluster.environ)
    assert caught.value.message.startswith("Slurm refuses the job: ")
    assert reason in caught.value.message
    assert "\n" not in str(caught.value)
    assert (caught.value.where, caught.value.code) == (str(folder / SCRIPT), "slurm_refused")


def test_a_refused_job_takes_back_those_before_it(cluster, tmp_path):
    """Nothing half-submitted runs, and the error says which jobs were cancelled."""
    held = SlurmOptions(extra_flags={"hold": True})
    folders = [folder_of(tmp_path / name, options=held) for name in "ab"]
    folders.append(folder_of(tmp_path / "c", options=SlurmOptions(partition="nowhere")))
    with pytest.raises(InputError, match=r"nowhere.*; submitted before it and cancelled: \d+, \d+ \(") as caught:
        submit(folders, mode="parallel", environ=cluster.environ)
    jobs = caught.value.message.rpartition(": ")[2].split(", ")
    assert slurm_states(jobs, cluster.environ) == dict.fromkeys(jobs, "CANCELLED")


@pytest.mark.parametrize("ids", [["4000000"], ["4000000", "4000001"], ["--all", "x", "1\n2"], []])
def test_jobs_that_slurm_does_not_know_are_missing(ids, cluster):
    """One unknown id and several are answered differently by squeue; here they are the same."""
    assert slurm_states(ids, cluster.environ) == {}


def test_an_unknown_job_hides_no_known_one(cluster, tmp_path):
    """Each id is answered for itself."""
    (job,) = submit([folder_of(tmp_path / "a")], mode="parallel", environ=cluster.environ)
    assert cluster.ended(job) == "COMPLETED"
    assert slurm_states(["4000000", job, job, "--all"], cluster.environ) == {job: "COMPLETED"}


def test_accounting_answers_for_jobs_that_have_left_the_queue(cluster, tmp_path):
    """A stand-in with the answers of sacct(1): a full word, the one who cancelled, and lines of others."""
    program = tmp_path / "sacct"
    program.write_text("#!/bin/sh\nprintf '4000000|COMPLETED\\n4000001|CANCELLED by 0\\n5|FAILED\\n4000002|\\n\\n'\n")
    program.chmod(0o755)
    environ = {**cluster.environ, "PATH": f"{tmp_path}:{cluster.environ['PATH']}"}
    asked = ["4000000", "4000001", "4000002"]
    assert slurm_states(asked, environ) == {"4000000": "COMPLETED", "4000001": "CANCELLED"}


def test_a_cluster_that_is_away_is_told(cluster, tmp_path):
    """Slurm's commands give up by themselves, and say why; nothing hangs."""
    lines = cluster.conf.read_text().splitlines()
    conf = tmp_path / "slurm.conf"
    moved = {"SlurmctldPort": "SlurmctldPort=1", "MessageTimeout": "MessageTimeout=2"}
    conf.write_text("\n".join(moved.get(line.partition("=")[0], line) for line in lines))
    environ = {**cluster.environ, "SLURM_CONF": str(conf)}
    folder = folder_of(tmp_path / "a")
    for call in (
        lambda: submit([folder], mode="parallel", environ=environ),
        lambda: slurm_states(["1"], environ),
        lambda: cancel(["1"], environ),
    ):
        with pytest.raises(EvaltrailError, match="Unable to contact slurm controller") as caught:
            call()
        assert caught.value.code == "slurm_unreachable"


def test_a_job_is_told_to_end_when_its_time_is_up(cluster, tmp_path):
    """At its limit, which Slurm looks after every 30 s, the process gets SIGTERM and time to write."""
    folder = folder_of(tmp_path / "a", program=LISTENS, walltime_s=1)
    (job,) = submit([folder], mode="parallel", environ=cluster.environ)
    wait_for(folder / "began")
    assert cluster.told(job, "TimeLimit") == "00:01:00"
    cluster.hasten(job)
    assert cluster.ended(job, within_s=100) == "TIMEOUT"
    assert folder.joinpath("last-words").read_text() == "SIGTERM"
