"""`logs`: of one job and of several, followed as they grow, in bounded memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from exporting import own_evaluation
from installed import Installed, ended, one_error, until
from sums import write_sums

from own_jobs import INVOCATION, OwnJobs

FIRST, SECOND = f"{INVOCATION}.0", f"{INVOCATION}.1"
_BOUNDED = """
import resource, sys
import evaltrail.cli.main as cli
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sys.stdout = open("/dev/null", "w")
code = cli.main(["logs", *sys.argv[1:]])
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
sys.stderr.write(f"GROWN {code} {grown}\\n")
"""


class Follower:
    """A `logs -f` in a process of its own, and what it has printed."""

    def __init__(self, evaltrail, *words):
        self.out = evaltrail.cwd / "followed.txt"
        with self.out.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "evaltrail.cli.main", "logs", "-f", *words],
                cwd=evaltrail.cwd,
                env=evaltrail.environ,
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
            )
        evaltrail._started.append(self.process)

    @property
    def lines(self):
        """Whole lines so far."""
        return self.out.read_text().split("\n")[:-1]

    def end(self, seconds=20):
        """Its exit code, once it ends by itself."""
        return self.process.wait(seconds)


class User:
    """One user's home with jobs of ours."""

    def __init__(self, folder):
        self.folder = folder
        self.jobs = OwnJobs(folder / "user")
        self.evaltrail = Installed(folder)

    def follow(self, *words):
        return Follower(self.evaltrail, *words)


@pytest.fixture
def user(tmp_path):
    made = User(tmp_path)
    yield made
    made.evaltrail.end_all()


def write(folder, text, name="client_stdout.log"):
    """Add to a log of a job."""
    with (folder / "logs" / name).open("a") as log:
        log.write(text)


def test_all_logs_of_a_job_are_shown_the_tasks_own_first(user):
    """With a head where there are several; empty ones are left out."""
    folder = user.jobs.add()
    write(folder, "around\n", "stdout.log")
    write(folder, "task\n")
    write(folder, "slurm\n", "slurm-17.log")
    write(folder, "", "server_stdout.log")
    done = user.evaltrail("logs", FIRST)
    heads = [f"==> logs/{name} <==" for name in ("client_stdout.log", "stdout.log", "slurm-17.log")]
    assert done.out.splitlines() == [heads[0], "task", heads[1], "around", heads[2], "slurm"]
    assert user.evaltrail("logs", FIRST, "--json").object["lines"] == ["task", "around", "slurm"]


def test_logs_of_several_jobs_bear_their_ids(user):
    """One that has not begun has no lines; for programs the lines stand with their job."""
    write(user.jobs.add(0), "one\ntwo\n")
    write(user.jobs.add(1), "three")
    user.jobs.add(2, "pending")
    assert user.evaltrail("logs", "5eed").out.splitlines() == [f"{FIRST}: one", f"{FIRST}: two", f"{SECOND}: three"]
    found = user.evaltrail("logs", "5eed", "--json").object
    assert (found["evaluation_id"], [job["lines"] for job in found["jobs"]]) == (
        INVOCATION,
        [["one", "two"], ["three"], []],
    )


def test_an_invocation_without_any_log_says_so(user):
    """Exit 2 with the next step, followed or not."""
    user.jobs.add(0, "pending")
    user.jobs.add(1, "pending")
    for words in ((), ("-f",)):
        done = user.evaltrail("logs", "5eed", *words)
        assert (done.code, "`evaltrail status" in one_error(done)) == (2, True)


def test_only_the_last_lines_are_shown(user):
    """Of each log, also where the last line has not ended; none is a number too."""
    write(user.jobs.add(0), "".join(f"{number}\n" for number in range(100_000)) + "end")
    assert user.evaltrail("logs", FIRST, "--tail", 3).out == "99998\n99999\nend\n"
    assert user.evaltrail("logs", FIRST, "--tail", 0).out == ""
    assert user.evaltrail("logs", FIRST, "--tail", "-1").code == 2


def test_control_characters_do_not_reach_the_terminal(user):
    """Neither printed at once nor followed; a carriage return ends a line."""
    write(user.jobs.add(0), "\x1b[31mred\r50%\r\nend\n")
    for words in ((), ("-f",)):
        assert user.evaltrail("logs", FIRST, *words).out.splitlines() == ["\ufffd[31mred", "50%", "end"]


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("--tail", "3"), ("--json",), ("-f",)])
def test_a_huge_log_takes_little_memory(user, words):
    """Also where it has a line without an end; memory stays below a third of the file."""
    folder = user.jobs.add(0)
    write(folder, "a line of a log, as they are\n" * 1_500_000)
    write(folder, "x" * 40_000_000)
    done = user.evaltrail.python(_BOUNDED, FIRST, *words)
    word, code, grown = done.err.splitlines()[-1].split()
    assert (word, code) == ("GROWN", "0")
    assert int(grown) < 25_000, f"{grown} KB"


def test_a_follower_ends_with_the_jobs(user):
    """The last lines, then new ones of every job, also of logs that appear later, until all have ended."""
    first = user.jobs.add(0, "running")
    second = user.jobs.add(1, "pending")
    write(first, "".join(f"old {number}\n" for number in range(40)))
    with user.jobs.launching():
        with user.jobs.running(first):
            follower = user.follow("5eed")
            until(lambda: len(follower.lines) == 15)
            assert follower.lines == [f"{FIRST}: old {number}" for number in range(25, 40)]
            write(first, "new\nhalf")
            until(lambda: follower.lines[-1] == f"{FIRST}: new")
            write(first, " a line\n")
            until(lambda: follower.lines[-1] == f"{FIRST}: half a line")
            user.jobs.end(first)
        write(second, "later\n", "stdout.log")
        until(lambda: follower.lines[-1] == f"{SECOND}: later")
        with user.jobs.running(second):
            (second / "logs" / "stage.running").write_text("2026-01-01T12:00:00Z\n")
            write(second, "last, without an end", "stdout.log")
            user.jobs.end(second)
            time.sleep(0.5)
            assert follower.process.poll() is None, "the process of the job still delivers"
    assert follower.end() == 0
    assert follower.lines[-1] == f"{SECOND}: last, without an end"


def test_a_follower_of_jobs_that_have_ended_prints_their_last_lines(user):
    """At once; also where a job's process is gone, or its launcher is."""
    write(user.jobs.add(0), "one\n")
    write(user.jobs.add(1, "abandoned"), "two")
    user.jobs.add(2, "pending")
    done = user.evaltrail("logs", "-f", "5eed", "--tail", 5)
    assert (done.code, done.out.splitlines()) == (0, [f"{FIRST}: one", f"{SECOND}: two"])


def test_a_log_that_is_replaced_or_cut_is_followed_on(user):
    """What was written before is not lost, and nothing is told twice."""
    folder = user.jobs.add(0, "running")
    log = folder / "logs" / "client_stdout.log"
    write(folder, "first\n")
    with user.jobs.running(folder):
        follower = user.follow(FIRST)
        until(lambda: follower.lines == ["first"])
        write(folder, "second\n")
        log.rename(log.with_suffix(".old"))
        until(lambda: follower.lines == ["first", "second"])
        write(folder, "third\n")
        until(lambda: follower.lines == ["first", "second", "third"])
        log.write_text("cut\n")
        until(lambda: follower.lines == ["first", "second", "third", "cut"])
        user.jobs.end(folder)
    assert (follower.end(), follower.lines) == (0, ["first", "second", "third", "cut"])


def test_last_words_after_the_lock_are_told(user):
    """A job prints its errors after it has let go of its lock."""
    folder = user.jobs.add(0, "running")
    write(folder, "begin\n")
    with user.jobs.running(folder):
        follower = user.follow(FIRST)
        until(lambda: follower.lines == ["begin"])
        user.jobs.end(folder, 1)
    time.sleep(0.1)
    write(folder, "error: it failed\n", "stdout.log")
    assert (follower.end(), follower.lines) == (0, ["begin", "error: it failed"])


def test_programs_follow_objects(user):
    """One JSON object a line."""
    write(user.jobs.add(0), 'one "quoted"\n')
    write(user.jobs.add(1), "two\n")
    done = user.evaltrail("logs", "-f", "5eed", "--json")
    assert [json.loads(line) for line in done.out.splitlines()] == [
        {"job_id": FIRST, "line": 'one "quoted"'},
        {"job_id": SECOND, "line": "two"},
    ]


def test_an_interrupted_follower_says_nothing(user):
    """Exit 130 as every interrupted command; a person who stops it needs no error line."""
    folder = user.jobs.add(0, "running")
    write(folder, "one\n")
    with user.jobs.running(folder):
        follower = user.follow(FIRST)
        until(lambda: follower.lines == ["one"])
        follower.process.send_signal(signal.SIGINT)
        _, err = follower.process.communicate(timeout=20)
    assert (follower.process.returncode, err, follower.lines) == (130, "", ["one"])


def test_a_reader_that_goes_away_ends_the_follower(user):
    """`| head` is no failure."""
    folder = user.jobs.add(0, "running")
    write(folder, "one\n")
    with user.jobs.running(folder):
        process = user.evaltrail.start("logs", "-f", FIRST)
        assert process.stdout.readline() == "one\n"
        process.stdout.close()
        write(folder, "two\n")
        assert process.wait(20) == 0
        assert process.stderr.read() == ""


def test_the_log_of_an_evaluation_is_followed_too(user):
    """A finished one has its log told, and the follower ends."""
    own_evaluation(user, "00c0ffee00c0ffee")
    out = user.folder / "home" / "evaluations" / "00c0ffee00c0ffee" / "logs"
    out.mkdir(exist_ok=True)
    (out / "run.log").write_text("asked\nscored\n")
    assert user.evaltrail("logs", "00c0", "-f").out == "asked\nscored\n"
    assert user.evaltrail("logs", "00c0", "--json").object["lines"] == ["asked", "scored"]


@pytest.mark.slow
def test_a_running_evaluation_is_followed_to_its_end(user, endpoint):
    """Its log moves into the bundle while it ends; nothing is told twice."""
    endpoint.configure(latency_ms=50)
    words = ("--url", endpoint.url, "--model", "m", "--concurrency", 4, "--no-deliver")
    run = user.evaltrail.start("run", write_sums(user.evaltrail.cwd, 100), *words)
    until(lambda: endpoint.stats()["total"] > 0)
    (known,) = user.evaltrail.runs()
    follower = user.follow(known["evaluation_id"])
    until(lambda: any("asking m" in line for line in follower.lines))
    assert follower.process.poll() is None
    assert ended(run).code == 0
    assert follower.end() == 0
    assert [line for line in follower.lines if "100 samples are answered" in line] == follower.lines[-1:]
    assert len(set(follower.lines)) == len(follower.lines)


def test_a_pipe_among_the_logs_blocks_nobody(user):
    """Only files are logs."""
    folder = user.jobs.add(0)
    os.mkfifo(folder / "logs" / "client_stdout.log")
    write(folder, "around\n", "stdout.log")
    assert user.evaltrail("logs", FIRST, timeout=20).out == "around\n"
    assert ended(user.evaltrail.start("logs", "-f", FIRST), timeout=20).out == "around\n"
