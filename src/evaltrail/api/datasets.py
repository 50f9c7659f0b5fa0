"""/api/v1/datasets: questions in versions, as files to edit, and evaluations on them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from evaltrail.api.accounts import evaluation_object
from evaltrail.api.backend import Backend
from evaltrail.api.edits_upload import take_edits
from evaltrail.api.form import read_form
from evaltrail.api.kept_pages import kept_page
from evaltrail.api.question_objects import dataset_object, version_object
from evaltrail.api.question_wire import DatasetEvaluationForm, DownloadQuery, EditsQuery
from evaltrail.api.replies import QueryForm, WholeFile, json_reply, read_query, understood
from evaltrail.api.request_record import record_of
from evaltrail.api.submissions import REPLAYED_HEADER, idempotency_key
from evaltrail.core.errors import InputError
from evaltrail.core.ids import slug
from evaltrail.core.submission import BenchmarkChoice, Submission, SubmissionRequest
from evaltrail.service.answering.accepted import accepted_account
from evaltrail.service.answering.account import EvaluationAccount
from evaltrail.service.generating.places import EVALUATIONS
from evaltrail.service.submitting.dataset_choice import DATASET
from evaltrail.service.submitting.generation_order import model_choice
from evaltrail.service.submitting.resolve import resolve
from evaltrail.store.dataset_store import QUESTIONS

_MEDIA_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson", "parquet": "application/vnd.apache.parquet"}
_PAGES = "/api/v1/evaluations"


class DatasetRoutes:
    """Tells of data sets; all but `edit` and `evaluate` are called in threads.

    Args:
        backend: what is spoken to.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._store = backend.datasets

    def page(self, request: Request) -> Response:
        """List data sets, newest first."""
        return kept_page(request, self._store, dataset_object)

    def show(self, request: Request) -> Response:
        """Show one data set, as its latest version is."""
        read_query(QueryForm, request)
        return json_reply(dataset_object(self._store.get(_id(request))))

    def versions(self, request: Request) -> Response:
        """List the versions of a data set, the latest first."""
        read_query(QueryForm, request)
        items = [version_object(each) for each in reversed(self._store.get(_id(request)).versions)]
        return json_reply({"items": items, "total_count": len(items)})

    def download(self, request: Request) -> Response:
        """Download the questions of a version; in CSV no cell is a formula."""
        query = read_query(DownloadQuery, request)
        version = self._store.version(_id(request), query.version)
        file = self._store.folder_of(version) / f"{QUESTIONS}.{query.format}"
        if not file.is_file():
            message = f"version {version.version} of {version.dataset_id} is not kept as {query.format}"
            raise InputError(message, code="not_found", hint="ask for another format")
        name = f"{slug(version.name)}.v{version.version}.{query.format}"
        return WholeFile(file, media_type=_MEDIA_TYPES[query.format], filename=name)

    async def edit(self, request: Request) -> Response:
        """Send edited questions of a data set: the file of a form, which makes a new version."""
        query = read_query(EditsQuery, request)
        version = await run_sync(self._store.version, _id(request), query.version)
        named = version.dataset_id if query.version is None else f"{version.dataset_id}@{query.version}"
        return await take_edits(request, self._backend, dataset_id=named)

    async def evaluate(self, request: Request) -> Response:
        """Evaluate a model on a data set."""
        read_query(QueryForm, request)
        stored = await run_sync(self._store.get, _id(request))
        form = await understood(request, partial(read_form, DatasetEvaluationForm))
        version = await run_sync(self._store.version, stored.id, form.version)
        named = f"{DATASET}:{version.dataset_id}@{version.version}"
        config = {**(form.config or {}), "mode": form.mode}
        choice = model_choice(form.model) if isinstance(form.model, str) else form.model.choice()
        wanted = SubmissionRequest(
            model=choice,
            benchmarks=(BenchmarkChoice(id=named, provider_id=DATASET, config=config),),  # type: ignore[arg-type]
            name=form.name or "",
            tags=form.tags or {},
        )
        account, is_new = await accept_evaluation(request, self._backend, wanted)
        headers = {"Location": f"{_PAGES}/{account.id}"}
        return json_reply(evaluation_object(account), 202, headers if is_new else {**headers, REPLAYED_HEADER: "true"})


async def accept_evaluation(
    request: Request, backend: Backend, wanted: SubmissionRequest
) -> tuple[EvaluationAccount, bool]:
    """The accepted evaluation, and whether it is a new one; it lands where seed 003 has its evaluations.

    Args:
        request: may bear an idempotency key.
        backend: what is spoken to.
        wanted: names a data set.

    Raises:
        InputError, PartialError: something of it cannot be.
    """
    key = idempotency_key(request)
    submission: Submission = await run_sync(resolve, wanted, backend.catalog, backend.settings, backend.datasets)
    submission = replace(submission, experiment=backend.experiment(EVALUATIONS))
    waiting = backend.acceptor.accept(submission, wanted, idempotency_key=key)
    accepted = await asyncio.shield(asyncio.wrap_future(waiting))
    record_of(request.scope).job_id = accepted.evaluation_id
    if accepted.is_new:
        return accepted_account(submission, accepted.evaluation_id, at=datetime.now(UTC), priority=0), True
    return await run_sync(backend.answers.evaluation, accepted.evaluation_id), False


def _id(request: Request) -> str:
    return str(request.path_params["dataset_id"])
