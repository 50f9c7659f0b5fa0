"""Edited questions as they are sent: the file of a form, checked here, applied by a worker."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from evaltrail.api.backend import Backend
from evaltrail.api.links import address_of
from evaltrail.api.question_objects import EDITS
from evaltrail.api.replies import json_reply
from evaltrail.api.request_record import record_of
from evaltrail.api.submissions import REPLAYED_HEADER, idempotency_key
from evaltrail.service.submitting.received import received_form


async def take_edits(request: Request, backend: Backend, *, dataset_id: str = "") -> Response:
    """What is told of edited questions that were accepted: 202, with where they are followed.

    Args:
        request: brings a form with ``file``, and ``run_id`` where they go into a run that there is.
        backend: what is spoken to.
        dataset_id: that was edited, with ``@N`` where a version of it was; empty = the questions tell.

    Raises:
        InputError: the form or its file cannot be used.
        StorageError: the disk or the database refuses.
    """
    key = idempotency_key(request)
    media_type = request.headers.get("content-type", "")
    async with received_form(media_type, request.stream(), backend.documents) as form:
        sent = form.only_file("file")
        form.check_fields("run_id")
        run_id = form.fields.get("run_id", "").strip()
        take = partial(
            backend.desk.take_edits,
            sent.content,
            sent.path,
            name=sent.name,
            run_id=run_id,
            dataset_id=dataset_id,
            key=key,
        )
        started = await backend.desk.serve(sent.path, take)
    record_of(request.scope).job_id = started.job_id
    own = f"{EDITS}/{started.job_id}"
    headers = {"Location": own}
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
