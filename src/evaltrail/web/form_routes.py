"""GET and POST of the form pages: what seed 003's routes do with chunks and edits, for a browser without scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from evaltrail.core.errors import EvaltrailError, InputError, StorageError
from evaltrail.core.generation import GenerationPlan, WindowScope
from evaltrail.generation.windows import read_scope
from evaltrail.service.submitting.received import received_body, received_form
from evaltrail.service.submitting.upload_desk import JsonOrder, StartedEdits, StartedGeneration, UploadDesk
from evaltrail.store.document_store import DocumentStore
from evaltrail.web.form_page import (
    POLICY,
    Page,
    ShownForm,
    ShownProblem,
    ShownStart,
    render,
    stylesheet,
)
from evaltrail.web.form_token import VALID_S, FormTokens

if TYPE_CHECKING:
    from starlette.requests import Request

Take = Callable[["Request", dict[str, str]], Awaitable[ShownStart]]
"""Reads a form into the fields as far as it can, and does what it asks for."""
_COOKIE = "evaltrail_form"
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_FIELDS = ("filename", "window_size", "window_step", "window_scope", "input")
_LONGEST = {
    "filename": 255,
    "window_size": 20,
    "window_step": 20,
    "window_scope": 20,
    "input": 10_000_000,
    "form_token": 200,
}
_STATUSES = {"bad_form_token": 403, "too_large": 413, "unsupported_media_type": 415, "idempotency_conflict": 409}
_OVER: Mapping[WindowScope, str] = {"upload": "over the whole list", "document": "each within one file"}
_MOST_SHOWN_BYTES = 1_000_000
"""A longer list is not shown again where something was wrong: its page would be as long."""
_MOST_CHUNKS = 1_000_000


class FormRoutes:
    """Shows the pages and takes what is filled in.

    Args:
        desk: takes what is sent.
        documents: in whose folder it waits.
        tokens: tell a form of ours.
    """

    def __init__(self, desk: UploadDesk, documents: DocumentStore, tokens: FormTokens) -> None:
        self._desk = desk
        self._documents = documents
        self._tokens = tokens

    def routes(self) -> list[Route]:
        """What a browser asks for."""
        return [
            Route("/", self.show, methods=["GET"]),
            Route("/", self.send, methods=["POST"]),
            Route("/edited_questions", self.show_edits, methods=["GET"]),
            Route("/edited_questions", self.send_edits, methods=["POST"]),
            Route("/upload_data_generation_edits", self.show_edits, methods=["GET"]),
            Route("/form_page.css", self.style, methods=["GET"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show the form for chunks."""
        return self._page(request, "chunks")

    async def show_edits(self, request: Request) -> Response:
        """Show the form for edited questions."""
        return self._page(request, "edits")

    async def style(self, _request: Request) -> Response:
        """Show how the pages look."""
        return Response(stylesheet(), media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    async def send(self, request: Request) -> Response:
        """Take the chunks of a form, and show what became of them."""
        return await self._taken(request, "chunks", self._take_chunks)

    async def send_edits(self, request: Request) -> Response:
        """Take the edited questions of a form, and show what became of them."""
        return await self._taken(request, "edits", self._take_edits)

    async def _taken(self, request: Request, page: Page, take: Take) -> Response:
        values: dict[str, str] = {}
        try:
            started = await take(request, values)
        except EvaltrailError as error:
            if not isinstance(error, StorageError) and error.exit_code != InputError.exit_code:
                raise
            where = "" if isinstance(error, StorageError) else error.where  # of our disk: no business of a browser's
            problem = ShownProblem(message=error.message, where=where, hint=error.hint)
            return self._page(request, page, values=values, problem=problem, status=_status(error))
        return self._page(request, page, started=started, status=202)

    async def _take_chunks(self, request: Request, values: dict[str, str]) -> ShownStart:
        media_type = request.headers.get("content-type", "")
        if not media_type.lower().startswith("multipart/"):
            values |= await _read(request)
            self._check(request, values.pop("form_token", ""))
            async with received_body(_in_one(values.get("input", "").encode()), self._documents) as file:
                return await self._started(file, values)
        async with received_form(media_type, request.stream(), self._documents, long_field="input") as form:
            token = form.fields.pop("form_token", "")
            values |= {name: form.fields[name] for name in _FIELDS if name in form.fields}
            self._check(request, token)
            sent = form.only_file("input")
            if sent.path.stat().st_size <= _MOST_SHOWN_BYTES:
                values["input"] = sent.content.read().decode("utf-8", "replace")
            form.check_fields(*_FIELDS)
            return await self._started(sent.path, values)

    async def _take_edits(self, request: Request, values: dict[str, str]) -> ShownStart:
        media_type = request.headers.get("content-type", "")
        async with received_form(media_type, request.stream(), self._documents) as form:
            run_id = values["run_id"] = form.fields.get("run_id", "").strip()
            self._check(request, form.fields.get("form_token", ""))
            sent = form.only_file("file")
            form.check_fields("run_id", "form_token")
            take = partial(self._desk.take_edits, sent.content, sent.path, name=sent.name, run_id=run_id)
            return _shown_edits(await self._desk.serve(sent.path, take), run_id)

    def _check(self, request: Request, token: str) -> None:
        self._tokens.check(token, request.cookies.get(_COOKIE, ""))

    async def _started(self, file: Path, values: Mapping[str, str]) -> ShownStart:
        order = JsonOrder(name=values.get("filename", ""), plan=_plan(values))
        return _shown(await self._desk.serve(file, partial(self._desk.generate_from_json, file, order)))

    def _page(
        self,
        request: Request,
        page: Page,
        *,
        values: Mapping[str, str] | None = None,
        problem: ShownProblem | None = None,
        started: ShownStart | None = None,
        status: int = 200,
    ) -> Response:
        cookie = self._tokens.cookie(request.cookies.get(_COOKIE, ""))
        shown = ShownForm(
            page=page, token=self._tokens.token(cookie), values=values or {}, problem=problem, started=started
        )
        reply = HTMLResponse(render(shown), status, _HEADERS)
        reply.set_cookie(
            _COOKIE, cookie, max_age=VALID_S, httponly=True, samesite="strict", secure=request.url.scheme == "https"
        )
        return reply


async def _in_one(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _read(request: Request) -> dict[str, str]:
    """The fields of the form.

    Raises:
        InputError: it has others, or one of them is too long or no text.
    """
    try:
        form = await request.form(max_files=0, max_fields=20, max_part_size=_LONGEST["input"])
    except (MultiPartException, HTTPException) as error:
        said = getattr(error, "detail", "") or getattr(error, "message", "")
        raise InputError(f"the form cannot be read: {said}", code="bad_form", hint="send it from the page") from error
    values: dict[str, str] = {}
    for name, value in form.multi_items():
        most = _LONGEST.get(name)
        if most is None or not isinstance(value, str) or name in values:
            hint = f"known are {', '.join(_FIELDS)}"
            raise InputError(f"the field {name!r:.60} is unknown or stands twice", code="bad_form", hint=hint)
        if len(value) > most:
            raise InputError(f"it has more than {most:,} characters", code="bad_form", where=name, hint="send less")
        values[name] = value
    return values


def _plan(values: Mapping[str, str]) -> GenerationPlan:
    usual = GenerationPlan()
    return GenerationPlan(
        window_size=_count(values, "window_size", usual.window_size),
        window_step=_count(values, "window_step", usual.window_step),
        window_scope=read_scope(values.get("window_scope", "").strip() or usual.window_scope, where="window_scope"),
    )


def _count(values: Mapping[str, str], name: str, default: int) -> int:
    text = values.get(name, "").strip()
    if not text:
        return default
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= _MOST_CHUNKS:
        return int(text)
    hint = f"give a whole number, 1 to {_MOST_CHUNKS:,}"
    raise InputError(f"{text!r:.40} is no such number", code="bad_window", where=name, hint=hint)


def _status(error: EvaltrailError) -> int:
    return 503 if isinstance(error, StorageError) else _STATUSES.get(error.code, 422)


def _shown(started: StartedGeneration) -> ShownStart:
    own = f"api/v1/generations/{started.job_id}"
    plan = started.spec.plan
    facts = (
        ("File name", started.document.name),
        ("Chunks", f"{started.document.chunks or 0:,}"),
        ("Windows", f"of {plan.window_size} chunks, {plan.window_step} further each, {_OVER[plan.window_scope]}"),
        ("Written by", plan.generator if started.spec.model is None else started.spec.model.name),
    )
    return ShownStart(job_id=started.job_id, status=own, run=f"{own}/run", facts=facts)


def _shown_edits(started: StartedEdits, run_id: str) -> ShownStart:
    own = f"api/v1/edits/{started.job_id}"
    facts = (("File name", started.name), ("Questions", f"{started.questions:,}"), ("Into", run_id or "a new run"))
    return ShownStart(job_id=started.job_id, status=own, run=f"{own}/run", facts=facts)
