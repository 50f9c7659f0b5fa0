"""Work that the ledger knows of while it is done, and by its reason where it was stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from evaltrail.core.errors import EvaltrailError, InterruptError
from evaltrail.service.record import failure_object
from evaltrail.store.ledger import Entry, Ledger


@contextmanager
def noted(ledger: Ledger, entry: Entry, log: Callable[[str], None]) -> Iterator[None]:
    """Begin an entry, and end it where the block is stopped; one that comes to its end is the block's own to end.

    Args:
        ledger: of the home.
        entry: of the work.
        log: told why it was stopped.

    Raises:
        InterruptError: interrupted; the same order goes on.
        EvaltrailError: as the block raised it, with the entry's id.
    """

    def stopped(error: EvaltrailError, state: str) -> None:
        error.evaluation_id = entry.id
        log(f"stopped: {error}")
        ledger.end(entry.id, state, msgspec.json.encode(failure_object(error)))

    ledger.begin(entry)
    try:
        yield
    except KeyboardInterrupt as interrupt:
        error = InterruptError("interrupted: what was answered is kept", hint="the same command goes on")
        stopped(error, "cancelled")
        raise error from interrupt
    except EvaltrailError as error:
        stopped(error, "failed")
        raise
