"""The endpoints that today's Eval Hub clients ask: ``eval-hub-sdk`` 1.0.6 and its command `evalhub`."""

from __future__ import annotations

from functools import partial

from evaltrail.api.backend import Backend
from evaltrail.api.endpoint import Endpoint
from evaltrail.api.hub_accounts import JOBS
from evaltrail.api.hub_catalog import COLLECTIONS, HubCatalogRoutes, HubEntriesQuery
from evaltrail.api.hub_jobs import TENANT_HEADER, HubDeleteQuery, HubJobRoutes, HubJobsQuery, HubLogsQuery
from evaltrail.api.hub_wire import HubJobForm
from evaltrail.api.replies import QueryForm
from evaltrail.api.submissions import KEY_HEADER

_TAG = "eval hub clients"
_JOB = f"{JOBS}/{{job_id}}"
_PROVIDERS = "/api/v1/evaluations/providers"
_TENANT = {TENANT_HEADER: "whose the job is said to be: others are then neither listed nor shown"}
_KEY = {KEY_HEADER: "the same key and body are the same job; another body under it is refused"}
_IN_BODY = (400, 413, 415, 422)
_COLLECTION = "name, category, description, tags, custom, pass_criteria, benchmarks [{id, provider_id, weight, ...}]"


def hub_endpoints(backend: Backend) -> tuple[Endpoint, ...]:
    """Every endpoint of theirs that the rest of the interface does not have."""
    return (*_jobs(backend), *_providers(backend), *_collections(backend))


def _jobs(backend: Backend) -> tuple[Endpoint, ...]:
    routes = HubJobRoutes(backend)
    get = partial(Endpoint, method="GET", tag=_TAG, refusals=(404, 422), headers=_TENANT)
    return (
        Endpoint(
            method="POST",
            path=JOBS,
            handler=routes.submit,
            tag=_TAG,
            status=202,
            refusals=(*_IN_BODY, 409),
            body=HubJobForm,
            headers=_TENANT | _KEY,
            is_hot=True,
        ),
        get(path=JOBS, handler=routes.page, query=HubJobsQuery, refusals=(422,), is_hot=True),
        get(path=_JOB, handler=routes.show, query=QueryForm),
        Endpoint(
            method="DELETE",
            path=_JOB,
            handler=routes.delete,
            tag=_TAG,
            status=204,
            refusals=(404, 409, 422),
            query=HubDeleteQuery,
            headers=_TENANT,
        ),
        get(path=f"{_JOB}/logs", handler=routes.logs, query=HubLogsQuery, media_type="text/plain"),
        get(
            path=f"{_JOB}/benchmarks/{{benchmark_index}}/logs",
            handler=routes.benchmark_logs,
            query=HubLogsQuery,
            media_type="text/plain",
        ),
        Endpoint(method="POST", path=f"{_JOB}/events", handler=routes.report, tag=_TAG, status=204, refusals=(501,)),
    )


def _providers(backend: Backend) -> tuple[Endpoint, ...]:
    routes = HubCatalogRoutes(backend)
    one = f"{_PROVIDERS}/{{id}}"
    change = partial(Endpoint, path=one, handler=routes.change_provider, tag=_TAG, refusals=(404, 409))
    return (
        Endpoint(method="GET", path=_PROVIDERS, handler=routes.providers, tag=_TAG, query=HubEntriesQuery),
        Endpoint(method="GET", path=one, handler=routes.provider, tag=_TAG, query=QueryForm, refusals=(404,)),
        Endpoint(method="POST", path=_PROVIDERS, handler=routes.add_provider, tag=_TAG, status=201, refusals=(409,)),
        change(method="PUT"),
        change(method="PATCH"),
        change(method="DELETE", status=204),
    )


def _collections(backend: Backend) -> tuple[Endpoint, ...]:
    routes = HubCatalogRoutes(backend)
    one = f"{COLLECTIONS}/{{id}}"
    change = partial(Endpoint, path=one, tag=_TAG, refusals=(*_IN_BODY, 404, 409), document=_COLLECTION)
    return (
        Endpoint(method="GET", path=COLLECTIONS, handler=routes.collections, tag=_TAG, query=HubEntriesQuery),
        Endpoint(method="GET", path=one, handler=routes.collection, tag=_TAG, query=QueryForm, refusals=(404,)),
        Endpoint(
            method="POST",
            path=COLLECTIONS,
            handler=routes.add_collection,
            tag=_TAG,
            status=201,
            refusals=(*_IN_BODY, 409),
            document=_COLLECTION,
        ),
        change(method="PUT", handler=routes.put_collection),
        change(method="PATCH", handler=routes.patch_collection),
        Endpoint(
            method="DELETE", path=one, handler=routes.delete_collection, tag=_TAG, status=204, refusals=(404, 409)
        ),
    )
