"""The catalog over REST: what is shipped is shown, what users add can be named, changed and forgotten."""

from __future__ import annotations

import time

import pytest

from running_service import own_settings, running_service

ROOT = "/api/v1"
COLLECTION = {
    "name": "Lab",
    "category": "lab",
    "tags": {"area": "lab"},
    "pass_criteria": {"threshold": 0.6},
    "benchmarks": [
        {"id": "arc_easy", "provider_id": "lm_evaluation_harness", "weight": 2, "primary_score": {"metric": "acc"}}
    ],
}
ROWS = [{"question": "1 + 1", "answer": "2"}]
TASK = {
    "prompt": "{{ question }}",
    "target": "{{ answer }}",
    "metrics": ["exact_match"],
    "rows": ROWS,
}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service of this module's own."""
    with running_service(own_settings(tmp_path_factory.mktemp("service")), []) as client:
        yield client


def test_providers_and_their_benchmarks_are_shown(service):
    """Every provider of the contract is listed, each with a page and its benchmarks."""
    listed = service.get(f"{ROOT}/providers").object
    assert {each["id"] for each in listed["items"]} >= {"lm_evaluation_harness", "ragas", "garak", "native"}
    assert listed["total_count"] == len(listed["items"])
    ragas = service.get(f"{ROOT}/providers/ragas").object
    found = service.get(f"{ROOT}/providers/ragas/benchmarks").object["items"]
    assert found == ragas["benchmarks"]
    assert {each["id"] for each in found} >= {"faithfulness", "context_recall"}
    everything = service.get(f"{ROOT}/benchmarks").object["items"]
    assert service.get(f"{ROOT}/benchmarks?provider_id=ragas").object["items"] == found
    assert all(each in everything for each in found)


@pytest.mark.parametrize(
    "path", ["providers/nobody", "providers/nobody/benchmarks", "collections/nobody", "servers/nobody"]
)
def test_entry_that_is_not_there_is_404(service, path):
    """A path under which nothing is says so, with the next step."""
    reply = service.get(f"{ROOT}/{path}")
    assert (reply.status, reply.object["code"]) == (404, "not_found")
    assert reply.object["hint"]


def test_collection_is_added_changed_used_and_forgotten(service):
    """A collection of a user's own has its path, can be named by submissions, and goes."""
    added = service.post(f"{ROOT}/collections", {"id": "lab_v1", **COLLECTION})
    assert (added.status, added.headers["location"]) == (201, f"{ROOT}/collections/lab_v1")
    assert service.post(f"{ROOT}/collections", {"id": "lab_v1", **COLLECTION}).status == 409
    put = service.ask("PUT", f"{ROOT}/collections/lab_v1", {**COLLECTION, "name": "Renamed"})
    assert (put.status, put.object["name"]) == (200, "Renamed")
    shown = service.get(f"{ROOT}/collections/lab_v1").object
    assert (shown["name"], shown["pass_criteria"], shown["tags"]) == ("Renamed", {"threshold": 0.6}, {"area": "lab"})
    body = {"model": {"server": "vllm", "name": "m"}, "experiment": {"tags": {"area": "lab", "x": "y"}}}
    assert service.post(f"{ROOT}/evaluations", body).object["collection"] == "lab_v1"
    gone = service.ask("DELETE", f"{ROOT}/collections/lab_v1")
    assert (gone.status, gone.body) == (204, b"")
    assert service.get(f"{ROOT}/collections/lab_v1").status == 404
    assert service.ask("DELETE", f"{ROOT}/collections/lab_v1").status == 404


def test_shipped_entries_are_read_only(service):
    """No request changes or removes what the package ships."""
    path = f"{ROOT}/collections/healthcare_safety_v1"
    assert service.ask("DELETE", path).object["code"] == "read_only"
    assert service.ask("PUT", path, COLLECTION).status == 409
    assert service.ask("DELETE", f"{ROOT}/servers/vllm").status == 409


def test_wrong_collection_is_told_with_its_place(service):
    """A threshold that no share reaches, an unknown benchmark, an unknown field: 422 at the field."""
    far = {**COLLECTION, "benchmarks": [{**COLLECTION["benchmarks"][0], "pass_criteria": {"threshold": 80}}]}
    for body, place in [
        (far, "benchmarks.0"),
        ({**COLLECTION, "benchmarks": [{"id": "arc_eazy", "provider_id": "lm_evaluation_harness"}]}, "benchmarks.0"),
        ({**COLLECTION, "treshold": 1}, "treshold"),
    ]:
        reply = service.post(f"{ROOT}/collections", body)
        assert reply.status == 422
        assert reply.object["errors"][0]["path"].startswith(place)


def test_server_is_added_and_named_by_submissions(service):
    """A server with a public URL can be named; one of a private network, or with a variable, cannot be added."""
    added = service.post(f"{ROOT}/servers", {"id": "lab", "url": "https://models.example.com/v1"})
    assert (added.status, added.object["has_key"]) == (201, False)
    body = {"model": {"server": "lab", "name": "m"}, "benchmarks": [{"id": "arc_easy"}]}
    assert service.post(f"{ROOT}/evaluations", body).object["model"]["url"] == "https://models.example.com/v1"
    assert service.post(f"{ROOT}/servers", {"id": "near", "url": "http://10.0.0.1/v1"}).status == 422
    named = {"id": "keyed", "url": "https://models.example.com/v1", "api_key_env": "HOME"}
    assert service.post(f"{ROOT}/servers", named).status == 422
    assert service.ask("DELETE", f"{ROOT}/servers/lab").status == 204
    assert "lab" not in {each["name"] for each in service.get(f"{ROOT}/servers").object["items"]}


def test_benchmark_of_a_users_own_is_data(service):
    """A task in the request becomes a benchmark of `native`; a path elsewhere or a command is refused."""
    added = service.post(f"{ROOT}/benchmarks", {"id": "sums", "provider_id": "native", "task": TASK})
    assert (added.status, added.object["provider_id"]) == (201, "native")
    listed = service.get(f"{ROOT}/providers/native/benchmarks").object["items"]
    assert "sums" in {each["id"] for each in listed}
    assert not any("task" in each for each in listed)
    for wrong in ({"task_file": "/etc/passwd"}, {"task_file": "../x.yaml"}, {"task": {**TASK, "command": ["id"]}}):
        assert service.post(f"{ROOT}/benchmarks", {"id": "bad", "provider_id": "native", **wrong}).status == 422
    assert service.ask("DELETE", f"{ROOT}/benchmarks/sums").status == 204


@pytest.mark.slow
def test_file_of_the_operator_is_read_again_while_the_service_runs(tmp_path):
    """What the operator adds can be named a moment later, and a broken version changes nothing."""
    with running_service(own_settings(tmp_path), []) as service:
        file = tmp_path / "home" / "catalog.yaml"
        file.write_text("servers:\n  lab: {url: 'http://127.0.0.1:9/v1'}\n")
        ends = time.monotonic() + 10
        while service.get(f"{ROOT}/servers/lab").status != 200:
            assert time.monotonic() < ends
            time.sleep(0.05)
        file.write_text("servers: [")
        time.sleep(1.2)
        assert service.get(f"{ROOT}/servers/lab").status == 200
