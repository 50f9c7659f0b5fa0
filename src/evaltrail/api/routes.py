"""All endpoints of the REST interface, and how they are mounted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from fastapi import FastAPI
from starlette.responses import Response
from starlette.routing import Route

from evaltrail.api.backend import Backend
from evaltrail.api.catalog import BenchmarksQuery, CatalogRoutes
from evaltrail.api.description import examples
from evaltrail.api.endpoint import Endpoint
from evaltrail.api.evaluations import EvaluationRoutes, LogsQuery, PageQuery, SamplesQuery
from evaltrail.api.event_stream import EVENT_STREAM, LAST_EVENT, EventRoutes
from evaltrail.api.health import HealthRoutes
from evaltrail.api.hub_routes import hub_endpoints
from evaltrail.api.pages import docs
from evaltrail.api.question_routes import question_endpoints
from evaltrail.api.replies import QueryForm
from evaltrail.api.submissions import KEY_HEADER, SubmissionRoutes
from evaltrail.api.wire import CollectionOrderForm, ComparisonForm, EvaluationForm

_API = "/api/v1"
_EVALUATIONS = f"{_API}/evaluations"
_ONE = f"{_EVALUATIONS}/{{evaluation_id}}"
_PROBED = ("/health", "/ready")
"""Supervisors ask them by HEAD too."""
_KEY = {KEY_HEADER: "the same key and body are the same evaluation; another body under it is refused"}
_IN_BODY = (400, 413, 415, 422)
_BENCHMARK = (
    "id, provider_id native, and either task_file, a path below the data root, or task {prompt, target, metrics, rows}"
)
_COLLECTION = (
    "id, name, category, description, tags, pass_criteria, benchmarks [{id, provider_id, weight, primary_score, ...}]"
)
_SERVER = "id, url of an OpenAI-compatible endpoint, max_concurrency"


def endpoints(backend: Backend) -> tuple[Endpoint, ...]:
    """Every endpoint of the REST interface."""
    return (
        *_submissions(backend),
        *hub_endpoints(backend),  # before /evaluations/{evaluation_id}, which `jobs` would be an id for
        *_evaluations(backend),
        *question_endpoints(backend),
        *_catalog(backend),
        *_health(backend),
    )


def mount(app: FastAPI, known: Sequence[Endpoint]) -> None:
    """Have an application answer the endpoints, and show the page on them."""
    for each in known:
        app.add_api_route(
            each.path,
            each.handler,
            methods=[each.method],
            tags=[each.tag],
            summary=each.title,
            description=each.title,
            operation_id=each.operation_id,
            status_code=each.status,
            response_class=Response,
            responses=each.responses(),
            openapi_extra=each.extra(),
        )
        if each.path in _PROBED:
            app.router.routes.append(Route(each.path, each.handler, methods=["HEAD"]))
    app.router.routes.append(Route("/docs", docs, methods=["GET"]))


def _submissions(backend: Backend) -> tuple[Endpoint, ...]:
    routes = SubmissionRoutes(backend)
    refusals = (*_IN_BODY, 409)
    return (
        Endpoint(
            method="POST",
            path=_EVALUATIONS,
            handler=routes.submit,
            tag="evaluations",
            status=202,
            refusals=refusals,
            body=EvaluationForm,
            examples=examples(),
            headers=_KEY,
            is_hot=True,
        ),
        Endpoint(
            method="POST",
            path=f"{_EVALUATIONS}/collections/{{collection_id}}",
            handler=routes.submit_collection,
            tag="evaluations",
            status=202,
            refusals=(*refusals, 404),
            body=CollectionOrderForm,
            headers=_KEY,
        ),
    )


def _evaluations(backend: Backend) -> tuple[Endpoint, ...]:
    routes = EvaluationRoutes(backend)

    get = partial(Endpoint, method="GET", tag="evaluations", refusals=(404, 422), query=QueryForm)
    return (
        get(path=_EVALUATIONS, handler=routes.page, refusals=(422,), query=PageQuery, is_hot=True),
        Endpoint(
            method="POST",
            path=f"{_EVALUATIONS}/compare",
            handler=routes.compare,
            tag="evaluations",
            refusals=(*_IN_BODY, 404),
            body=ComparisonForm,
        ),
        get(path=_ONE, handler=routes.show),
        Endpoint(
            method="DELETE",
            path=_ONE,
            handler=routes.cancel,
            tag="evaluations",
            status=202,
            refusals=(404, 409, 422),
        ),
        get(path=f"{_ONE}/summary", handler=routes.summary),
        get(path=f"{_ONE}/results", handler=routes.results),
        get(path=f"{_ONE}/samples", handler=routes.samples, query=SamplesQuery),
        get(path=f"{_ONE}/logs", handler=routes.logs, query=LogsQuery, media_type="text/plain"),
        get(
            path=f"{_ONE}/events",
            handler=EventRoutes(backend).evaluation,
            headers=LAST_EVENT,
            media_type=EVENT_STREAM,
        ),
    )


def _catalog(backend: Backend) -> tuple[Endpoint, ...]:
    routes = CatalogRoutes(backend)
    get = partial(Endpoint, method="GET", tag="catalog", refusals=(404, 422), query=QueryForm)
    add = partial(Endpoint, method="POST", tag="catalog", status=201, refusals=(*_IN_BODY, 409))
    put = partial(Endpoint, method="PUT", tag="catalog", refusals=(*_IN_BODY, 409))
    delete = partial(Endpoint, method="DELETE", tag="catalog", status=204, refusals=(404, 409))
    return (
        get(path=f"{_API}/providers", handler=routes.providers),
        get(path=f"{_API}/providers/{{id}}", handler=routes.provider),
        get(path=f"{_API}/providers/{{id}}/benchmarks", handler=routes.provider_benchmarks),
        get(path=f"{_API}/benchmarks", handler=routes.benchmarks, query=BenchmarksQuery),
        add(path=f"{_API}/benchmarks", handler=routes.add_benchmark, document=_BENCHMARK),
        delete(path=f"{_API}/benchmarks/{{id}}", handler=routes.delete_benchmark),
        get(path=f"{_API}/collections", handler=routes.collections),
        get(path=f"{_API}/collections/{{id}}", handler=routes.collection),
        add(path=f"{_API}/collections", handler=routes.add_collection, document=_COLLECTION),
        put(path=f"{_API}/collections/{{id}}", handler=routes.put_collection, document=_COLLECTION),
        delete(path=f"{_API}/collections/{{id}}", handler=routes.delete_collection),
        get(path=f"{_API}/servers", handler=routes.servers),
        get(path=f"{_API}/servers/{{id}}", handler=routes.server),
        add(path=f"{_API}/servers", handler=routes.add_server, document=_SERVER),
        put(path=f"{_API}/servers/{{id}}", handler=routes.put_server, document=_SERVER),
        delete(path=f"{_API}/servers/{{id}}", handler=routes.delete_server),
    )


def _health(backend: Backend) -> tuple[Endpoint, ...]:
    routes = HealthRoutes(backend)
    return (
        Endpoint(method="GET", path="/health", handler=routes.live, tag="health"),
        Endpoint(method="GET", path="/ready", handler=routes.ready, tag="health"),
        Endpoint(method="GET", path=f"{_API}/health", handler=routes.components, tag="health"),
        Endpoint(method="GET", path="/metrics", handler=routes.metrics, tag="health", media_type="text/plain"),
    )
