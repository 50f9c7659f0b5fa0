"""An event loop for one piece of work, wherever it is called from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from evaltrail.core.errors import EvaltrailError, InputError

Value = TypeVar("Value")


def in_loop(work: Callable[[], Coroutine[object, object, Value]]) -> Value:
    """What the work comes to, in an event loop of its own.

    Raises:
        EvaltrailError: the work did; what it takes for bad input was found good before, so it is no InputError.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _in_own_loop(work)
    # The caller (a notebook) has a loop of its own in this thread.
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(_in_own_loop, work).result()


def _in_own_loop(work: Callable[[], Coroutine[object, object, Value]]) -> Value:
    import uvloop  # noqa: PLC0415  only where something is asked

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work())
    except InputError as error:  # the data was good in the first pass, so this is no mistake in the order
        raise EvaltrailError(error.message, code=error.code, where=error.where, hint=error.hint) from error
