"""docs/troubleshooting.md beside what the running code says: every message is provoked, and found on the page."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from evaltrail.config.service_settings import load_service_settings
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError
from evaltrail.destinations.mlflow import refusal
from evaltrail.server.run import listening
from evaltrail.store.api_keys import ApiKeys
from evaltrail.store.database import open_database
from running_service import own_settings, running_service
from told_messages import explanations_of

BODY = {
    "model": {"server": "vllm", "name": "m"},
    "benchmarks": [{"id": "arc_easy", "provider_id": "lm_evaluation_harness"}],
    "experiment": {"name": "x"},
}

_FORM = {"Content_Type": "multipart/form-data; boundary=edge"}


def _form(**parts):
    """A form; its part `file` is a file."""
    lines = []
    for name, text in parts.items():
        named = f"name={name}; filename=a.csv" if name == "file" else f"name={name}"
        lines += ["--edge", f"Content-Disposition: form-data; {named}", "", text]
    return "\r\n".join([*lines, "--edge--", ""]).encode()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A client of a service without keys, whose MLflow nobody has started."""
    folder = tmp_path_factory.mktemp("service")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with running_service(own_settings(folder, MLFLOW_TRACKING_URI=f"http://127.0.0.1:{port}"), []) as client:
        yield client


@contextmanager
def unavailable():
    """The address of something that answers everything with 503, as a proxy does whose server is away."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(503)

        def log_message(self, *words):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_an_mlflow_that_is_away_is_told_as_the_page_tells_it(service):
    """By health, as degraded: requests are accepted all the same."""
    health = service.get("/api/v1/health").object
    said = health["components"]["mlflow"]["message"]
    assert health["status"] == "degraded"
    assert explanations_of(said) == ["MLflow cannot be reached: [Errno 111] Connection refused"]
    assert said.endswith("evaluations are accepted, their results wait")


def test_a_proxy_whose_mlflow_is_away_is_told_as_the_page_tells_it(tmp_path):
    """By its status."""
    with unavailable() as url, running_service(own_settings(tmp_path, MLFLOW_TRACKING_URI=url), []) as client:
        said = client.get("/api/v1/health").object["components"]["mlflow"]["message"]
    assert explanations_of(said) == ["MLflow cannot be reached: it answers with HTTP 503"]


@pytest.mark.parametrize(
    "error",
    [
        refusal.refused(403, "", "Invalid Host header - possible DNS rebinding attack detected", where="http://h:5000"),
        refusal.refused(500, "INTERNAL_ERROR", "No space left on device", where="http://h:5000"),
        refusal.refused(400, "INVALID_PARAMETER_VALUE", "some limit", where="http://h:5000"),
        refusal.distrusted("self-signed certificate", where="https://h"),
        refusal.not_mlflow("it is HTML", where="http://h"),
        refusal.deleted_experiment("eval-hub_x", "7", where="http://h:5000"),
        refusal.unreachable("timed out", where="http://h:5000"),
        refusal.unreachable("[Errno -2] Name or service not known", where="http://h:5000"),
    ],
    ids=lambda error: error.code,
)
def test_each_refusal_of_mlflow_is_explained(error):
    """As the log of an evaluation tells it."""
    assert explanations_of(error.message)


def test_an_unknown_host_header_is_told_with_what_the_page_says_to_do():
    """Both ways to name the hosts, with the very address."""
    error = refusal.refused(403, "", "Invalid Host header", where="http://mlflow-service:5000")
    assert "--allowed-hosts mlflow-service:5000" in error.hint
    assert "MLFLOW_SERVER_ALLOWED_HOSTS=mlflow-service:5000" in error.hint


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"model": {"server": "vlm", "name": "m"}}, "model.server"),
        ({"model": {"url": "http://127.0.0.1:8001/v1", "name": "m"}}, "model.url"),
        ({"benchmarks": [{"id": "toxicity", "provider_id": "garak"}]}, "benchmarks.0.provider_id"),
        (
            {"benchmarks": [{"id": "faithfulness", "provider_id": "ragas", "config": {"dataset_path": "../x.jsonl"}}]},
            "benchmarks.0.config.dataset_path",
        ),
        ({"experiment": {"name": "x" * 300}}, "experiment.name"),
        ({"experiment": {"tags": {"evaltrail.key": "1"}}}, "experiment.tags"),
        ({"experimnt": {}}, "experimnt"),
        ({"benchmarks": None}, "benchmarks"),
    ],
)
def test_each_refused_request_is_explained(service, change, path):
    """A 422 with the message of the page, the path, and the next step."""
    reply = service.post("/api/v1/evaluations", {**BODY, **change})
    (error,) = reply.object["errors"]
    assert (reply.status, error["path"]) == (422, path)
    assert explanations_of(reply.object["message"])
    assert error["hint"]


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/post_json", [{"page": 1}], {}),
        ("/post_json", b'[{"text": "a"', {}),
        ("/api/v1/documents", b"abc", {"File_Name": "a.xyz"}),
        ("/api/v1/documents", b"abc", {"Content_Type": "application/octet-stream"}),
        ("/upload_data_generation_edits", _form(file="a,b\n1,2\n"), _FORM),
        ("/upload_data_generation_edits", _form(run_id="17", file="query,response\na,b\n"), _FORM),
        ("/evaluate_model", b"", {"Model_Name": "m", "Benchmark_Uri": "http://h/q.csv"}),
    ],
)
def test_each_refused_document_or_table_is_explained(service, path, body, headers):
    """With the message of the page, and the next step."""
    reply = service.post(path, body, **headers)
    assert reply.status == 422
    assert explanations_of(reply.object["message"])
    assert reply.object["hint"]


def test_a_run_that_is_not_there_yet_is_explained(service):
    """409 with a pause, while the generation waits for a worker."""
    accepted = service.post("/post_json", [{"text": "The mill at Orrel has 9 wheels."}]).object
    reply = service.get(f"/api/v1/generations/{accepted['job_id']}/run")
    assert (reply.status, bool(reply.headers["retry-after"])) == (409, True)
    assert explanations_of(reply.object["message"])


def test_what_is_understood_otherwise_is_explained(service):
    """A tag whose name MLflow would refuse: accepted, with a warning."""
    reply = service.post("/api/v1/evaluations", {**BODY, "experiment": {"tags": {"odd key!": "1"}}})
    (warning,) = reply.object["warnings"]
    assert (reply.status, bool(explanations_of(warning))) == (202, True)


def test_a_service_without_workers_is_explained(service):
    """Health says that nobody is alive, in the page's words."""
    assert explanations_of(service.get("/api/v1/health").object["components"]["workers"]["message"])


def test_a_strange_name_and_a_strange_page_are_explained(service):
    """421 and 403."""
    by_name = service.get("/api/v1/evaluations", Host="eval-hub:8000")
    by_page = service.get("/api/v1/evaluations", Origin="https://elsewhere.example")
    assert (by_name.status, by_page.status) == (421, 403)
    assert explanations_of(by_name.object["message"])
    assert explanations_of(by_page.object["message"])


def test_a_missing_key_and_a_lower_role_are_explained(tmp_path):
    """401 without a key and with a wrong one, 403 with one that only reads."""
    settings = own_settings(tmp_path, EVALTRAIL_AUTH="keys")
    database = open_database("", settings.home, "normal")
    reader = f"Bearer {ApiKeys(database).add('ann', 'read').key}"
    database.close()
    with running_service(settings, []) as client:
        replies = [
            client.get("/api/v1/evaluations"),
            client.get("/api/v1/evaluations", Authorization="Bearer no-such-key"),
            client.post("/api/v1/evaluations", BODY, Authorization=reader),
        ]
    assert [reply.status for reply in replies] == [401, 401, 403]
    assert all(explanations_of(reply.object["message"]) for reply in replies)


def test_what_keeps_the_service_from_starting_is_explained():
    """An open address without a word on keys, and a port that is taken."""
    with pytest.raises(InputError) as unsaid:
        load_service_settings(load_settings({"EVALTRAIL_HOST": "0.0.0.0"}, dotenv=None))
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InputError) as twice:
        listening("127.0.0.1", taken.getsockname()[1])
    assert explanations_of(unsaid.value.message)
    assert explanations_of(twice.value.message)
    assert re.search("EVALTRAIL_AUTH=keys.*EVALTRAIL_AUTH=none", unsaid.value.hint)
