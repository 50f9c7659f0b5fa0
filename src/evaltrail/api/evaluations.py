"""/api/v1/evaluations: what is told of evaluations, and how they are called off."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from anyio.to_thread import run_sync
from pydantic import Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from evaltrail.api.accounts import (
    comparison_object,
    evaluation_object,
    page_object,
    results_object,
    summary_object,
)
from evaltrail.api.backend import Backend
from evaltrail.api.form import read_form
from evaltrail.api.known_pages import KnownPages
from evaltrail.api.replies import QueryForm, json_reply, read_query, understood
from evaltrail.api.request_record import record_of
from evaltrail.api.wire import ComparisonForm
from evaltrail.core.errors import InputError
from evaltrail.service.turns import Turns

Limit = Annotated[int, Field(ge=1, le=100)]
_REPEATED = frozenset({"tag"})
_SAMPLES_AT_ONCE = 2
"""Pages; a child may have to read one, and has 100 MB for a moment."""
_PATIENCE_S = 60.0


class PageQuery(QueryForm):
    """Which evaluations are listed."""

    limit: Limit = 50
    cursor: str = Field(default="", max_length=500, description="next_cursor of the page before")
    status: Literal["", "pending", "running", "completed", "partially_failed", "failed", "cancelled"] = ""
    name: str = Field(default="", max_length=500)
    experiment: str = Field(default="", max_length=500, description="with or without the prefix")
    tag: list[str] = Field(default_factory=list, max_length=20, description="key:value; may stand there several times")


class SamplesQuery(QueryForm):
    """Which samples are listed."""

    benchmark: str = Field(default="0", max_length=500, description="its index, its id, or provider/id")
    limit: Limit = 50
    cursor: str = Field(default="", max_length=500, description="next_cursor of the page before")
    filter: Literal["", "failed", "unscored"] = ""


class LogsQuery(QueryForm):
    """Which lines are told."""

    benchmark: str = Field(
        default="", max_length=500, description="its index, its id, or provider/id; empty = the whole log"
    )
    tail: Annotated[int, Field(ge=1, le=10_000)] = 1000


class EvaluationRoutes:
    """Tells of evaluations; all but `page`, `samples` and `compare` are called in threads.

    Args:
        backend: what is spoken to.
    """

    def __init__(self, backend: Backend) -> None:
        self._answers = backend.answers
        self._pages = KnownPages(backend.answers.version)
        self._sample_turns = Turns(_SAMPLES_AT_ONCE, patience_s=_PATIENCE_S)
        self._prefix = f"{backend.settings.experiment_prefix}_" if backend.settings.experiment_prefix else ""

    async def page(self, request: Request) -> Response:
        """List evaluations, newest first."""
        return await self._pages.reply(request, self._page)

    def _page(self, request: Request) -> Response:
        query = read_query(PageQuery, request, repeated=_REPEATED)
        experiment = query.experiment
        if experiment and not experiment.startswith(self._prefix):
            experiment = self._prefix + experiment
        found = self._answers.page(
            limit=query.limit,
            cursor=query.cursor,
            status=query.status,
            name=query.name,
            experiment=experiment,
            tags=_tags(query.tag),
        )
        return json_reply(page_object(found))

    def show(self, request: Request) -> Response:
        """Show one evaluation."""
        read_query(QueryForm, request)
        return json_reply(evaluation_object(self._answers.evaluation(_id(request))))

    def summary(self, request: Request) -> Response:
        """Show one evaluation in a few figures."""
        read_query(QueryForm, request)
        return json_reply(summary_object(self._answers.summary(_id(request))))

    def results(self, request: Request) -> Response:
        """Show what an evaluation came to: metrics, counts and verdicts; before its end what is known."""
        read_query(QueryForm, request)
        return json_reply(results_object(self._answers.results(_id(request))))

    async def samples(self, request: Request) -> Response:
        """List samples of one benchmark."""
        return await self._sample_turns.take(partial(self._samples, request))

    def _samples(self, request: Request) -> Response:
        query = read_query(SamplesQuery, request)
        page = self._answers.samples(
            _id(request), benchmark=query.benchmark, limit=query.limit, cursor=query.cursor, only=query.filter
        )
        return json_reply(page)

    def logs(self, request: Request) -> Response:
        """Show the end of an evaluation's log as text."""
        query = read_query(LogsQuery, request)
        log = self._answers.logs(_id(request), benchmark=query.benchmark, tail=query.tail)
        return PlainTextResponse(log.text)

    def cancel(self, request: Request) -> Response:
        """Call an evaluation off; who works at it lets go in a moment."""
        read_query(QueryForm, request)
        return json_reply(evaluation_object(self._answers.cancel(_id(request))), 202)

    async def compare(self, request: Request) -> Response:
        """Set evaluations side by side."""
        form = await understood(request, partial(read_form, ComparisonForm))
        return json_reply(comparison_object(await run_sync(self._answers.compare, form.ids)))


def _id(request: Request) -> str:
    evaluation_id = str(request.path_params["evaluation_id"])
    record_of(request.scope).job_id = evaluation_id
    return evaluation_id


def _tags(words: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        key, colon, value = word.partition(":")
        if not (key and colon):
            raise InputError(f"{word!r:.80} is no tag", where="tag", hint="write tag=key:value")
        if found.setdefault(key, value) != value:
            raise InputError(
                f"no evaluation bears {key!r:.80} with two values", where="tag", hint="ask for one of them"
            )
    return found
