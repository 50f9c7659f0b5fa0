"""/api/v1/generations and /api/v1/edits: questions made of documents, and questions that somebody edited."""

from __future__ import annotations

from functools import partial

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from evaltrail.api.backend import Backend
from evaltrail.api.question_objects import (
    GENERATIONS,
    edits_object,
    generation_object,
    generation_page_object,
)
from evaltrail.api.question_wire import GenerationsQuery, read_generation
from evaltrail.api.replies import QueryForm, WholeFile, json_reply, read_query, understood
from evaltrail.api.request_record import record_of
from evaltrail.api.submissions import REPLAYED_HEADER, idempotency_key


class GenerationRoutes:
    """Starts generations and tells of them; all but `submit` are called in threads.

    Args:
        backend: what is spoken to.
    """

    def __init__(self, backend: Backend) -> None:
        self._desk = backend.desk
        self._generations = backend.generations

    async def submit(self, request: Request) -> Response:
        """Have questions made of documents."""
        read_query(QueryForm, request)
        key = idempotency_key(request)
        wanted = await understood(request, read_generation)
        job_id, is_new, _ = await run_sync(partial(self._desk.generate, wanted, key=key))
        record_of(request.scope).job_id = job_id
        account = await run_sync(self._generations.generation, job_id)
        headers = {"Location": f"{GENERATIONS}/{job_id}"}
        return json_reply(generation_object(account), 202, headers if is_new else {**headers, REPLAYED_HEADER: "true"})

    def page(self, request: Request) -> Response:
        """List generations, newest first."""
        query = read_query(GenerationsQuery, request)
        found = self._generations.page(limit=query.limit, cursor=query.cursor, status=query.status)
        return json_reply(generation_page_object(found))

    def show(self, request: Request) -> Response:
        """Show one generation: how far it is, and what it came to."""
        read_query(QueryForm, request)
        return json_reply(generation_object(self._generations.generation(_id(request))))

    def cancel(self, request: Request) -> Response:
        """Call a generation off; who works at it lets go in a moment, and what was answered is kept."""
        read_query(QueryForm, request)
        return json_reply(generation_object(self._generations.cancel(_id(request))), 202)

    def rejects(self, request: Request) -> Response:
        """Download the questions that were rejected, each with its reason."""
        read_query(QueryForm, request)
        file = self._generations.rejects(_id(request))
        return WholeFile(file, media_type="text/csv", filename=f"{file.parent.name}.rejects.csv")

    def edits(self, request: Request) -> Response:
        """Show what came of edited questions that were sent."""
        read_query(QueryForm, request)
        job_id = str(request.path_params["job_id"])
        record_of(request.scope).job_id = job_id
        return json_reply(edits_object(self._generations.edits(job_id)))


def _id(request: Request) -> str:
    found = str(request.path_params["generation_id"])
    record_of(request.scope).job_id = found
    return found
