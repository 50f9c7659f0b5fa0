"""The one handler that every worker calls: a job's kind decides which verb does its units."""

from __future__ import annotations

from evaltrail.config.settings import Settings
from evaltrail.jobs.hold import Done, Hold
from evaltrail.service.handling.call_back import call_back
from evaltrail.service.working.execute import UnitExecutor
from evaltrail.service.working.found_by import CALLBACK

HANDLER = f"{__name__}:UnitHandler"
"""Name of what does units, for dispatchers that load it in a process of their own."""


class UnitHandler:
    """Does units, one at a time.

    Args:
        settings: of this process.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._execute = UnitExecutor(settings)

    def __call__(self, hold: Hold) -> Done:
        """What the unit came to.

        Raises:
            LetGoError: it was let go; what it has done is kept.
            InputError: it can never be done here.
            EvaltrailError: it failed, and may be done again.
        """
        if hold.claim.job_kind == CALLBACK:
            return call_back(hold, self._settings)
        return self._execute(hold)
