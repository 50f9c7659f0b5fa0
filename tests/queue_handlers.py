"""Handlers for the tests of dispatchers: what a unit's place says is done."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable

from evaltrail.config.settings import Settings
from evaltrail.core.errors import EndpointError, InputError
from evaltrail.core.progress import Progress
from evaltrail.jobs.hold import Done, Hold, LetGoError
from evaltrail.service.working.stopping import interruptible


def make(settings: Settings) -> Callable[[Hold], Done]:
    """What does ``{"do": ...}``."""

    def do(hold: Hold) -> Done:
        place = hold.claim.place
        assert isinstance(place, dict)
        return _DEEDS[str(place["do"])](hold)

    return do


NAME = f"{__name__}:make"


def _echo(hold: Hold) -> Done:
    return Done(result={"pid": os.getpid(), "attempt": hold.claim.attempt})


def _die(_hold: Hold) -> Done:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _nap(hold: Hold) -> Done:
    """For as long as a server takes to end."""
    return _after(hold, 2.0)


def _doze(hold: Hold) -> Done:
    """For longer than an impatient broker waits."""
    return _after(hold, 4.0)


def _after(hold: Hold, seconds: float) -> Done:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if hold.reason:
            raise LetGoError(hold.reason)
        time.sleep(0.01)
    return _echo(hold)


def _wait(hold: Hold) -> Done:
    """Until it is let go."""
    hold.tell(Progress(task="t", done=3, total=9))
    ends = time.monotonic() + 30
    while not hold.reason:
        assert time.monotonic() < ends
        time.sleep(0.005)
    raise LetGoError(hold.reason)


def _program(hold: Hold) -> Done:
    """Another program's, which ends when the unit is let go."""
    with interruptible(hold):
        subprocess.run(["sleep", "30"], check=True)
    raise AssertionError


def _refuse(_hold: Hold) -> Done:
    raise InputError("it can never be")


def _break(_hold: Hold) -> Done:
    raise EndpointError("it is gone")


def _stumble(_hold: Hold) -> Done:
    raise ZeroDivisionError("sk-abcdefgh12345678 leaked")


_DEEDS = {
    "break": _break,
    "die": _die,
    "doze": _doze,
    "echo": _echo,
    "nap": _nap,
    "program": _program,
    "refuse": _refuse,
    "stumble": _stumble,
    "wait": _wait,
}
