"""`evaltrail.Client` against a real HTTP server that fails in every way that passes."""

from __future__ import annotations

import json

import pytest

import evaltrail
from evaltrail.core.errors import EndpointError, InputError, PartialError
from mlflow_server import free_port
from scripted_service import Scripted, ScriptedService

EVALUATION = {
    "id": "e1",
    "status": "running",
    "message": {"message": "it is being done"},
    "model": {"name": "m"},
    "progress": {"done": 3, "total": 10},
    "runs": [{"url": "http://mlflow/run"}, {"url": ""}],
}
DONE = {**EVALUATION, "status": "completed"}
AWAY = Scripted(status=503, body={"message": "the store is away", "code": "storage"}, headers={"Retry-After": "0"})


def client_of(service, **settings):
    return evaltrail.Client(service.url, **{"api_key": "", "timeout_s": 5, **settings})


@pytest.mark.parametrize("failure", [AWAY, Scripted(is_cut=True), Scripted(status=502), Scripted(status=429)])
def test_a_submission_is_sent_again_under_the_same_key(failure):
    """However it failed in passing, the service can tell that it is one submission."""
    with ScriptedService(failure, Scripted(status=202, body=EVALUATION)) as service, client_of(service) as client:
        found = client.submit(model="m", server="vllm", benchmarks=["ragas/faithfulness"], tags={"a": ""})
        first, second = service.asked
    assert (found.id, found.state, found.done, found.total) == ("e1", "running", 3, 10)
    assert found.run_urls == ("http://mlflow/run",)
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert len(first.headers["idempotency-key"]) == 32
    assert json.loads(second.body) == {
        "model": {"name": "m", "server": "vllm"},
        "benchmarks": [{"provider_id": "ragas", "id": "faithfulness"}],
        "experiment": {"tags": {"a": ""}},
    }


def test_what_may_not_be_said_twice_is_said_once():
    """A cancellation whose answer is lost is not sent again: the next answer would be that it is over already."""
    with ScriptedService(Scripted(is_cut=True), Scripted(body=DONE)) as service, client_of(service) as client:
        with pytest.raises(EndpointError) as caught:
            client.cancel("e1")
        assert len(service.asked) == 1
    assert (caught.value.code, caught.value.where) == ("service_away", service.url)


def test_one_connection_is_kept_and_replaced_when_the_service_closed_it():
    """Requests share a connection; one that was closed meanwhile is no failure."""
    with (
        ScriptedService(
            Scripted(body=DONE), Scripted(body=DONE), Scripted(is_cut=True), Scripted(body=DONE)
        ) as service,
        client_of(service) as client,
    ):
        assert [client.get("e1").is_over for _ in range(3)] == [True, True, True]
        first, second, cut, again = (asked.port for asked in service.asked)
    assert first == second == cut != again


def test_a_redirect_is_not_followed_and_the_key_goes_to_the_service_alone():
    """Where it points to is told; nobody else is sent the key."""
    with ScriptedService(Scripted(body=DONE)) as other:
        moved = Scripted(status=307, headers={"Location": f"{other.url}/api"})
        with ScriptedService(moved) as service, client_of(service, api_key="etk_secret") as client:
            with pytest.raises(EndpointError) as caught:
                client.get("e1")
            assert service.asked[0].headers["authorization"] == "Bearer etk_secret"
    assert caught.value.code == "redirected"
    assert other.url in caught.value.message
    assert other.asked == []
    assert "etk_secret" not in str(caught.value)


def test_every_mistake_of_a_refused_request_is_told_with_its_place():
    """A 422 is one error a mistake, exit code 2; a refusal without places is one error with the service's hint."""
    mistakes = [{"path": "benchmarks.0.id", "message": "none such", "hint": "did you mean 'x'?"}, {"path": "model"}]
    refused = Scripted(status=422, body={"message": "two", "code": "invalid_request", "errors": mistakes})
    unknown = Scripted(status=404, body={"message": "there is none", "code": "unknown_id", "hint": "list them"})
    with ScriptedService(refused, unknown) as service, client_of(service) as client:
        with pytest.raises(PartialError) as caught:
            client.submit({"model": {}})
        with pytest.raises(InputError) as missing:
            client.get("../e 1")
        assert service.asked[1].path == "/api/v1/evaluations/..%2Fe%201"
    first, second = caught.value.errors
    assert (first.where, first.message, first.hint) == ("benchmarks.0.id", "none such", "did you mean 'x'?")
    assert (second.where, caught.value.exit_code) == ("model", 2)
    assert (missing.value.code, missing.value.hint) == ("unknown_id", "list them")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Scripted(body=b"<html>"), "not_the_service"),
        (Scripted(body=[]), "not_the_service"),
        (Scripted(body={"status": "well"}), "not_the_service"),
        (Scripted(status=404, body=b"no such page"), "http_404"),
        (Scripted(status=500, body={"message": "it failed", "code": "internal_error"}), "internal_error"),
    ],
)
def test_what_answers_like_no_service_is_told_as_such(answer, code):
    """Another server on the port, or a broken one, is an error of the endpoint, not a traceback."""
    with ScriptedService(answer) as service, client_of(service) as client, pytest.raises(EndpointError) as caught:
        client.get("e1")
    assert (caught.value.code, caught.value.where) == (code, service.url)


def test_nobody_there_names_the_next_step():
    """An address at which nothing listens says how a service is started, within the time that was given."""
    with (
        evaltrail.Client(f"http://127.0.0.1:{free_port()}", api_key="", timeout_s=0.3) as client,
        pytest.raises(EndpointError, match="Connection refused") as caught,
    ):
        client.health()
    assert "`evaltrail up`" in caught.value.hint


def test_waiting_outlasts_a_service_that_is_away_and_ends_in_time():
    """The evaluation is waited for across failures; what is not over in time goes on, and is told as such."""
    script = (AWAY, Scripted(body=EVALUATION), Scripted(body=DONE))
    seen = []
    with ScriptedService(*script) as service, client_of(service) as client:
        assert client.wait("e1", on_progress=seen.append).state == "completed"
        assert [found.state for found in seen] == ["running", "completed"]
    with ScriptedService(Scripted(body=EVALUATION)) as service, client_of(service) as client:
        with pytest.raises(evaltrail.EvaltrailError, match=r"not over within 0\.05 s") as caught:
            client.wait("e1", timeout_s=0.05)
        assert caught.value.code == "wait_timed_out"


def test_events_go_on_after_the_last_one_that_came():
    """A line that breaks is taken up again by Last-Event-ID, until the end was told."""
    head = {"Content-Type": "text/event-stream"}
    begun = b': hello\n\nid: 4\nevent: state\ndata: {"status":\ndata: "running"}\n\nid: 5\nevent: progress\nda'
    ended = b'id: 7\r\nevent: state\r\ndata: {"status": "failed"}\r\n\r\n'
    with (
        ScriptedService(Scripted(body=begun, headers=head), Scripted(body=ended, headers=head)) as service,
        client_of(service) as client,
    ):
        events = [(event.id, event.kind, event.data["status"]) for event in client.events("e1")]
        assert [asked.headers["last-event-id"] for asked in service.asked] == ["0", "4"]
    assert events == [(4, "state", "running"), (7, "state", "failed")]


def test_samples_and_lists_come_page_by_page():
    """The cursor of a page asks for the next; filters and tags are sent as the service wants them."""
    pages = (
        Scripted(body={"items": [{"id": "a"}, {"id": "b"}], "next_cursor": "c/1"}),
        Scripted(body={"items": [{"id": "c"}], "next_cursor": None}),
        Scripted(body={"items": [DONE], "total_count": 7, "next_cursor": "n"}),
    )
    with ScriptedService(*pages) as service, client_of(service) as client:
        assert [sample["id"] for sample in client.samples("e1", benchmark="sums", only="failed")] == ["a", "b", "c"]
        page = client.list(tags={"team": "blue", "x": "1"}, status="completed")
        assert (page.items[0].state, page.total_count, page.next_cursor) == ("completed", 7, "n")
        paths = [asked.path for asked in service.asked]
    assert "benchmark=sums&filter=failed&limit=100&cursor=c%2F1" in paths[1]
    assert paths[2].endswith("?status=completed&limit=50&tag=team%3Ablue&tag=x%3A1")


def test_an_unwell_service_is_an_answer_about_its_health():
    """`health` tells what is wrong; it does not fail because something is."""
    with ScriptedService(Scripted(status=503, body={"status": "unhealthy"})) as service, client_of(service) as client:
        assert client.health() == {"status": "unhealthy"}
        assert len(service.asked) == 1
