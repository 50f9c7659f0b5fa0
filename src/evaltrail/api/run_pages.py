"""/run of a job: leads to its run in MLflow once that is known; MLflow itself is never asked for it here."""

from __future__ import annotations

from urllib.parse import urlsplit

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from evaltrail.api.backend import Backend
from evaltrail.api.replies import QueryForm, read_query
from evaltrail.api.request_record import record_of
from evaltrail.core.errors import InputError


class RunPageRoutes:
    """Leads to runs.

    Args:
        backend: what is spoken to.
    """

    def __init__(self, backend: Backend) -> None:
        self._answers = backend.answers
        self._generations = backend.generations

    async def evaluation(self, request: Request) -> Response:
        """Go to the run of an evaluation in MLflow."""
        read_query(QueryForm, request)
        account = await run_sync(self._answers.evaluation, _id(request, "evaluation_id"))
        return _redirect(next((run.url for run in account.runs if not run.task), ""), account.runs, account.state)

    async def generation(self, request: Request) -> Response:
        """Go to the run of a generation in MLflow."""
        read_query(QueryForm, request)
        account = await run_sync(self._generations.generation, _id(request, "generation_id"))
        return _redirect(account.job.run_page, account.job.run_id, account.job.state)

    async def edits(self, request: Request) -> Response:
        """Go to the run of edited questions in MLflow."""
        read_query(QueryForm, request)
        account = await run_sync(self._generations.edits, _id(request, "job_id"))
        return _redirect(account.run_page, account.run_id, account.state)


def _id(request: Request, name: str) -> str:
    found = str(request.path_params[name])
    record_of(request.scope).job_id = found
    return found


def _redirect(url: str, run: object, state: str) -> Response:
    """The way to a run's page.

    Raises:
        InputError: (code ``not_landed``) there is none yet, or no server shows it.
    """
    if urlsplit(url).scheme in {"http", "https"}:
        return Response(status_code=303, headers={"Location": url, "Cache-Control": "no-store"})
    if run:
        hint = "`evaltrail ui` shows the store; the operator may set EVALTRAIL_MLFLOW_UI_URL"
        raise InputError("the run is in a store that no server shows", code="not_landed", hint=hint)
    if state == "cancelled":
        raise InputError("it has no run in MLflow: it was cancelled", code="not_landed", hint="start it again")
    hint = "ask again in a few seconds; where it failed, its own page tells why"
    raise InputError(f"it has no run in MLflow yet: it is {state}", code="not_landed", hint=hint)
