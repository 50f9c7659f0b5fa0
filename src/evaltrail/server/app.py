"""The service as one ASGI application: routes, what answers errors, the guards before them, the count of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from evaltrail.api.backend import Backend
from evaltrail.api.description import SUMMARY, TITLE, with_forms
from evaltrail.api.routes import endpoints, mount
from evaltrail.core.version import VERSION
from evaltrail.server.auth import FindKey
from evaltrail.server.direct import Direct
from evaltrail.server.failures import HANDLERS, Wall
from evaltrail.server.from_environment import EnvironmentApp
from evaltrail.server.guards import guarded
from evaltrail.server.metering import Metering
from evaltrail.server.request_log import WriteLine, write_to_stderr
from evaltrail.web.form_routes import FormRoutes
from evaltrail.web.form_token import FormTokens

if TYPE_CHECKING:
    from starlette.types import ASGIApp


class _Described(FastAPI):
    """FastAPI with a description that holds the bodies' forms, and with no page that loads from elsewhere."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(
            title=TITLE,
            summary=SUMMARY,
            version=VERSION,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            servers=[{"url": ".", "description": "where this description is, below whatever prefix"}],
            telemetry={"tracing": False, "metrics": False},  # our own guards tell of requests, once each
        )
        for kind, answer in HANDLERS.items():
            self.add_exception_handler(kind, answer)
        self.endpoints = endpoints(backend)
        mount(self, self.endpoints)
        forms = FormRoutes(backend.desk, backend.documents, FormTokens(backend.settings.form_secret))
        self.router.routes.extend(forms.routes())

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI description, made when somebody asks for it first."""
        if self.openapi_schema is None:
            forms = [each.body for each in self.endpoints if each.body is not None]
            self.openapi_schema = with_forms(super().openapi(), forms)
        return self.openapi_schema


def create_app(backend: Backend, find: FindKey, *, write: WriteLine = write_to_stderr) -> ASGIApp:
    """The application that a server serves.

    Args:
        backend: what the routes speak to.
        find: looks a key up; not called where no key is asked for.
        write: takes the log's lines.
    """
    described = _Described(backend)
    walled = Wall(Direct(described, described.endpoints), write)
    return Metering(guarded(walled, backend.settings, find, write=write), backend.meters)


app: ASGIApp = EnvironmentApp()
"""The service of this process's variables, for any ASGI server: ``uvicorn evaltrail.server.app:app``."""
