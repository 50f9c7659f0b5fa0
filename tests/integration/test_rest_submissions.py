"""POST /api/v1/evaluations against a service on a real port over a real database."""

from __future__ import annotations

import threading

import pytest

from evaltrail.api.description import examples
from running_service import own_settings, running_service

PATH = "/api/v1/evaluations"
BODY = {
    "model": {"server": "vllm", "name": "m"},
    "benchmarks": [{"benchmark_id": "arc_easy", "provider_id": "lm_evaluation_harness", "config": {"limit": 2}}],
    "experiment": {"name": "e", "tags": {"team": "x", "empty": ""}},
}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service of this module's own."""
    with running_service(own_settings(tmp_path_factory.mktemp("service")), []) as client:
        yield client


def test_submission_is_accepted_and_told_as_it_will_be_shown(service):
    """202 with Location and the account; a GET tells the same but for the clock of the database."""
    reply = service.post(PATH, BODY)
    told = reply.object
    assert (reply.status, reply.headers["location"]) == (202, f"{PATH}/{told['id']}")
    assert (told["status"], told["request_id"], told["warnings"]) == ("pending", told["id"], [])
    assert told["experiment"]["tags"] == {"team": "x", "empty": ""}
    assert told["links"]["results"] == f"{PATH}/{told['id']}/results"
    shown = service.get(reply.headers["location"]).object
    assert {**shown, "created_at": ""} == {**told, "created_at": ""}


@pytest.mark.parametrize("name", ["one_benchmark", "several_providers", "a_collection_by_tags"])
def test_seed_payload_is_accepted(service, name):
    """The payloads of seed 001 are accepted word for word; the third means the collection that its tags name."""
    reply = service.post(PATH, examples()[name])
    told = reply.object
    assert reply.status == 202
    assert told["collection"] == ("healthcare_safety_v1" if name == "a_collection_by_tags" else None)
    assert told["benchmarks"]


def test_collection_has_a_path_of_its_own(service):
    """A submission to a collection's path runs that collection; an unknown one is refused with the known ones."""
    body = {"model": BODY["model"]}
    reply = service.post(f"{PATH}/collections/general_llm_eval_v1", body)
    assert (reply.status, reply.object["collection"]) == (202, "general_llm_eval_v1")
    unknown = service.post(f"{PATH}/collections/general_llm_eval_v9", body)
    assert unknown.status == 422
    assert "general_llm_eval_v1" in unknown.object["hint"]


def test_same_key_and_body_are_the_same_evaluation(service):
    """A repeated submission is answered with the evaluation that there is; another body under the key is 409."""
    first = service.post(PATH, BODY, Idempotency_Key="one")
    again = service.post(PATH, BODY, Idempotency_Key="one")
    other = service.post(PATH, {**BODY, "name": "another"}, Idempotency_Key="one")
    assert (first.status, again.status) == (202, 202)
    assert first.object["id"] == again.object["id"]
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    assert (other.status, other.object["code"]) == (409, "idempotency_conflict")


def test_equal_submissions_without_a_key_are_two(service):
    """Without a key each submission is an evaluation of its own, also when they come at once."""
    ids = []
    threads = [threading.Thread(target=lambda: ids.append(service.post(PATH, BODY).object["id"])) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 6


def test_key_that_cannot_be_kept_is_refused(service):
    """A key has up to 200 printable characters of ASCII."""
    reply = service.post(PATH, BODY, Idempotency_Key="k" * 201)
    assert (reply.status, reply.object["errors"][0]["path"]) == (422, "Idempotency-Key")


def test_mistakes_of_form_and_of_names_are_told_with_their_paths(service):
    """What the form refuses, and what the catalog does not know, is 422 with every mistake at its place."""
    form = service.post(PATH, {**BODY, "benchmark": 1, "timeout_minutes": "5"})
    assert (form.status, form.headers["content-type"]) == (422, "application/problem+json")
    assert {each["path"] for each in form.object["errors"]} == {"benchmark", "timeout_minutes"}
    names = service.post(
        PATH,
        {
            "model": {"server": "vlm", "name": "m"},
            "benchmarks": [{"id": "arc_eazy", "provider_id": "lm_evaluation_harness"}],
        },
    )
    assert names.status == 422
    assert {each["path"] for each in names.object["errors"]} >= {"model.server", "benchmarks.0.id"}
    assert all(each["message"] for each in names.object["errors"])


def test_body_that_says_no_benchmarks_is_told_the_ways_to_say_them(service):
    """Without benchmarks, collection and fitting tags the answer lists what can be said."""
    reply = service.post(PATH, {"model": BODY["model"]})
    assert reply.status == 422
    assert "healthcare_safety_v1" in str(reply.object)


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{", {}, 400, "bad_json"),
        (b"", {}, 400, "bad_json"),
        (b'{"model": 1, "model": 2}', {}, 400, "bad_json"),
        (b"a=b", {"Content_Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
        (b'"' + b"x" * 10_000_001 + b'"', {}, 413, "too_large"),
    ],
)
def test_body_that_is_none_is_refused_by_its_kind(service, body, headers, status, code):
    """No JSON is 400, another media type 415, too large a body 413."""
    reply = service.post(PATH, body, **headers)
    assert (reply.status, reply.object["code"]) == (status, code)
    assert reply.object["request_id"] == reply.headers["x-request-id"]


def test_url_of_a_private_network_is_refused(service):
    """A request may not send the service to addresses that the operator did not open."""
    for field, body in {
        "model.url": {**BODY, "model": {"url": "http://169.254.169.254/v1", "name": "m"}},
        "callback_url": {**BODY, "callback_url": "http://127.0.0.1:1/x"},
    }.items():
        reply = service.post(PATH, body)
        assert (reply.status, reply.object["errors"][0]["path"]) == (422, field)
