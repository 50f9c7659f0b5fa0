"""How the service says that it is, what it counts, how it describes itself, and what it tells of its own faults."""

from __future__ import annotations

import json
import socket

import pytest

from evaltrail.jobs.account import WorkerAccount
from evaltrail.jobs.opening import open_queue
from running_service import own_settings, running_service

BODY = {"model": {"server": "vllm", "name": "m"}, "benchmarks": [{"id": "arc_easy"}]}


@pytest.fixture(scope="module")
def lines():
    """The lines of the service's log."""
    return []


@pytest.fixture(scope="module")
def service(tmp_path_factory, lines):
    """A service of this module's own."""
    with running_service(own_settings(tmp_path_factory.mktemp("service")), lines) as client:
        yield client


def test_whole_is_degraded_without_workers_and_says_so(tmp_path):
    """No worker, or no MLflow: evaluations are accepted, and health names what is missing; with both it is healthy."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings = own_settings(tmp_path, MLFLOW_TRACKING_URI=f"http://127.0.0.1:{port}")
    with running_service(settings, []) as client:
        told = client.get("/api/v1/health")
        accepted = client.post("/api/v1/evaluations", BODY)
    assert (told.status, told.object["status"], accepted.status) == (200, "degraded", 202)
    states = {name: part["status"] for name, part in told.object["components"].items()}
    assert states == {"store": "healthy", "queue": "healthy", "mlflow": "degraded", "workers": "degraded"}
    with open_queue(settings) as queue:
        queue.note_worker(
            WorkerAccount(id="w", host="h", pid=1, engine="embedded", version="0", queues=(), concurrency=1)
        )
    with running_service(own_settings(tmp_path), []) as client:
        assert client.get("/api/v1/health").object["status"] == "healthy"


def test_probes_of_supervisors_answer(service):
    """/health says that the process lives, /ready that submissions are accepted."""
    assert service.get("/health").object["status"] == "alive"
    assert (service.get("/ready").status, service.get("/ready").object["status"]) == (200, "ready")


def test_figures_count_requests_by_route(tmp_path):
    """What clients make up never becomes a series: paths are told as their patterns."""
    with running_service(own_settings(tmp_path), []) as service:
        told = service.post("/api/v1/evaluations", BODY).object
        service.get(f"/api/v1/evaluations/{told['id']}")
        service.get("/made/up/path")
        reply = service.get("/metrics")
    text = reply.body.decode()
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'evaltrail_http_requests_total{method="POST",route="/api/v1/evaluations",status="202"} 1.0' in text
    assert 'route="/api/v1/evaluations/{evaluation_id}",status="200"' in text
    assert 'route="none",status="404"' in text
    assert told["id"] not in text
    assert 'evaltrail_submissions_total{outcome="accepted"} 1.0' in text
    assert 'evaltrail_evaluations{state="pending"} 1.0' in text
    assert "evaltrail_workers 0.0" in text
    assert "evaltrail_mlflow_up 1.0" in text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "not_found"),
        ("GET", "/api/v1/evaluations/", 404, "unknown_id"),
        ("PUT", "/api/v1/evaluations", 405, "method_not_allowed"),
        ("DELETE", "/health", 405, "method_not_allowed"),
    ],
)
def test_paths_and_methods_that_are_not_there_are_problems(service, method, path, status, code):
    """What the framework refuses has the form of all other refusals."""
    reply = service.ask(method, path)
    assert reply.status == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert set(reply.object) >= {"type", "title", "status", "detail", "instance", "message", "message_code", "hint"}
    assert code in {reply.object["code"], "unknown_id"}


def test_description_holds_the_seeds_payloads_and_every_answer(service):
    """OpenAPI: the payloads as examples, errors declared, every reference resolved, no two names of operations."""
    told = service.get("/openapi.json").object
    submit = told["paths"]["/api/v1/evaluations"]["post"]
    content = submit["requestBody"]["content"]["application/json"]
    assert set(content["examples"]) == {"one_benchmark", "several_providers", "a_collection_by_tags"}
    assert set(submit["responses"]) >= {"202", "400", "401", "409", "413", "422", "503"}
    names = told["components"]["schemas"]
    text = json.dumps(told)
    assert {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]} <= set(names)
    assert "#/$defs/" not in text
    operations = [each["operationId"] for path in told["paths"].values() for each in path.values()]
    assert len(operations) == len(set(operations))


def test_page_on_the_interface_needs_no_other_host(service):
    """/docs loads nothing from elsewhere, and may not."""
    reply = service.get("/docs")
    assert reply.headers["content-type"].startswith("text/html")
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    assert b"http://" not in reply.body
    assert b"https://" not in reply.body


def test_each_request_is_one_line_with_its_ids(service, lines):
    """The log names request and evaluation, and holds no query."""
    told = service.post("/api/v1/evaluations", BODY, X_Request_Id="own-id").object
    service.get("/api/v1/evaluations?name=sk-secret-in-a-query")
    found = [json.loads(line) for line in lines]
    mine = next(each for each in found if each["request_id"] == "own-id")
    assert (mine["job_id"], mine["status"], mine["path"]) == (told["id"], 202, "/api/v1/evaluations")
    assert "sk-secret-in-a-query" not in str(lines)


def test_store_that_is_away_is_503_everywhere(tmp_path):
    """Requests are told when to come back, health and readiness are honest, and the figures go on."""
    with running_service(own_settings(tmp_path), []) as client:
        for file in (tmp_path / "home").glob("*.db*"):
            file.write_bytes(b"no database at all, and longer than its header of a hundred bytes " * 10)
        refused = [client.get("/api/v1/evaluations"), client.post("/api/v1/evaluations", BODY), client.get("/ready")]
        health = client.get("/api/v1/health")
        alive = client.get("/health")
        figures = client.get("/metrics")
    assert [(reply.status, reply.headers["retry-after"]) for reply in refused] == [(503, "5")] * 3
    assert (health.status, health.object["status"]) == (503, "unhealthy")
    assert (alive.status, figures.status) == (200, 200)
    assert str(tmp_path) not in str([reply.body for reply in (*refused, health)])


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_probes_may_ask_by_head(service, path):
    """As many monitors do; the body stays away."""
    answer = service.ask("HEAD", path)
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/v1/evaluations", "GET, POST"),
        ("/api/v1/evaluations/compare", "DELETE, GET, POST"),
        ("/api/v1/collections/x", "DELETE, GET, PUT"),
        ("/health", "GET, HEAD"),
    ],
)
def test_allow_names_every_method_of_a_path(service, path, methods):
    """Also where each of them is a route of its own (RFC 9110, section 15.5.6)."""
    assert service.ask("PATCH", path).headers["allow"] == methods
