"""What today's Eval Hub clients send, and what they are told, without a server between."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from answering_values import some_job, some_known, some_submission, some_unit
from evaltrail.api.hub_accounts import job_object
from evaltrail.api.hub_entries import document_of, merged, with_tags
from evaltrail.api.hub_jobs import lines_since
from evaltrail.api.hub_wire import read_job
from evaltrail.api.problems import RefusedBodyError
from evaltrail.core.errors import InputError
from evaltrail.service.answering.asked import Asked
from evaltrail.service.answering.telling import tell
from evaltrail.service.catalog.layers import shipped_shelf

MODEL = {"url": "http://127.0.0.1:1/v1", "name": "m"}
BENCHMARK = {"id": "arc_easy", "provider_id": "lm_evaluation_harness", "parameters": {"limit": 2}}
BODY = {"name": "n", "model": MODEL, "benchmarks": [BENCHMARK]}


def read(body, tenant=""):
    return read_job(json.dumps(body).encode(), tenant)


def test_body_means_a_submission():
    """Every field of the client that has a meaning here keeps it."""
    tags = [{"key": "team", "value": "x"}, {"key": "empty", "value": ""}]
    body = {
        **BODY,
        "description": "d",
        "tags": ["a", "b", "a"],
        "experiment": {"name": "e", "tags": tags},
        "benchmarks": [{**BENCHMARK, "primary_score": {"metric": "acc"}, "pass_criteria": {"threshold": 0.4}}],
    }
    found = read(body, "lab").request
    assert (found.name, found.description, found.labels, found.tenant) == ("n", "d", ("a", "b"), "lab")
    assert (found.experiment, found.tags) == ("e", {"team": "x", "empty": ""})
    (benchmark,) = found.benchmarks
    assert (benchmark.config, benchmark.primary_score.metric, benchmark.threshold) == ({"limit": 2}, "acc", 0.4)


def test_collection_may_be_run_in_part():
    """The benchmarks of a collection's reference choose among its own."""
    body = {"name": "n", "model": MODEL, "collection": {"id": "c", "benchmarks": [BENCHMARK]}}
    found = read(body).request
    assert (found.collection, [each.id for each in found.benchmarks]) == ("c", ["arc_easy"])


def test_secret_reference_without_a_url_is_a_server():
    """No key is sent by a client: the reference names a server's entry, whose URL is then taken too."""
    named = read({**BODY, "model": {"url": "", "name": "m", "auth": {"secret_ref": "lab"}}}).request.model
    beside = read({**BODY, "model": {**MODEL, "auth": {"secret_ref": "lab"}}}).request.model
    assert (named.server, named.url, named.secret_ref) == ("lab", "", "")
    assert (beside.server, beside.url, beside.secret_ref) == ("", MODEL["url"], "lab")


def test_queue_of_kubernetes_is_a_warning():
    """It would change nothing about the result: the job is done, and says that it had no effect."""
    order = read({**BODY, "queue": {"name": "q", "kind": "kueue"}})
    assert ["queue has no effect" in warning for warning in order.warnings] == [True]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"exports": {"oci": {"coordinates": {"oci_host": "h", "oci_repository": "r"}}}}, "exports.oci"),
        ({"benchmarks": [{**BENCHMARK, "test_data_ref": {"s3": {}}}]}, "benchmarks.0.test_data_ref"),
        ({"benchmarks": [{**BENCHMARK, "parameters": {"dataset": "x"}}]}, "benchmarks.0.parameters"),
        ({"benchmarks": [{**BENCHMARK, "parameters": {"metrics": ["acc"]}}]}, "benchmarks.0.parameters"),
        ({"experiment": {"name": "e", "artifact_location": "s3://b"}}, "experiment.artifact_location"),
        ({"collection": {"id": "c"}}, ""),
        ({"modle": 1}, "modle"),
        ({"model": {**MODEL, "api_key": "k"}}, "model.api_key"),
        ({"model": {"url": "http://h"}}, "model.name"),
        ({"benchmarks": []}, "benchmarks"),
        ({"tags": [{"key": "a", "value": "b"}]}, "tags.0"),
    ],
)
def test_what_would_change_the_result_is_refused(changes, path):
    """A field that cannot be followed is refused at its place, with the next step; nothing is dropped in silence."""
    with pytest.raises(RefusedBodyError) as refused:
        read({**BODY, **changes})
    assert [each.path for each in refused.value.fields] == [path]
    assert all(each.message for each in refused.value.fields)


def test_nothing_is_said_by_null():
    """Fields that are null are as if they were left out."""
    empty = dict.fromkeys(("description", "tags", "collection", "experiment", "exports", "queue", "pass_criteria"))
    body = {**BODY, **empty, "benchmarks": [{**BENCHMARK, "test_data_ref": None, "primary_score": None}]}
    assert read(body).request == read(BODY).request


def test_job_names_its_experiment_as_it_was_sent():
    """The prefix is ours; the whole name stands beside."""
    asked = Asked(submission=some_submission(experiment="eval-hub_e", tags={"k": "v"}, labels=("a",), tenant="lab"))
    told = job_object(tell(some_known(some_unit(), asked=asked), ""), "eval-hub_")
    assert told["experiment"] == {"name": "e", "tags": [{"key": "k", "value": "v"}]}
    assert (told["resource"]["mlflow_experiment_name"], told["resource"]["tenant"]) == ("eval-hub_e", "lab")
    assert (told["tags"], told["collection"], len(told["benchmarks"])) == (("a",), None, 1)


def test_job_of_a_collection_holds_its_benchmarks_there():
    """A client that sends such a job again may not name both."""
    asked = Asked(submission=some_submission("b0", "b1", collection="c"))
    told = job_object(tell(some_known(asked=asked), ""), "")
    assert (told["benchmarks"], told["collection"]["id"]) == (None, "c")
    assert [each["id"] for each in told["collection"]["benchmarks"]] == ["b0", "b1"]
    assert [each["benchmark_index"] for each in told["status"]["benchmarks"]] == [0, 1]


@pytest.mark.parametrize(("job", "told"), [("cancelling", "running"), ("cancelled", "cancelled")])
def test_a_job_is_over_before_the_last_of_its_benchmarks(job, told):
    """Clients stop waiting when every benchmark has ended, though what is there is still being landed."""
    known = some_known(some_unit(state="cancelled"), job=some_job(state=job))
    status = job_object(tell(known, ""), "")["status"]
    assert (status["state"], [each["status"] for each in status["benchmarks"]]) == (told, [told])


def test_lines_since_a_moment():
    """A line without a time belongs to the one before it."""
    lines = ["no time yet", "2026-03-01T12:00:00Z a: old", "  more", "2026-03-01T12:00:10+00:00 b: new", "  more"]
    text = "".join(f"{line}\n" for line in lines)
    found = lines_since(text, datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC))
    assert found.splitlines() == [lines[0], *lines[3:]]


def test_patch_changes_what_it_names():
    """RFC 7396: objects are merged, null takes away, all else is put in its place."""
    before = {"name": "a", "custom": {"x": 1, "y": 2}, "tags": ["t"], "description": "d"}
    found = merged(before, {"name": "b", "custom": {"y": None, "z": 3}, "tags": [], "description": None})
    assert found == {"name": "b", "custom": {"x": 1, "z": 3}, "tags": []}


@pytest.mark.parametrize("patch", [[{"op": "replace", "path": "/name", "value": "x"}], "name", 1])
def test_other_patches_are_refused(patch):
    """JSON Patch is not understood yet, and says so."""
    with pytest.raises(InputError, match="no object of the fields"):
        merged({}, patch)


def test_tags_with_values_outlive_a_round_trip():
    """These clients know words alone: key:value becomes a tag with a value again where it was one."""
    entry = next(each for each in shipped_shelf().collections.values() if each.tags)
    (key, value), *_ = entry.tags.items()
    sent = {**document_of(entry), "tags": [f"{key}:{value}", "own:word"]}
    assert with_tags(sent, entry)["tags"] == [{"key": key, "value": value}, "own:word"]
    assert with_tags(sent, None) is sent
