"""/api/v1/evaluations/jobs: evaluations as today's Eval Hub clients submit, follow and cancel them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from evaltrail.api.accounts import Wire
from evaltrail.api.backend import Backend
from evaltrail.api.hub_accounts import JOBS, job_object
from evaltrail.api.hub_pages import HubPageQuery, page_object, split_words
from evaltrail.api.hub_wire import read_job
from evaltrail.api.known_pages import KnownPages
from evaltrail.api.problems import Problem
from evaltrail.api.replies import QueryForm, json_reply, read_query
from evaltrail.api.request_record import record_of
from evaltrail.api.submissions import SubmissionRoutes
from evaltrail.core.errors import EvaltrailError, InputError, PartialError
from evaltrail.service.answering.account import AccountPage, EvaluationAccount
from evaltrail.service.answering.answers import Answers, unknown_evaluation

TENANT_HEADER = "X-Tenant"
_LONGEST_TENANT = 250
_MOST_AT_ONCE = 100
"""Evaluations that are read at a time: a longer page is put together of several."""


class HubJobsQuery(HubPageQuery):
    """Which jobs are listed."""

    status: Literal["", "pending", "running", "completed", "partially_failed", "failed", "cancelled"] = ""
    name: str = Field(default="", max_length=500)
    tags: str = Field(default="", max_length=2000, description="words that a job bears, all of them: one,two")


class HubDeleteQuery(QueryForm):
    """How a job is deleted."""

    hard_delete: bool = Field(default=False, description="forget it for good, with its results on this side")


class HubLogsQuery(QueryForm):
    """Which lines are told."""

    tail_lines: Annotated[int, Field(ge=1, le=10_000)] = 1000
    timestamps: bool = Field(default=False, description="has no effect: the lines begin with their time")
    since_seconds: Annotated[int, Field(ge=1, le=10**9)] | None = None


class HubJobRoutes:
    """Jobs; all but `submit`, `page` and `report` are called in threads.

    Args:
        backend: what is spoken to.
    """

    def __init__(self, backend: Backend) -> None:
        self._answers = backend.answers
        self._pages = KnownPages(backend.answers.version, told_by=TENANT_HEADER)
        self._submissions = SubmissionRoutes(backend)
        self._prefix = f"{backend.settings.experiment_prefix}_" if backend.settings.experiment_prefix else ""

    async def submit(self, request: Request) -> Response:
        """Submit a job: of benchmarks, or of a collection."""
        tenant = _tenant(request)
        try:
            return await self._submissions.accept(request, lambda body: read_job(body, tenant), self._told, JOBS)
        except (InputError, PartialError) as error:
            _place_in_client_words(error)
            raise

    async def page(self, request: Request) -> Response:
        """List jobs, newest first, without their results."""
        return await self._pages.reply(request, self._page)

    def _page(self, request: Request) -> Response:
        query = read_query(HubJobsQuery, request)
        found = _page(self._answers, query, _tenant(request))
        return json_reply(page_object(request, query, [self._told(each) for each in found.items], found.total_count))

    def show(self, request: Request) -> Response:
        """Show one job, with its results once it is over."""
        read_query(QueryForm, request)
        account = self._known(request)
        results = self._answers.results(account.id) if account.is_over else None
        return json_reply(job_object(account, self._prefix, results))

    def delete(self, request: Request) -> Response:
        """Cancel a job; with hard_delete, forget it for good."""
        query = read_query(HubDeleteQuery, request)
        account = self._known(request)
        if not (query.hard_delete and account.is_over):
            account = self._answers.cancel(account.id)
        if query.hard_delete and not account.is_over:
            raise InputError(
                f"job {account.id} is being cancelled, and can be forgotten once its worker has let go",
                code="not_ended",
                hint="ask again in a moment",
            )
        if query.hard_delete:
            self._answers.delete(account.id)
        return Response(status_code=204)

    def logs(self, request: Request) -> Response:
        """Show the end of a job's log as text."""
        return self._log(request, "")

    def benchmark_logs(self, request: Request) -> Response:
        """Show the end of the log of one benchmark of a job."""
        return self._log(request, str(request.path_params["benchmark_index"]))

    async def report(self, request: Request) -> Response:
        """Refuse what an adapter reports: adapters are not run yet."""
        return Problem(
            status=501,
            code="not_yet",
            message="events of adapters are not taken yet: evaltrail's own workers run the benchmarks",
            hint="submit the benchmark as a job; GET /api/v1/evaluations/{id}/events tells its progress",
            instance=request.url.path,
            request_id=record_of(request.scope).id,
        ).response()

    def _log(self, request: Request, index: str) -> Response:
        query = read_query(HubLogsQuery, request)
        account = self._known(request)
        if index and index not in map(str, range(len(account.benchmarks))):
            raise InputError(
                f"job {account.id} has no benchmark {index!r:.20}",
                code="not_found",
                hint=f"its benchmarks are numbered from 0 to {len(account.benchmarks) - 1}",
            )
        log = self._answers.logs(account.id, benchmark=index, tail=query.tail_lines)
        since = None if query.since_seconds is None else datetime.now(UTC) - timedelta(seconds=query.since_seconds)
        return PlainTextResponse(log.text if since is None else lines_since(log.text, since))

    def _known(self, request: Request) -> EvaluationAccount:
        """The evaluation of the path; that of another tenant is not there for who names one."""
        job_id = str(request.path_params["job_id"])
        record_of(request.scope).job_id = job_id
        account = self._answers.evaluation(job_id)
        tenant = _tenant(request)
        if tenant and account.tenant != tenant:
            raise unknown_evaluation(job_id)
        return account

    def _told(self, account: EvaluationAccount) -> Wire:
        return job_object(account, self._prefix)


def lines_since(text: str, since: datetime) -> str:
    """The lines of a log from a moment on; one without a time goes with the line before it, at the top it stays.

    Args:
        text: lines, of which those of evaltrail begin with their time.
        since: the moment, in UTC.
    """
    kept: list[str] = []
    is_wanted = True
    for line in text.splitlines(keepends=True):
        at = _time_of(line)
        is_wanted = is_wanted if at is None else at >= since
        if is_wanted:
            kept.append(line)
    return "".join(kept)


def _time_of(line: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(line.partition(" ")[0].strip())
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _page(answers: Answers, query: HubJobsQuery, tenant: str) -> AccountPage:
    """A page of up to a thousand, of pages of a hundred."""
    words = split_words(query.tags)
    ask = partial(answers.page, status=query.status, name=query.name, words=words, tenant=tenant)
    page = ask(limit=min(query.limit, _MOST_AT_ONCE), offset=query.offset)
    while page.next_cursor and len(page.items) < query.limit:
        wanted = min(query.limit - len(page.items), _MOST_AT_ONCE)
        more = ask(limit=wanted, cursor=page.next_cursor)
        page = replace(more, items=(*page.items, *more.items), total_count=page.total_count)
    return page


def _place_in_client_words(error: EvaltrailError) -> None:
    """Name the place of a mistake as these clients do, whose `config` is called `parameters`."""
    for each in error.errors if isinstance(error, PartialError) else (error,):
        if isinstance(each, InputError):
            each.where = each.where.replace(".config", ".parameters", 1)


def _tenant(request: Request) -> str:
    tenant = request.headers.get(TENANT_HEADER, "").strip()
    if len(tenant) <= _LONGEST_TENANT and tenant.isprintable():
        return tenant
    hint = f"up to {_LONGEST_TENANT} printable characters"
    raise InputError("the tenant cannot be kept", where=TENANT_HEADER, hint=hint)
