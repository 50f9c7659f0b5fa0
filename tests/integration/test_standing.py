"""The supervisor behind `evaltrail up`, over small real processes."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

import child
from child import start_child
from evaltrail.core.errors import StorageError
from evaltrail.service.standing.guard import Guard
from evaltrail.service.standing.part import Part, PartOrder
from evaltrail.service.standing.rotated_log import RotatedLog
from evaltrail.service.standing.supervisor import Supervisor
from few_descriptors import allow_descriptors, open_descriptors

_PROGRAM = """
import json, os, signal, sys
from pathlib import Path
from evaltrail.core.errors import EvaltrailError
from evaltrail.service.standing.part import PartOrder
from evaltrail.service.standing.supervisor import Supervisor

folder, parts, options = Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])
orders = [PartOrder(name=name, command=(sys.executable, "-u", "-c", text), environ=dict(os.environ), log=f"{name}.log",
                    says=b"up")
          for name, text in parts.items()]
say = lambda *words: print(*words, flush=True)
limits = []

def notice(line):
    say("notice", line)
    while limits and "cannot be started" in line:
        limits.pop()()

def ready():
    say("ready", json.dumps(dict(supervisor.pids)))
    for number in options["signals"]:
        os.kill(os.getpid(), number)
    if options["dies"]:
        sys.path.append(options["tests"])
        from few_descriptors import allow_descriptors
        for pid in (supervisor._guard.pid, dict(supervisor.pids)[options["dies"]]):
            os.kill(pid, signal.SIGKILL)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        limits.append(allow_descriptors(1))

supervisor = Supervisor(orders, folder, notice=notice, lasting=1)
try:
    supervisor.run(ready, start_s=20, leave_s=options["leave_s"])
except EvaltrailError as error:
    say("error", error.exit_code, error)
say("ended")
"""
STANDS = "print('up')\nimport time\ntime.sleep(60)"
BEARS = """
import os, subprocess, sys
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], stdout=2).pid, "up")
import time
time.sleep(60)
"""
DEAF = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up')\nimport time\ntime.sleep(60)"


@pytest.fixture
def supervise(tmp_path):
    """Start a supervisor over programs; whatever happens, it is ended."""
    started = []

    def start(*, leave_s=1, signals=(), dies="", **parts):
        options = {"leave_s": leave_s, "signals": signals, "dies": dies, "tests": str(Path(child.__file__).parent)}
        process = start_child(_PROGRAM, tmp_path, json.dumps(parts), json.dumps(options))
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ready(process):
    word, _, pids = process.stdout.readline().partition(" ")
    assert word == "ready", pids + process.stderr.read()
    return json.loads(pids)


def runs(pid):
    """Whether a process works; one that is dead and not taken in by anybody does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pids, *, seconds=10):
    ends = time.monotonic() + seconds
    while any(map(runs, pids)) and time.monotonic() < ends:
        time.sleep(0.02)
    return not any(map(runs, pids))


def test_what_dies_is_started_again_and_told_once(supervise):
    """Another process in its place, a sentence when it died and one when it stands."""
    process = supervise(one=STANDS, two=STANDS)
    before = ready(process)
    os.kill(before["one"], signal.SIGKILL)
    assert process.stdout.readline() == "notice one was ended by signal 9; it is started again\n"
    again = process.stdout.readline()
    assert again.startswith("notice one stands again, process ")
    assert runs(before["two"])
    process.terminate()
    assert process.stdout.readline() == "ended\n"
    assert process.wait(10) == 0
    assert gone([int(again.split()[-1]), *before.values()])


def test_at_the_end_nothing_is_left(supervise, tmp_path):
    """Neither what was started, nor what that started; one that is deaf to the request is killed, and told of."""
    process = supervise(deaf=DEAF, bears=BEARS)
    pids = ready(process)
    grandchild = int((tmp_path / "bears.log").read_text().split()[0])
    assert runs(grandchild)
    process.terminate()
    assert process.stdout.readline() == "notice deaf does not end: it is killed\n"
    assert process.stdout.readline() == "ended\n"
    assert process.wait(10) == 0
    assert gone([grandchild, *pids.values()], seconds=2)


def test_a_second_signal_waits_for_nobody(supervise):
    """Who presses Ctrl-C twice is not made to wait for the grace."""
    process = supervise(leave_s=60, deaf=DEAF, other=STANDS)
    pids = ready(process)
    process.terminate()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert gone(pids.values())


def test_a_second_signal_counts_before_the_first_is_seen(supervise):
    """Both come within one turn of the supervisor, which lasts seconds where something does not answer."""
    process = supervise(leave_s=60, signals=(signal.SIGINT, signal.SIGTERM), deaf=DEAF, other=STANDS)
    pids = ready(process)
    assert process.wait(30) == 0
    assert gone(pids.values())


def test_the_killed_supervisor_leaves_nothing_behind(supervise, tmp_path):
    """SIGKILL too: the guard ends what it had started."""
    process = supervise(one=STANDS, bears=BEARS)
    pids = ready(process)
    grandchild = int((tmp_path / "bears.log").read_text().split()[0])
    process.kill()
    assert gone([grandchild, *pids.values()])


def test_what_says_that_it_cannot_work_ends_everything(supervise):
    """Exit code 2 is a mistake that a second start would not mend: its last line is told, and where more is."""
    process = supervise(wrong="import sys\nprint('error: no such host')\nsys.exit(2)", other=STANDS)
    line = process.stdout.readline()
    assert line.startswith("error 2 wrong ended with exit code 2: no such host (")
    assert "wrong.log tells more" in line
    assert process.stdout.readline() == "ended\n"
    assert process.wait(10) == 0


@pytest.mark.slow
def test_what_keeps_saying_that_it_cannot_work_is_given_up(supervise):
    """Also when it stood for a moment each time."""
    moment = "import sys, time\nprint('up', flush=True)\ntime.sleep(1)\nprint('error: no queue')\nsys.exit(2)"
    process = supervise(wrong=moment, other=STANDS)
    lines = process.stdout.read().splitlines()
    assert lines[-2].startswith("error 2 wrong ended with exit code 2: no queue (")
    assert [line.partition(" ")[0] for line in lines if "is started again" in line] == ["notice"]


@pytest.mark.slow
def test_what_never_stands_is_not_started_for_ever(supervise):
    """Three starts; then the whole is given up, without a word for each."""
    process = supervise(broken="raise SystemExit(7)", other=STANDS)
    assert process.stdout.readline().startswith("error 1 broken ended with exit code 7 (")
    assert process.stdout.readline() == "ended\n"


def test_without_room_for_a_process_a_start_is_put_off(tmp_path):
    """It is no mistake of the person who asked for it: it is tried later, and nothing is left of the attempt."""
    order = PartOrder(name="one", command=("/bin/true",), environ={}, log="one.log")
    log = RotatedLog(tmp_path / "one.log")
    part, before = Part(order, log, show=lambda *_: None), open_descriptors()
    began, give_back = time.monotonic(), allow_descriptors(1)
    try:
        for start in (part.start, part.start, Guard):
            with pytest.raises(StorageError, match="cannot be started: Too many open files"):
                start()
        assert (part.pid, part.deaths) == (0, 2)
        assert part.starts_at >= began + 1
        part.deaths = 5_000  # days of it
        with pytest.raises(StorageError, match="cannot be started"):
            part.start()
        assert part.starts_at >= began + 30
    finally:
        give_back()
    assert open_descriptors() == before
    part.start()
    part.bury()
    log.close()


@pytest.mark.slow
def test_what_dies_without_room_for_another_process_stands_again_later(supervise):
    """Neither it nor the guard can be started at once: that is told, and both are back when there is room."""
    process = supervise(dies="one", one=STANDS, two=STANDS)
    before = ready(process)
    lines = [process.stdout.readline() for _ in range(3)]
    assert lines[0] == "notice one was ended by signal 9; it is started again\n"
    assert lines[1] == "notice one cannot be started: Too many open files; it is tried again\n"
    assert lines[2].startswith("notice one stands again, process ")
    process.kill()
    assert gone([int(lines[2].split()[-1]), before["two"]])


def test_folder_of_logs_that_cannot_be_made_is_told(tmp_path):
    """As an error with a next step, before anything is started."""
    (tmp_path / "home").touch()
    with pytest.raises(StorageError) as told:
        Supervisor((), tmp_path / "home" / "logs", notice=lambda _: None)
    assert "EVALTRAIL_HOME" in told.value.hint
