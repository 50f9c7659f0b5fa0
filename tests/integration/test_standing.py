"""The supervisor behind `evaltrail up`, over small real processes."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from child import start_child
from evaltrail.core.errors import StorageError
from evaltrail.service.standing.supervisor import Supervisor

_PROGRAM = """
import json, os, sys
from pathlib import Path
from evaltrail.core.errors import EvaltrailError
from evaltrail.service.standing.part import PartOrder
from evaltrail.service.standing.supervisor import Supervisor

folder, parts = Path(sys.argv[1]), json.loads(sys.argv[2])
orders = [PartOrder(name=name, command=(sys.executable, "-u", "-c", text), environ=dict(os.environ), log=f"{name}.log",
                    says=b"up")
          for name, text in parts.items()]
say = lambda *words: print(*words, flush=True)
supervisor = Supervisor(orders, folder, notice=lambda line: say("notice", line), lasting=1)
try:
    supervisor.run(lambda: say("ready", json.dumps(dict(supervisor.pids))), start_s=20, leave_s=1)
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

    def start(**parts):
        process = start_child(_PROGRAM, tmp_path, json.dumps(parts))
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
    process = supervise(deaf=DEAF, other=DEAF)
    pids = ready(process)
    process.terminate()
    time.sleep(0.2)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert time.monotonic() - began < 0.9
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


def test_folder_of_logs_that_cannot_be_made_is_told(tmp_path):
    """As an error with a next step, before anything is started."""
    (tmp_path / "home").touch()
    with pytest.raises(StorageError) as told:
        Supervisor((), tmp_path / "home" / "logs", notice=lambda _: None)
    assert "EVALTRAIL_HOME" in told.value.hint
