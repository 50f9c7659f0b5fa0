"""From what the queue, the ledger and the disk know of an evaluation to its account: a pure function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evaltrail.config.secrets import public_url
from evaltrail.destinations.mlflow.tracking_uri import is_http, public_uri, run_url
from evaltrail.jobs.account import JobAccount, UnitAccount
from evaltrail.jobs.failure import Failure
from evaltrail.jobs.states import ENDED, JobState
from evaltrail.service.answering.account import (
    BenchmarkAccount,
    CallbackAccount,
    EvaluationAccount,
    ExperimentAccount,
    Message,
    MlflowSync,
    ModelAccount,
    Problem,
    RunAccount,
    SampleCount,
    State,
    links_of,
)
from evaltrail.service.answering.asked import Asked
from evaltrail.service.answering.landed import NOWHERE, Landing
from evaltrail.service.answering.phases import JobUnits, problem_of, sort_units, standing
from evaltrail.service.working.found_by import CALLBACK
from evaltrail.service.working.landing import LANDING, LOST

_SETTLED: Mapping[str, MlflowSync] = {"synced": "synced", "failed": "failed", "off": "off"}
"""What the last unit said of its delivery; ``pending`` is for the job that goes on with it to tell."""
_SENTENCES: Mapping[State, str] = {
    "pending": "it waits for a worker",
    "running": "it is being done",
    "completed": "all benchmarks are done",
    "cancelled": "it was cancelled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that is known of one evaluation."""

    job: JobAccount
    asked: Asked
    units: tuple[UnitAccount, ...]
    family: tuple[JobAccount, ...] = ()
    """The jobs that belong to it, oldest first: deliveries that go on, callbacks."""
    landing: Landing = NOWHERE
    """What the ledger knows of its delivery."""
    empty: Mapping[int, str] = field(default_factory=dict)
    """Benchmarks whose results say that they failed, though their units were done: each with its reason."""


def tell(known: Known, tracking_uri: str) -> EvaluationAccount:
    """The account of an evaluation.

    Args:
        known: of it.
        tracking_uri: resolved; where results land if its request does not say.
    """
    job, asked = known.job, known.asked.submission
    units = sort_units(known.units, len(asked.benchmarks))
    benchmarks = tuple(_benchmark(known, units, number) for number in range(len(asked.benchmarks)))
    uri = known.asked.tracking_uri or tracking_uri
    state: State = "running" if job.state == "cancelling" else job.state
    problem = problem_of(job.error) or (None if known.landing.is_whole else _not_landed(units.last))
    totals = [each.progress.total for each in benchmarks]
    counted = [total for total in totals if total is not None]
    return EvaluationAccount(
        id=job.id,
        name=asked.name or job.name,
        description=asked.description,
        state=state,
        message=_message(job.state, benchmarks, problem),
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        model=_model(known),
        experiment=_experiment(known, uri),
        collection=asked.collection,
        threshold=asked.threshold,
        labels=asked.labels,
        tenant=asked.tenant,
        benchmarks=benchmarks,
        progress=SampleCount(done=job.done, total=sum(counted) if totals and len(counted) == len(totals) else None),
        tokens=job.tokens,
        runs=_runs(known, uri),
        mlflow_sync=_sync(known, units),
        callback=_callback(known),
        error=problem,
        timeout_s=asked.timeout_s,
        retry_attempts=asked.retry_attempts,
        priority=job.priority,
        queue=job.queue,
        warnings=asked.warnings,
        links=links_of(job.id),
    )


def has_family(asked: Asked, units: Sequence[UnitAccount]) -> bool:
    """Whether jobs that belong to an evaluation may have to tell something of it.

    Args:
        asked: what was asked for.
        units: of its job.
    """
    return bool(asked.submission.callback_url) or any(_mlflow_word(unit) == "pending" for unit in units)


def message_of(state: JobState) -> Message:
    """What a state means, in one sentence."""
    if state == "cancelling":
        return Message(message="it is being cancelled", message_code="cancelling")
    return Message(message=_SENTENCES.get(state, "not all of it could be done"), message_code=state)


def _message(state: JobState, benchmarks: Sequence[BenchmarkAccount], error: Problem | None) -> Message:
    if state not in {"failed", "partially_failed"}:
        return message_of(state)
    failed = [each for each in benchmarks if each.state == "failed"]
    first = error or next((each.error for each in failed if each.error), None)
    why = f": {first.message}" if first else ""
    if state == "failed" and first:
        return Message(message=first.message, message_code=first.code)
    if failed:
        return Message(message=f"{len(failed)} of {len(benchmarks)} benchmarks failed{why}", message_code=state)
    return Message(message=f"{message_of(state).message}{why}", message_code=state)


def _model(known: Known) -> ModelAccount:
    model = known.asked.submission.model
    return ModelAccount(
        name=model.name or known.job.labels.get("model", ""),
        server=model.server,
        url=public_url(model.url) if model.url else "",
        configuration=model.configuration,
    )


def _benchmark(known: Known, units: JobUnits, number: int) -> BenchmarkAccount:
    asked = known.asked.submission.benchmarks[number]
    found = standing(units, number, known.job.state, lack=known.empty.get(number))
    return BenchmarkAccount(
        index=number,
        id=asked.id,
        provider_id=asked.provider_id,
        state=found.state,
        phase=found.phase,
        progress=found.progress,
        attempts=found.attempts,
        tokens=found.tokens,
        started_at=found.started_at,
        ended_at=found.ended_at,
        error=found.error,
        config=asked.config,
        weight=asked.weight,
        primary_score=asked.primary_score,
        threshold=asked.threshold,
    )


def _experiment(known: Known, uri: str) -> ExperimentAccount:
    asked, landing = known.asked.submission, known.landing
    url = ""
    if landing.experiment_id and is_http(uri):
        url = f"{public_uri(uri).rstrip('/')}/#/experiments/{landing.experiment_id}"
    return ExperimentAccount(
        name=asked.experiment or landing.experiment_name, id=landing.experiment_id, tags=asked.tags, url=url
    )


def _runs(known: Known, uri: str) -> tuple[RunAccount, ...]:
    """The runs that the job noted, and those of later deliveries."""
    told = {run.task: run for run in known.landing.runs}
    noted = dict(known.job.run_ids)
    for job in known.family:
        noted = {**job.run_ids, **noted}
    for task, run_id in noted.items():
        if task not in told or told[task].run_id != run_id:
            told[task] = RunAccount(task=task, run_id=run_id, url=_direct(uri, run_id, known.landing.experiment_id))
    return tuple(sorted(told.values(), key=lambda run: run.task))


def _direct(uri: str, run_id: str, experiment_id: str) -> str:
    """Where the run is looked at; MLflow's page finds out about the experiment by itself."""
    if experiment_id:
        return run_url(uri, experiment_id, run_id)
    return f"{public_uri(uri).rstrip('/')}/#/runs/{run_id}" if is_http(uri) else ""


def _sync(known: Known, units: JobUnits) -> MlflowSync:
    if not known.asked.is_delivered:
        return "off"
    word = _mlflow_word(units.last) if units.last is not None else ""
    settled = _SETTLED.get(word)
    if settled is not None:  # what could not land may have been sent by hand since
        return "synced" if settled == "failed" and known.landing.is_whole else settled
    newest = next((job for job in reversed(known.family) if job.kind == LANDING), None)
    if newest is not None and newest.state in ENDED:
        return "synced" if newest.state == "completed" else "failed"
    if word == "pending" or known.job.state not in ENDED:
        return "pending"
    if known.job.run_ids or known.landing.runs:
        return "synced"
    is_given_up = units.last is not None and units.last.state == "failed"
    return "failed" if is_given_up else "off"


def _mlflow_word(unit: UnitAccount) -> str:
    """What a last unit said of its delivery; empty = nothing."""
    return str(unit.result.get("mlflow", "")) if isinstance(unit.result, dict) else ""


def _not_landed(last: UnitAccount | None) -> Problem | None:
    """Why a result did not land, and will not by itself; None where it did, or may still."""
    told = last.result.get(LOST) if last is not None and isinstance(last.result, dict) else None
    if not isinstance(told, dict) or not told:
        return None
    code, message, hint = (str(told.get(key, "")) for key in ("code", "message", "hint"))
    return problem_of(Failure(code=code, message=message, hint=hint))


def _callback(known: Known) -> CallbackAccount | None:
    url = known.asked.submission.callback_url
    if not url:
        return None
    job = next((each for each in reversed(known.family) if each.kind == CALLBACK), None)
    if job is None or job.state not in ENDED:
        return CallbackAccount(url=public_url(url), state="pending")
    return CallbackAccount(url=public_url(url), state="sent" if job.state == "completed" else "failed")
