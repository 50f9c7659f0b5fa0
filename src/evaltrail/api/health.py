"""/health, /ready, /api/v1/health and /metrics: how the service is, for supervisors and for people."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from evaltrail.api.backend import Backend
from evaltrail.api.problems import AWAY_RETRY_S
from evaltrail.api.replies import json_reply
from evaltrail.core.version import VERSION

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class HealthRoutes:
    """Tells how the service is; all but `live` are called in threads.

    Args:
        backend: what is spoken to.
    """

    def __init__(self, backend: Backend) -> None:
        self._examiner = backend.examiner
        self._meters = backend.meters

    async def live(self, _request: Request) -> Response:
        """Say that the process answers, and nothing about what it depends on."""
        return json_reply({"status": "alive", "version": VERSION})

    def ready(self, _request: Request) -> Response:
        """Say whether submissions are accepted: the store answers."""
        store = self._examiner.look_at_store()
        if store.status == "healthy":
            return json_reply({"status": "ready", "message": store.message})
        return json_reply({"status": "not_ready", "message": store.message}, 503, {"Retry-After": str(AWAY_RETRY_S)})

    def components(self, _request: Request) -> Response:
        """Say how the store, the queue, MLflow and the workers are, and the whole."""
        health = self._examiner.look()
        status = 503 if health.status == "unhealthy" else 200
        headers = {"Retry-After": str(AWAY_RETRY_S)} if status == 503 else {}
        told = {
            "status": health.status,
            "version": VERSION,
            "timestamp": datetime.now(UTC),
            "components": health.components,
        }
        return json_reply(told, status, headers)

    def metrics(self, _request: Request) -> Response:
        """Tell the service's figures as Prometheus reads them."""
        return Response(self._meters.text(), media_type=_PROMETHEUS)
