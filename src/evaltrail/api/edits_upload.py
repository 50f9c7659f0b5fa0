"""Edited questions as they are sent: the file of a form, checked here, applied by a worker."""

from __future__ import annotations

import re
from functools import partial

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from evaltrail.api.backend import Backend
from evaltrail.api.links import address_of, path_of
from evaltrail.api.question_objects import EDITS
from evaltrail.api.received import SentForm, received_form
from evaltrail.api.replies import json_reply
from evaltrail.api.request_record import record_of
from evaltrail.api.submissions import REPLAYED_HEADER, idempotency_key
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest

_RUN = re.compile(r"[0-9a-f]{32}")
_KNOWN = ("run_id",)


async def take_edits(request: Request, backend: Backend, *, dataset_id: str = "") -> Response:
    """What is told of edited questions that were accepted: 202, with where they are followed.

    Args:
        request: brings a form with ``file``, and ``run_id`` where they go into a run that there is.
        backend: what is spoken to.
        dataset_id: that was edited; empty = the questions tell.

    Raises:
        InputError: the form or its file cannot be used.
        StorageError: the disk or the database refuses.
    """
    key = idempotency_key(request)
    async with received_form(request, backend.documents) as form:
        sent = form.only_file("file")
        run_id = _run_id(form)
        take = partial(
            backend.desk.take_edits,
            sent.content,
            sent.path,
            name=sent.name,
            run_id=run_id,
            dataset_id=dataset_id,
            key=key,
        )
        started = await run_sync(take)
    record_of(request.scope).job_id = started.job_id
    own = f"{EDITS}/{started.job_id}"
    headers = {"Location": path_of(request, own)}
    told = {
        "job_id": started.job_id,
        "status": "pending",
        "status_url": address_of(request, own),
        "run_url": address_of(request, f"{own}/run"),
        "file_name": started.name,
        "questions": started.questions,
        "run_id": run_id or None,
    }
    return json_reply(told, 202, headers if started.is_new else {**headers, REPLAYED_HEADER: "true"})


def _run_id(form: SentForm) -> str:
    others = [name for name in form.fields if name not in _KNOWN]
    if others:
        hint = nearest(others[0][:60], ("file", *_KNOWN)) or "known are file and run_id"
        raise InputError(f"unknown field {others[0]!r:.60}", code="bad_form", where=others[0][:60], hint=hint)
    run_id = form.fields.get("run_id", "").strip()
    if run_id and not _RUN.fullmatch(run_id):
        hint = "take the 32 hex digits from MLflow's page of the run, or leave it out for a new run"
        raise InputError(f"{run_id!r:.60} is no run's id", code="bad_run_id", where="run_id", hint=hint)
    return run_id
