"""Work that a unit's hold can stop: in an event loop, or in another program that runs for us."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TypeVar

from evaltrail.jobs.hold import Hold, LetGoError

_Result = TypeVar("_Result")


def run_in_loop(work: Callable[[], Coroutine[object, object, _Result]], hold: Hold) -> _Result:
    """What the work comes to, in an event loop of its own.

    Raises:
        LetGoError: the unit was let go; every request in flight was given up.
    """
    import uvloop  # noqa: PLC0415  only where something is asked

    async def stoppable() -> _Result:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop() -> None:
            if task is not None:
                loop.call_soon_threadsafe(task.cancel)

        with hold.stoppable(stop):
            return await work()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(stoppable())
        except asyncio.CancelledError as stopped:
            raise LetGoError(hold.reason) from stopped


@contextmanager
def interruptible(hold: Hold, *, ends_what_it_began: bool = False) -> Iterator[None]:
    """Interrupt the block, which waits for another program, as Ctrl-C would.

    Outside of the main thread nothing can be interrupted: there the program runs to its end.

    Args:
        hold: the unit.
        ends_what_it_began: that its job is cancelled meanwhile comes too late for the block: nobody would go on with
            what it leaves half done elsewhere.

    Raises:
        LetGoError: the unit was let go, and the program was ended.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main:
        yield
        return

    def stop() -> None:
        if not (ends_what_it_began and hold.reason == "cancelled"):
            signal.pthread_kill(main.ident or 0, signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with hold.stoppable(stop):
            yield
    except KeyboardInterrupt as stopped:
        if not hold.reason:
            hold.let_go("leaving")
        raise LetGoError(hold.reason) from stopped
    finally:
        signal.signal(signal.SIGINT, before)
