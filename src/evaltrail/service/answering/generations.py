"""Generations: what the service tells of the questions that it makes or is sent, from the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import msgspec

from evaltrail.bundle import layout
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.values import Json
from evaltrail.destinations.mlflow.tracking_uri import is_http, public_uri, resolve_tracking_uri
from evaltrail.jobs.account import JobAccount, JobDetail, UnitAccount
from evaltrail.jobs.failure import Failure
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.states import ENDED, JobState
from evaltrail.service.answering.account import Message, MlflowSync, Problem, SampleCount
from evaltrail.service.answering.answers import states_of
from evaltrail.service.answering.deleting import call_off
from evaltrail.service.answering.generation_account import (
    SENTENCES,
    GenerationAccount,
    GenerationPage,
    NamedDocument,
    QuestionJob,
)
from evaltrail.service.answering.phases import problem_of
from evaltrail.service.generating.order import NamedUpload
from evaltrail.service.working.edits_spec import EDITS
from evaltrail.service.working.generation_spec import GENERATION, RUN_URL, GenerationSpec, generation_from_json
from evaltrail.service.working.landing import LOST
from evaltrail.store.dataset_store import ORDER, DatasetStore

_MOST_A_PAGE = 100
_NOT_TOLD = frozenset({"mlflow", LOST, RUN_URL, "dataset_id", "dataset_version"})
_SETTLED: Mapping[str, MlflowSync] = {"synced": "synced", "failed": "failed"}


class Generations:
    """Tells of generations and edits; any thread may use it.

    Every method that takes an id may raise InputError (code ``unknown_id``, or ``ambiguous_id``), and all may raise
    StorageError where the queue is away.

    Args:
        settings: where bundles are, and which MLflow is meant.
        queue: that the jobs lie in.
    """

    def __init__(self, settings: Settings, queue: LeaseQueue) -> None:
        self._settings = settings
        self._queue = queue
        self._datasets = DatasetStore(settings.question_sets_folder)
        self._tracking_uri = settings.mlflow_ui_url or resolve_tracking_uri(settings.tracking_uri, settings.environ)

    def generation(self, generation_id: str) -> GenerationAccount:
        """The account of one generation, by its id or what it alone begins with."""
        detail = self._shown(generation_id, GENERATION, "generation", "/api/v1/generations lists them")
        family = self._queue.children([detail.job.id]).get(detail.job.id, ())
        return self._told(detail.job, detail.spec, detail.units, family)

    def edits(self, job_id: str) -> QuestionJob:
        """The account of edited questions that were sent."""
        detail = self._shown(job_id, EDITS, "upload of edits", "the upload's own answer told its id")
        family = self._queue.children([detail.job.id]).get(detail.job.id, ())
        return self._common(detail.job, detail.units, family)

    def page(self, *, limit: int = 50, cursor: str = "", status: str = "") -> GenerationPage:
        """Some generations, newest first.

        Args:
            limit: 1 to 100.
            cursor: ``next_cursor`` of the page before; empty = the first page.
            status: only those in this state; empty = all.

        Raises:
            InputError: the limit, the cursor or the status is none.
        """
        if not 1 <= limit <= _MOST_A_PAGE:
            raise InputError(f"a limit of {limit}", where="limit", hint=f"1 to {_MOST_A_PAGE} are allowed")
        found = self._queue.list(limit=limit, cursor=cursor, states=states_of(status), kind=GENERATION)
        ids = [job.id for job in found.jobs]
        specs, units, families = self._queue.specs(ids), self._queue.units(ids), self._queue.children(ids)
        items = tuple(
            self._told(job, specs.get(job.id, {}), units.get(job.id, ()), families.get(job.id, ()))
            for job in found.jobs
        )
        return GenerationPage(items=items, total_count=found.total, next_cursor=found.next_cursor)

    def cancel(self, generation_id: str) -> GenerationAccount:
        """The account after it was called off; who works at it lets go in a moment.

        Raises:
            InputError: it is over already (code ``already_ended``).
        """
        account = self.generation(generation_id)
        if account.job.state in ENDED:
            message = f"generation {account.id} is over: {account.job.state}"
            raise InputError(message, code="already_ended", hint="nothing is left to cancel")
        call_off(self._settings, self._queue, self._queue.show(account.id).job)
        return self.generation(account.id)

    def rejects(self, generation_id: str) -> Path:
        """The table of what was rejected, with each one's reason.

        Raises:
            InputError: the generation has not ended, or nothing came of it (code ``not_found``).
        """
        account = self.generation(generation_id)
        file = self._rejects(account.id)
        if not file.is_file():
            raise InputError(
                f"generation {account.id} has no rejects: it is {account.job.state}",
                code="not_found",
                hint="it came to nothing" if account.job.state in ENDED else "they are there once it has ended",
            )
        return file

    def _shown(self, given: str, kind: str, noun: str, hint: str) -> JobDetail:
        """The job of a kind.

        Raises:
            InputError: (code ``unknown_id``) there is none with this id; (code ``ambiguous_id``) there are several.
        """
        try:
            detail = self._queue.show(given)
        except InputError as error:
            if error.code != "unknown_id":
                raise
            raise _unknown(noun, given, hint) from error
        if detail.job.kind != kind:
            raise _unknown(noun, given, hint)
        return detail

    def _rejects(self, generation_id: str) -> Path:
        return self._settings.home / "runs" / generation_id / layout.REJECTS

    def _told(
        self,
        job: JobAccount,
        spec: Mapping[str, Json],
        units: Sequence[UnitAccount],
        family: Sequence[JobAccount],
    ) -> GenerationAccount:
        asked = _asked(spec)
        model = None if asked is None else asked.model
        documents = () if asked is None else tuple(map(_named, asked.uploads))
        return GenerationAccount(
            job=self._common(_naming_document(job, documents), units, family),
            documents=documents,
            model=job.labels.get("model", ""),
            server="" if model is None else model.server,
            plan={} if asked is None else cast("Mapping[str, Json]", msgspec.to_builtins(asked.plan)),
            progress=SampleCount(done=job.done, total=job.total),
            tokens=job.tokens,
            has_rejects=job.state in ENDED and self._rejects(job.id).is_file(),
        )

    def _common(self, job: JobAccount, units: Sequence[UnitAccount], family: Sequence[JobAccount]) -> QuestionJob:
        last = units[-1] if units else None
        told = last.result if last is not None and isinstance(last.result, dict) else {}
        problem = problem_of(job.error) or _lost(told)
        version = told.get("dataset_version")
        noted = next((each.run_ids[""] for each in (job, *family) if each.run_ids.get("")), "")
        run_id = noted or self._sent_since(job, told)
        return QuestionJob(
            id=job.id,
            name=job.name,
            state="running" if job.state == "cancelling" else job.state,
            message=_message(job.state, problem),
            created_at=job.created_at,
            started_at=job.started_at,
            ended_at=job.ended_at,
            run_id=run_id,
            run_page=self._page_of(run_id, str(told.get(RUN_URL, ""))),
            mlflow_sync="synced" if run_id and not noted else _sync(job, told, family),
            dataset_id=str(told.get("dataset_id", "")),
            dataset_version=version if isinstance(version, int) else 0,
            error=problem,
            outcome={name: value for name, value in told.items() if name not in _NOT_TOLD},
        )

    def _sent_since(self, job: JobAccount, told: Mapping[str, Json]) -> str:
        """The run that its version of a data set landed in without the job: what waits is sent together, or by hand."""
        dataset_id, number = told.get("dataset_id"), told.get("dataset_version")
        if not isinstance(dataset_id, str) or not isinstance(number, int) or not dataset_id:
            return ""
        try:
            version = self._datasets.version(dataset_id, number)
        except InputError:  # somebody has removed it
            return ""
        return version.run_id if job.id in {version.generation_id, version.settings.get(ORDER)} else ""

    def _page_of(self, run_id: str, told: str) -> str:
        """Where people see a run: as its receipt told, else where MLflow shows runs."""
        if told or not run_id or not is_http(self._tracking_uri):
            return told
        return f"{public_uri(self._tracking_uri).rstrip('/')}/#/runs/{run_id}"


def _asked(spec: Mapping[str, Json]) -> GenerationSpec | None:
    try:
        return generation_from_json(spec)
    except InputError:  # of another version: what the queue itself knows is told all the same
        return None


def _named(upload: NamedUpload) -> NamedDocument:
    return NamedDocument(id=upload.id, name=upload.name)


def _naming_document(job: JobAccount, documents: Sequence[NamedDocument]) -> JobAccount:
    """The job; what one of its documents is refused for says which one."""
    error = job.error
    if error is None or error.where not in {each.name for each in documents}:
        return job
    return replace(job, error=replace(error, message=f"{error.where}: {error.message}"))


def _message(state: JobState, problem: Problem | None) -> Message:
    """What a state means, in one sentence."""
    if problem is not None and state in ENDED:
        return Message(message=problem.message, message_code=problem.code)
    return Message(message=SENTENCES[state], message_code=state)


def _lost(told: Mapping[str, Json]) -> Problem | None:
    lost = told.get(LOST)
    if not isinstance(lost, dict) or not lost:
        return None
    code, message, hint = (str(lost.get(key, "")) for key in ("code", "message", "hint"))
    return problem_of(Failure(code=code, message=message, hint=hint))


def _sync(job: JobAccount, told: Mapping[str, Json], family: Sequence[JobAccount]) -> MlflowSync:
    settled = _SETTLED.get(str(told.get("mlflow", "")))
    if settled is not None:
        return settled
    if family and family[-1].state in ENDED:
        return "synced" if family[-1].state == "completed" else "failed"
    if told.get("mlflow") == "pending" or job.state not in ENDED:
        return "pending"
    if job.run_ids:
        return "synced"
    return "off" if job.state == "cancelled" else "failed"


def _unknown(noun: str, given: str, hint: str) -> InputError:
    return InputError(f"no {noun} has the id {given!r:.80}", code="unknown_id", hint=hint)
