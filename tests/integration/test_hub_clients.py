"""Today's Eval Hub client (eval-hub-sdk) and plain requests in its words, against a service on a real port."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from evalhub.client import AsyncEvalHubClient, SyncEvalHubClient
from evalhub.client.base import JobCanNotBeCancelledError, JobNotFoundError
from evalhub.models import (
    BenchmarkConfig,
    CollectionRef,
    ExperimentConfig,
    ExperimentTag,
    JobStatus,
    JobSubmissionRequest,
    ModelConfig,
    PrimaryScore,
    QueueConfig,
)

from running_service import own_settings, running_service

JOBS = "/api/v1/evaluations/jobs"
MODEL = ModelConfig(url="http://127.0.0.1:9/v1", name="m")
BENCHMARK = BenchmarkConfig(
    id="arc_easy",
    provider_id="lm_evaluation_harness",
    parameters={"limit": 2},
    primary_score=PrimaryScore(metric="acc"),
)
RAW = {"name": "n", "model": MODEL.model_dump(exclude_none=True), "benchmarks": [{"id": "arc_easy"}]}
COLLECTION = {
    "name": "Lab",
    "category": "lab",
    "tags": ["a"],
    "custom": {"owner": "us"},
    "benchmarks": [{"id": "arc_easy", "provider_id": "lm_evaluation_harness", "weight": 2.0, "parameters": {}}],
    "pass_criteria": {"threshold": 0.4},
}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service without workers, which lets requests reach this machine."""
    folder = tmp_path_factory.mktemp("hub")
    with running_service(own_settings(folder, EVALTRAIL_ALLOW_PRIVATE_URLS="127.0.0.1"), []) as client:
        yield client


@pytest.fixture
def client(service):
    """The client as its users have it; it does not repeat what fails."""
    with SyncEvalHubClient(base_url=service.address, max_retries=0) as opened:
        yield opened


def order(**more):
    return JobSubmissionRequest(**{"name": "n", "model": MODEL, "benchmarks": [BENCHMARK], **more})


def refusal(work):
    """How the service refused what a client asked."""
    with pytest.raises(httpx.HTTPStatusError) as refused:
        work()
    return refused.value.response


def test_job_is_submitted_and_told_as_it_was_sent(client):
    """What the client sends stands in its job, under the names of its own models."""
    experiment = ExperimentConfig(name="e", tags=[ExperimentTag(key="team", value="x")])
    job = client.jobs.submit(order(description="d", tags=["a", "b"], experiment=experiment))
    assert (job.state, job.name, job.description, job.tags) == (JobStatus.PENDING, "n", "d", ["a", "b"])
    assert (job.model, job.experiment, job.benchmarks) == (MODEL, experiment, [BENCHMARK])
    shown = client.jobs.get(job.id)
    assert shown.model_copy(update={"resource": job.resource}) == job
    assert (shown.results.benchmarks, shown.resource.created_at.tzinfo is None) == ([], False)


def test_job_of_a_collection_can_be_sent_again(client):
    """The client's job of a collection names the collection, and is an order in its own form."""
    job = client.jobs.submit(order(benchmarks=None, collection=CollectionRef(id="general_llm_eval_v1")))
    assert (job.benchmarks, job.collection.id) == (None, "general_llm_eval_v1")
    again = client.jobs.submit(JobSubmissionRequest(**job.model_dump(exclude={"resource", "status", "results"})))
    assert [each.id for each in again.collection.benchmarks] == [each.id for each in job.collection.benchmarks]


def test_what_has_no_effect_is_told(client):
    """A queue of Kubernetes is passed over in words."""
    job = client.jobs.submit(order(queue=QueueConfig(name="q")))
    assert "queue has no effect" in client.jobs.get(job.id).status.message.message


def test_cancelled_job_is_over_and_can_be_forgotten(client):
    """Cancelled; then refused with the reason, then gone: under the client's own errors."""
    job = client.jobs.submit(order())
    assert client.jobs.cancel(job.id) is True
    assert client.jobs.get(job.id).state == JobStatus.CANCELLED
    with pytest.raises(JobCanNotBeCancelledError, match="is over: cancelled"):
        client.jobs.cancel(job.id)
    assert client.jobs.cancel(job.id, hard_delete=True) is True
    with pytest.raises(JobNotFoundError):
        client.jobs.cancel(job.id)


def test_waiting_job_is_forgotten_at_once(client):
    """What nobody has begun needs no cancelling first."""
    job = client.jobs.submit(order())
    client.jobs.cancel(job.id, hard_delete=True)
    assert refusal(lambda: client.jobs.get(job.id)).status_code == 404


def test_tenants_see_their_own_jobs(service, client):
    """A request that names a tenant finds that tenant's jobs; one that names none finds all."""
    job = client.jobs.submit(order(name="of a tenant"), tenant="lab")
    assert job.resource.tenant == "lab"
    assert job.id in {each.id for each in client.jobs.list(tenant="lab")}
    assert job.id in {each.id for each in client.jobs.list()}
    assert client.jobs.list(tenant="other") == []
    assert refusal(lambda: client.jobs.get(job.id, tenant="other")).status_code == 404
    assert service.get(f"{JOBS}/{job.id}").status == 200


def test_list_is_paged_and_filtered(service, client):
    """Offset and limit walk through all, newest first; tags, name and status narrow; links lead on."""
    ids = [client.jobs.submit(order(name="paged", tags=["p", str(place)])).id for place in range(5)]
    met, path = [], f"{JOBS}?name=paged&limit=2"
    while path:
        page = service.get(path).object
        met += [each["resource"]["id"] for each in page["items"]]
        assert (page["total_count"], page["limit"], page["first"]["href"]) == (5, 2, f"{JOBS}?name=paged&limit=2")
        path = (page["next"] or {}).get("href")
    assert met == ids[::-1]
    assert [each["resource"]["id"] for each in service.get(f"{JOBS}?tags=p,3").object["items"]] == [ids[3]]
    assert service.get(f"{JOBS}?name=paged&status=completed").object["items"] == []
    assert len(client.jobs.list(limit=3)) == 3


@pytest.mark.slow
def test_a_page_may_be_long(service, client):
    """A client that asks for more than a hundred is given them, each once."""
    for _ in range(105):
        client.jobs.submit(order(name="long"))
    page = service.get(f"{JOBS}?name=long&limit=1000").object
    assert (len({each["resource"]["id"] for each in page["items"]}), page["next"]) == (105, None)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "offset=-1", "status=done", "owner=me", "stauts=pending"])
def test_wrong_parameters_are_refused(service, query):
    """Nothing of a query is passed over."""
    reply = service.get(f"{JOBS}?{query}")
    assert (reply.status, reply.object["errors"][0]["path"]) == (422, query.partition("=")[0])


@pytest.mark.parametrize("below", ["", "/logs", "/benchmarks/0/logs"])
def test_job_that_is_not_there_is_404(service, below):
    """Every page of it says so."""
    assert service.get(f"{JOBS}/0000000000000000{below}").status == 404


def test_logs_are_text(client):
    """A job that nobody has begun has an empty log; a benchmark that it has not is 404."""
    job = client.jobs.submit(order())
    assert client.jobs.get_logs(job.id) == ""
    assert client.jobs.get_logs(job.id, benchmark_index=0) == ""
    assert refusal(lambda: client.jobs.get_logs(job.id, benchmark_index=1)).status_code == 404


def test_events_of_adapters_are_not_taken_yet(service):
    """They are refused in words, not lost."""
    reply = service.post(f"{JOBS}/0000000000000000/events", {"benchmark_status_event": {}})
    assert (reply.status, reply.object["code"]) == (501, "not_yet")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"benchmarks": [{"id": "arc_esay", "provider_id": "lm_evaluation_harness"}]}, "benchmarks.0.id"),
        ({"benchmarks": [{"id": "toxicity", "provider_id": "garak"}]}, "benchmarks.0.provider_id"),
        (
            {"benchmarks": [{"id": "arc_easy", "provider_id": "lm_evaluation_harness", "parameters": {"limit": -1}}]},
            "benchmarks.0.parameters.limit",
        ),
        ({"model": {"name": "m", "url": "http://10.1.2.3/v1"}}, "model.url"),
        ({"model": {"name": "m", "url": ""}}, "model.server"),
        ({"colection": {"id": "c"}}, "colection"),
    ],
)
def test_mistakes_are_refused_where_they_stand(service, changes, path):
    """422 with the place and the next step; `message` and `message_code` are the names that these clients read."""
    reply = service.post(JOBS, {**RAW, **changes})
    problem = reply.object
    assert (reply.status, problem["errors"][0]["path"]) == (422, path)
    assert problem["message"] in problem["detail"]
    assert (problem["message_code"], bool(problem["hint"])) == (problem["code"], True)


def test_providers_and_benchmarks_are_listed(client):
    """The client makes its list of benchmarks out of the providers'."""
    assert {"lm_evaluation_harness", "ragas", "native"} <= {each.resource.id for each in client.providers.list()}
    assert client.providers.get("ragas").benchmarks == client.benchmarks.list(provider_id="ragas")
    categories = {each.category for each in client.benchmarks.list(category="reasoning")}
    assert categories <= {"reasoning"}
    assert refusal(lambda: client.providers.get("nobody")).status_code == 404


@pytest.mark.parametrize("verb", ["create", "update", "patch", "delete"])
def test_no_request_changes_a_provider(client, verb):
    """A provider names what is run; that is the operator's to say."""
    words = [] if verb == "create" else ["ragas"]
    words += [] if verb == "delete" else [{"name": "p", "runtime": {"local": {"command": "x"}}}]
    reply = refusal(lambda: getattr(client.providers, verb)(*words))
    assert (reply.status_code, reply.json()["code"]) == (409, "read_only")


def test_collection_is_made_changed_run_and_forgotten(client):
    """Every verb of the client; what a user keeps with a collection is kept."""
    made = client.collections.create(COLLECTION)
    assert client.collections.get(made.resource.id) == made
    assert (made.custom, made.tags, made.benchmarks[0].weight, made.pass_criteria.threshold) == (
        {"owner": "us"},
        ["a"],
        2.0,
        0.4,
    )
    patched = client.collections.patch(made.resource.id, {"name": "Lab 2", "custom": {"team": "x"}})
    assert (patched.name, patched.custom) == ("Lab 2", {"owner": "us", "team": "x"})
    assert patched.benchmarks == made.benchmarks
    put = client.collections.update(made.resource.id, {**COLLECTION, "tags": ["b"]})
    assert (put.name, put.tags) == ("Lab", ["b"])
    job = client.jobs.submit(order(benchmarks=None, collection=CollectionRef(id=made.resource.id)))
    client.collections.delete(made.resource.id)
    assert made.resource.id not in {each.resource.id for each in client.collections.list()}
    assert client.jobs.get(job.id).collection.id == made.resource.id


@pytest.mark.parametrize(
    ("work", "status"),
    [
        (lambda client: client.collections.create({**COLLECTION, "benchmarks": []}), 422),
        (lambda client: client.collections.create({**COLLECTION, "catgory": "x"}), 422),
        (lambda client: client.collections.update("nobody", COLLECTION), 404),
        (lambda client: client.collections.patch("general_llm_eval_v1", {"name": "x"}), 409),
        (lambda client: client.collections.patch("general_llm_eval_v1", [{"op": "remove", "path": "/name"}]), 422),
        (lambda client: client.collections.delete("general_llm_eval_v1"), 409),
        (lambda client: client.collections.delete("nobody"), 404),
    ],
)
def test_wrong_changes_of_collections_are_refused(client, work, status):
    """What is not there, not a user's, or not understood is refused with a reason."""
    reply = refusal(lambda: work(client))
    assert (reply.status_code, bool(reply.json()["message"])) == (status, True)


def test_health_has_the_fields_of_both(client, service):
    """The state of the whole under the client's name, with the time; without a worker it is no lie."""
    told = client.health()
    assert (told["status"], told["components"]["workers"]["status"]) == ("degraded", "degraded")
    assert told["timestamp"].endswith("Z")


def test_the_asynchronous_client_says_the_same(service, client):
    """Both clients speak to the same store."""

    async def drive():
        async with AsyncEvalHubClient(base_url=service.address, max_retries=0) as other:
            job = await other.jobs.submit(order(name="async"))
            shown = await other.jobs.get(job.id)
            return job.id, shown.name, await other.jobs.cancel(job.id)

    job_id, name, is_cancelled = asyncio.run(drive())
    assert (client.jobs.get(job_id).name, name, is_cancelled) == ("async", "async", True)
