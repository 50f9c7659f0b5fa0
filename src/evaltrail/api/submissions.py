"""POST /api/v1/evaluations and .../collections/{collection_id}: the routes that are asked most."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from evaltrail.api.accounts import Wire, evaluation_object
from evaltrail.api.backend import Backend
from evaltrail.api.replies import json_reply, understood
from evaltrail.api.request_record import record_of
from evaltrail.api.wire import Order, read_collection_order, read_evaluation
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.service.answering.accepted import accepted_account
from evaltrail.service.answering.account import EvaluationAccount
from evaltrail.service.submitting.resolve import resolve

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
_EVALUATIONS = "/api/v1/evaluations"
_LONGEST_KEY = 200
_FEW_BENCHMARKS = 4
"""As many are looked up where requests are read: a name that is not remembered costs 20 ms (measured November 2026)."""


class SubmissionRoutes:
    """Accepts evaluations.

    Args:
        backend: what is spoken to.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def submit(self, request: Request) -> Response:
        """Submit an evaluation: of benchmarks, of a collection, or of the collection that the tags mean."""
        return await self.accept(request, read_evaluation)

    async def submit_collection(self, request: Request) -> Response:
        """Submit an evaluation of a collection."""
        collection = str(request.path_params["collection_id"])
        return await self.accept(request, lambda body: read_collection_order(body, collection))

    async def accept(
        self,
        request: Request,
        read: Callable[[bytes], Order],
        told: Callable[[EvaluationAccount], Wire] = evaluation_object,
        below: str = _EVALUATIONS,
    ) -> Response:
        """Accept what a body asks for.

        Args:
            request: that holds it.
            read: understands the body.
            told: what the client is told of the evaluation.
            below: path that the evaluation is looked at below.
        """
        try:
            reply = await self._accepted(request, read, told, below)
        except EvaltrailError:
            self._backend.meters.submission("refused")
            raise
        self._backend.meters.submission("replayed" if REPLAYED_HEADER in reply.headers else "accepted")
        return reply

    async def _accepted(
        self,
        request: Request,
        read: Callable[[bytes], Order],
        told: Callable[[EvaluationAccount], Wire],
        below: str,
    ) -> Response:
        backend = self._backend
        key = idempotency_key(request)
        order = await understood(request, read)
        if len(order.request.benchmarks) <= _FEW_BENCHMARKS:
            submission = resolve(order.request, backend.catalog, backend.settings, backend.datasets)
        else:
            submission = await run_sync(resolve, order.request, backend.catalog, backend.settings, backend.datasets)
        if order.warnings:
            submission = replace(submission, warnings=(*submission.warnings, *order.warnings))
        waiting = backend.acceptor.accept(submission, order.request, idempotency_key=key, priority=order.priority)
        # a client that goes away does not take back what others share a transaction with
        accepted = await asyncio.shield(asyncio.wrap_future(waiting))
        headers = {"Location": f"{below}/{accepted.evaluation_id}"}
        if accepted.is_new:
            account = accepted_account(
                submission, accepted.evaluation_id, at=datetime.now(UTC), priority=order.priority
            )
        else:
            account = await run_sync(backend.answers.evaluation, accepted.evaluation_id)
            headers[REPLAYED_HEADER] = "true"
        record_of(request.scope).job_id = account.id
        return json_reply(told(account), 202, headers)


def idempotency_key(request: Request) -> str:
    """The key under which a request is accepted once; empty = it bears none.

    Raises:
        InputError: it is one that cannot be kept.
    """
    key = request.headers.get(KEY_HEADER, "").strip()
    if len(key) <= _LONGEST_KEY and key.isprintable() and key.isascii():
        return key
    hint = f"up to {_LONGEST_KEY} printable characters of ASCII"
    raise InputError("the idempotency key cannot be kept", where=KEY_HEADER, hint=hint)
