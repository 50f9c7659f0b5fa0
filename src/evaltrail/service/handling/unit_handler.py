"""The one handler that every worker calls: a job's kind decides which verb does its units."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from evaltrail.config.settings import Settings
from evaltrail.jobs.hold import Done, Hold
from evaltrail.service.handling.call_back import call_back
from evaltrail.service.handling.land_edits import EDITS_LANDING, land_edits
from evaltrail.service.working.edits_spec import EDITS
from evaltrail.service.working.edits_unit import do_edits, has_to_land
from evaltrail.service.working.execute import UnitExecutor
from evaltrail.service.working.found_by import CALLBACK
from evaltrail.service.working.generation_landing import GENERATION_LANDING, do_generation_landing
from evaltrail.service.working.generation_spec import GENERATION
from evaltrail.service.working.generation_unit import do_generation
from evaltrail.service.working.landing import landing_job

HANDLER = f"{__name__}:UnitHandler"
"""Name of what does units, for dispatchers that load it in a process of their own."""


def _edit(hold: Hold, settings: Settings) -> Done:
    """The edits, kept; a job of its own goes on with their delivery where that has to wait."""
    done = do_edits(hold, settings)
    if has_to_land(done):
        hold.queue.submit(landing_job(hold.claim, hold.job().job.queue, kind=EDITS_LANDING))
    return done


_VERBS: Mapping[str, Callable[[Hold, Settings], Done]] = {
    CALLBACK: call_back,
    GENERATION: do_generation,
    GENERATION_LANDING: do_generation_landing,
    EDITS: _edit,
    EDITS_LANDING: land_edits,
}
"""Kinds of jobs other than evaluations, and their deliveries, to what does their units."""


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
        verb = _VERBS.get(hold.claim.job_kind)
        return self._execute(hold) if verb is None else verb(hold, self._settings)
