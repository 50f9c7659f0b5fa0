"""/api/v1/documents: files that questions are made of, each content once."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from evaltrail.api.backend import Backend
from evaltrail.api.kept_pages import kept_page
from evaltrail.api.llm_eval_headers import FILE_NAME, header_text
from evaltrail.api.question_objects import DOCUMENTS, document_object, kept_object
from evaltrail.api.replies import QueryForm, json_reply, read_query
from evaltrail.core.errors import InputError
from evaltrail.generation.documents.formats import Kind
from evaltrail.service.submitting.received import received_body, received_form
from evaltrail.service.submitting.upload_desk import KeptDocument

_KINDS: dict[str, Kind] = {
    "application/json": "json",
    "application/x-ndjson": "jsonl",
    "application/pdf": "pdf",
    "text/html": "html",
    "text/markdown": "markdown",
    "text/plain": "text",
    "text/csv": "csv",
}
"""What a body without a file's name says that it is."""


class DocumentRoutes:
    """Takes documents and tells of them.

    Args:
        backend: what is spoken to.
    """

    def __init__(self, backend: Backend) -> None:
        self._store = backend.documents
        self._desk = backend.desk

    async def add(self, request: Request) -> Response:
        """Send a document: as the body with its name in File-Name, or as the file of a form."""
        read_query(QueryForm, request)
        kept = await self._kept(request)
        return json_reply(kept_object(kept), 201, {"Location": f"{DOCUMENTS}/{kept.stored.id}"})

    def page(self, request: Request) -> Response:
        """List documents, newest first."""
        return kept_page(request, self._store, document_object)

    def show(self, request: Request) -> Response:
        """Show one document."""
        read_query(QueryForm, request)
        return json_reply(document_object(self._store.get(str(request.path_params["document_id"]))))

    async def _kept(self, request: Request) -> KeptDocument:
        media_type = request.headers.get("content-type", "")
        kind = media_type.partition(";")[0].strip().lower()
        name = header_text(request, FILE_NAME)
        if kind == "multipart/form-data":
            async with received_form(media_type, request.stream(), self._store) as form:
                sent = form.only_file("file")
                keep = partial(self._desk.keep, sent.path, sent.name or name)
                return await self._desk.serve(sent.path, keep)
        known = None if name else _KINDS.get(kind)
        if not name and known is None:
            hint = "send File-Name: manual.pdf, or a Content-Type that tells the format"
            raise InputError("nothing says what the document is", where="File-Name", hint=hint)
        async with received_body(request.stream(), self._store) as file:
            return await self._desk.serve(file, partial(self._desk.keep, file, name, known))
