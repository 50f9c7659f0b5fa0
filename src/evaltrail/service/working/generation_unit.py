"""The unit that makes questions of documents; answers are kept, so that its next attempt asks only what is left."""

from __future__ import annotations

from evaltrail.config.settings import Settings
from evaltrail.core.errors import EndpointError, EvaltrailError, InputError, InterruptError
from evaltrail.core.progress import Progress
from evaltrail.core.values import Json
from evaltrail.jobs.carrying import pause_before_retry_s
from evaltrail.jobs.hold import Done, Hold, LetGoError
from evaltrail.jobs.states import Verdict
from evaltrail.service.evaluation.watch import Watch
from evaltrail.service.generating.carry_out import carry_out_generation
from evaltrail.service.generating.order import GenerationResult
from evaltrail.service.generating.prepare import prepare_generation
from evaltrail.service.working.generation_landing import GENERATION_LANDING
from evaltrail.service.working.generation_spec import GENERATION, RUN_URL, generation_from_json, order_of_generation
from evaltrail.service.working.landing import LOST, landing_job, lost, may_pass, mlflow_word
from evaltrail.service.working.ledger_entry import end_cancelled, end_failed
from evaltrail.service.working.stopping import interruptible

_ENDPOINT_ATTEMPTS = 5
"""With pauses that is a minute of an endpoint that is away, beside what each attempt waits for it itself."""
_SHORTFALL = "shortfall"


def do_generation(hold: Hold, settings: Settings) -> Done:
    """What came of a generation: its data set is kept, and its run has landed or goes on to by a job of its own.

    Args:
        hold: the unit.
        settings: of this process.

    Raises:
        LetGoError: the unit was let go; what was answered is kept.
        EndpointError: the endpoint refuses or is gone; answers are kept.
        InputError: it can never be done here.
        StorageError: the disk refuses.
    """
    claim = hold.claim
    if claim.is_cancelled:
        end_cancelled(settings, claim.job_id)
        return Done(verdict="cancelled")
    try:
        result = _generated(hold, settings)
    except EvaltrailError as error:
        if isinstance(error, InterruptError) and hold.reason:
            raise LetGoError(hold.reason) from error
        if isinstance(error, EndpointError) and claim.attempt >= _ENDPOINT_ATTEMPTS:
            end_failed(settings, claim.job_id, error)
            raise InputError(error.message, code=error.code, hint=error.hint, where=error.where) from error
        if not claim.attempts_left or pause_before_retry_s(error, claim.attempt, 1.0) is None:
            end_failed(settings, claim.job_id, error)
        raise
    hold.check_ours()
    if result.run is not None:
        hold.note_runs({"": result.run.run_id})
    if any(map(may_pass, result.errors)):
        hold.queue.submit(landing_job(claim, hold.job().job.queue, kind=GENERATION_LANDING))
    return Done(result=_told(result), verdict=_verdict(result))


def _generated(hold: Hold, settings: Settings) -> GenerationResult:
    spec = generation_from_json(hold.claim.spec)
    prepared = prepare_generation(order_of_generation(spec, hold.claim.job_id), settings)
    hold.tell_now(Progress(task=GENERATION, done=0, total=prepared.requested))

    def tell(progress: Progress) -> None:
        hold.check_ours()
        hold.tell(progress)

    with interruptible(hold):
        return carry_out_generation(prepared, settings, Watch(progress=tell))


def _verdict(result: GenerationResult) -> Verdict:
    if result.state == "failed":
        return "failed"
    is_short = any(error.code == _SHORTFALL for error in result.errors)
    is_lost = any(error.code != _SHORTFALL and not may_pass(error) for error in result.errors)
    return "partially_failed" if is_short or is_lost else "completed"


def _told(result: GenerationResult) -> dict[str, Json]:
    generation = result.generation
    delivered = tuple(error for error in result.errors if error.code != _SHORTFALL)
    return {
        "requested": generation.requested,
        "accepted": generation.accepted,
        "missing": generation.missing,
        "rejected": dict(generation.rejected_by_reason),
        "shortfall": dict(generation.shortfall),
        "windows": len(generation.windows),
        "unused_chunks": len(generation.unused_chunks),
        "calls": generation.calls,
        "new_calls": generation.new_calls,
        "tokens": {"prompt": generation.prompt_tokens, "completion": generation.completion_tokens},
        "cost": generation.cost,
        "seconds": generation.seconds,
        "dataset_id": result.dataset_id,
        "dataset_version": result.dataset_version,
        "mlflow": mlflow_word(delivered),
        LOST: lost(delivered),
        RUN_URL: "" if result.run is None else result.run.run_url,
    }
