"""Child processes: how they end, what their log holds, and that nothing of them stays."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from textwrap import dedent

import pytest

from child import start_child
from evaltrail.core.errors import InputError, StorageError
from evaltrail.providers.process import Ended, run_process
from private_server import descendants

QUICK_S = 5.0
"""Far above what these children need, and below every grace and time-out that is not meant to pass."""


class Job:
    """A folder in which small Python programs run as children."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "job.log"

    def run(self, program: str, *, environ=(), timeout_s=None, **options) -> Ended:
        command = [sys.executable, "-c", dedent(program)]
        variables = {**os.environ, **dict(environ)}
        return run_process(command, cwd=self.folder, environ=variables, log=self.log, timeout_s=timeout_s, **options)

    def said(self) -> str:
        return self.log.read_text()

    def line(self, number: int) -> str:
        """A line of the log, as soon as it is there."""
        until = time.monotonic() + 4 * QUICK_S
        while time.monotonic() < until:
            lines = self.said().splitlines() if self.log.exists() else []
            if len(lines) > number:
                return lines[number]
            time.sleep(0.01)
        raise AssertionError(f"no line {number}")


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path)


def is_alive(pid: int) -> bool:
    """Whether a process runs: one that has ended and waits to be fetched does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int) -> bool:
    until = time.monotonic() + QUICK_S
    while is_alive(pid) and time.monotonic() < until:
        time.sleep(0.01)
    return not is_alive(pid)


def test_output_and_errors_are_added_to_the_log_in_their_order(job):
    """Both streams land in one log, behind what it held."""
    job.log.write_text("before\n")
    ended = job.run("import os; os.write(1, b'out\\n'); os.write(2, b'err\\n'); raise SystemExit(3)")
    assert ended == Ended(code=3, log_bytes=8)
    assert job.said() == "before\nout\nerr\n"


def test_a_child_has_its_folder_its_variables_and_an_empty_input(job):
    """Nothing of the caller reaches it but what is given."""
    job.run(
        "import os, sys; print(os.getcwd(), os.environ['COLOUR'], repr(sys.stdin.read()))", environ={"COLOUR": "red"}
    )
    assert job.said() == f"{job.folder} red ''\n"


def test_a_child_inherits_the_descriptors_that_are_passed(job):
    """A lock or a pipe of the caller goes on to the child, and no other descriptor does."""
    reading, writing = os.pipe()
    other = os.dup(writing)
    program = f"""
        import os
        os.write({writing}, b"hello")
        try:
            os.write({other}, b"never")
        except OSError:
            print("closed")
    """
    job.run(program, pass_fds=(writing,))
    for handle in (writing, other):
        os.close(handle)
    assert os.read(reading, 100) == b"hello"
    os.close(reading)
    assert job.said() == "closed\n"


def test_the_caller_is_called_while_a_child_runs(job):
    """What a child tells by a pipe can be read on the way, in the caller's own thread."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    heard: list[bytes] = []

    def look() -> None:
        with suppress(BlockingIOError):
            heard.append(os.read(reading, 100))

    program = f"import os, time; os.write({writing}, b'half'); time.sleep(0.5); os.write({writing}, b'done')"
    job.run(program, pass_fds=(writing,), on_look=look)
    look()
    for handle in (reading, writing):
        os.close(handle)
    assert heard == [b"half", b"done"]


def test_a_death_by_signal_is_told_as_shells_do(job):
    """128 + the signal's number."""
    assert job.run("import os; os.kill(os.getpid(), 9)").code == 137


def test_a_flood_leaves_begin_and_end(job):
    """A hundred megabytes of output cost no memory and no hundred megabytes of disk."""
    program = """
        import sys
        block = "a line of output that goes on and on, and on\\n" * 20_000
        print("first")
        for _ in range(120):
            sys.stdout.write(block)
        print("last")
    """
    ended = job.run(program, most_log_bytes=3_000_000)
    text = job.said()
    assert text.startswith("first\n")
    assert text.endswith("\nlast\n")
    assert f"{ended.dropped_bytes:,} bytes of output were dropped here" in text
    assert len(text) == ended.log_bytes < 3_000_100
    assert ended.dropped_bytes > 100_000_000


def test_secrets_do_not_reach_the_log(job):
    """A harness that prints its key does not spread it."""
    job.run("print('key: hunter2-of-mine')", secrets=["hunter2-of-mine"])
    assert "hunter2" not in job.said()


def test_a_time_out_ends_the_child_and_what_it_started(job):
    """The whole group is told to end; a child that heeds it is gone at once, with its last words."""
    program = """
        import signal, subprocess, sys, time
        other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        def end(number, frame):
            print("told to end")
            sys.exit(7)
        signal.signal(signal.SIGTERM, end)
        print(other.pid, flush=True)
        time.sleep(60)
    """
    begin = time.monotonic()
    ended = job.run(program, timeout_s=0.5)
    assert (ended.code, ended.is_timed_out) == (7, True)
    assert time.monotonic() - begin < QUICK_S
    pid, *words = job.said().split()
    assert words == ["told", "to", "end"]
    assert wait_until_gone(int(pid))


CALLER = """
    import os, sys
    from pathlib import Path
    from evaltrail.providers.process import run_process
    command = [sys.executable, "-c", sys.argv[2]]
    try:
        run_process(command, cwd=Path.cwd(), environ=os.environ, log=Path(sys.argv[1]), timeout_s=None)
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_an_interrupt_ends_the_child_and_goes_on(job):
    """A stopped job leaves no child behind, and what it printed is kept."""
    with start_child(CALLER, job.log, "import os, time; print(os.getpid(), flush=True); time.sleep(60)") as caller:
        pid = int(job.line(0))
        caller.send_signal(signal.SIGINT)
        assert caller.communicate(timeout=QUICK_S) == ("interrupted\n", "")
    assert wait_until_gone(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["fork", "start"])
def test_an_interrupt_while_a_child_starts_ends_it_too(job, number, moment):
    """Between the fork and the watch nobody else would know of the child."""
    before = set(descendants(os.getpid()))

    def note(_frame, event, called):
        if event == "c_return" and called.__name__ == "fork_exec":
            signal.raise_signal(number)

    def told(_):
        if moment == "start":
            signal.raise_signal(number)

    handler = signal.signal(number, signal.default_int_handler)
    sys.setprofile(note if moment == "fork" else None)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_process(["sleep", "60"], cwd=job.folder, environ=os.environ, log=job.log, timeout_s=None, on_start=told)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        sys.setprofile(None)
        signal.signal(number, handler)
    left = [pid for pid in set(descendants(os.getpid())) - before if is_alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []


def test_an_interrupt_while_nothing_could_be_started_is_not_lost(job):
    """What was put off is raised in place of what the start came to."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)

    def note(_frame, event, called):
        if event == "c_return" and called.__name__ == "fork_exec":
            signal.raise_signal(signal.SIGINT)

    sys.setprofile(note)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_process(["nowhere"], cwd=job.folder, environ=os.environ, log=job.log, timeout_s=None)
    finally:
        sys.setprofile(None)
        signal.signal(signal.SIGINT, handler)


def test_a_second_interrupt_kills_a_child_that_does_not_end(job):
    """The first asks, the second does not wait for the answer."""
    program = """
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: print("no", flush=True))
print(os.getpid(), flush=True)
while True:
    time.sleep(60)
"""
    with start_child(CALLER, job.log, program) as caller:
        pid = int(job.line(0))
        caller.send_signal(signal.SIGINT)
        assert job.line(1) == "no"
        caller.send_signal(signal.SIGINT)
        assert caller.communicate(timeout=QUICK_S) == ("interrupted\n", "")
    assert wait_until_gone(pid)


@pytest.mark.slow
def test_a_grandchild_that_holds_the_output_is_not_waited_for(job):
    """What a child leaves running is killed after two seconds, though it keeps the pipe open."""
    program = """
        import subprocess, sys
        other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print(other.pid)
    """
    begin = time.monotonic()
    ended = job.run(program)
    assert ended.code == 0
    assert time.monotonic() - begin < QUICK_S
    assert wait_until_gone(int(job.said()))


def test_a_grandchild_without_output_is_killed_too(job):
    """A server that a harness forgot does not outlive the job."""
    program = """
        import subprocess, sys
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], **quiet)
        print(other.pid)
    """
    assert job.run(program).code == 0
    assert wait_until_gone(int(job.said()))


def test_a_child_that_closes_its_output_is_waited_for(job):
    """The end of the output is not the end of the child."""
    assert job.run("import os, time; os.close(1); os.close(2); time.sleep(0.3); os._exit(5)").code == 5


@pytest.mark.parametrize("command", [["no-such-command-anywhere"], [], ["echo", "a\0b"], ["/"]])
def test_a_command_that_cannot_be_started_is_an_input_error(tmp_path, command):
    """Not found, empty, not to be executed: one line says so."""
    with pytest.raises(InputError) as caught:
        run_process(command, cwd=tmp_path, environ=os.environ, log=tmp_path / "log", timeout_s=None)
    assert caught.value.code == "missing_command"


def test_a_missing_working_folder_is_told_by_its_name(tmp_path):
    """It is not the command that is missing."""
    with pytest.raises(InputError, match="working folder") as caught:
        run_process(["true"], cwd=tmp_path / "gone", environ=os.environ, log=tmp_path / "log", timeout_s=None)
    assert caught.value.where == str(tmp_path / "gone")


def test_a_log_that_cannot_be_opened_starts_nothing(tmp_path):
    """Without a log nobody would know what happened."""
    with pytest.raises(StorageError):
        run_process(["touch", "made"], cwd=tmp_path, environ=os.environ, log=tmp_path / "no" / "log", timeout_s=None)
    assert not (tmp_path / "made").exists()
