"""From a request to a submission: names looked up in the real catalog, every mistake told at once with its path."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from evaltrail.config.service_settings import load_service_settings
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError, PartialError
from evaltrail.core.submission import BenchmarkChoice, ModelChoice, PrimaryScore, SubmissionRequest
from evaltrail.service.catalog.catalog import Catalog
from evaltrail.service.submitting.resolve import resolve

HARNESS = "lm_evaluation_harness"
ARC = BenchmarkChoice(id="arc_easy", provider_id=HARNESS, config={"num_fewshot": 0})
GARAK = BenchmarkChoice(id="toxicity", provider_id="garak")
LLAMA = ModelChoice(name="meta-llama/llama-3.1-8b", server="vllm")


@pytest.fixture
def made(tmp_path):
    """Resolves a request, or tells what is wrong with it: path to message."""
    environ = {
        "EVALTRAIL_HOME": str(tmp_path / "home"),
        "EVALTRAIL_DATA_ROOT": str(tmp_path),
        "EVALTRAIL_SERVER_GPU_URL": "http://10.0.0.7:9000/v1",
        "EVALTRAIL_SERVER_GPU_API_KEY_ENV": "GPU_KEY",
        "EVALTRAIL_SERVER_GPU_MAX_CONCURRENCY": "4",
    }
    settings = load_settings(environ, dotenv=None)
    catalog = Catalog(settings, data_root=tmp_path)
    service = load_service_settings(settings)

    def work(model=LLAMA, **more):
        request = SubmissionRequest(**{"model": model, "benchmarks": (ARC,), "experiment": "e", **more})
        return resolve(request, catalog, service)

    return work


def wrong(made, **more):
    """Path to message of everything that is wrong."""
    with pytest.raises((InputError, PartialError)) as caught:
        made(**more)
    errors = getattr(caught.value, "errors", (caught.value,))
    return {error.where: f"{error.message} ({error.hint})" for error in errors}


def test_a_server_of_the_catalog_gives_url_key_and_limit(made):
    """A request names the server alone; whatever it writes between words of the name."""
    model = made(ModelChoice(name="m", server="gpu", configuration={"temperature": 0})).model
    assert (model.url, model.api_key_env, model.concurrency) == ("http://10.0.0.7:9000/v1", "GPU_KEY", 4)
    assert (model.server, model.is_outside, model.configuration) == ("gpu", False, {"temperature": 0})


def test_a_url_of_the_request_is_checked_and_gets_no_key(made):
    """Public ones are asked; its key goes with a server's entry on the same host alone."""
    model = made(ModelChoice(name="m", url="https://models.example.com/v1")).model
    assert (model.is_outside, model.api_key_env, model.server) == (True, "", "")
    assert "private" in wrong(made, model=ModelChoice(name="m", url="http://169.254.169.254/v1"))["model.url"]
    borrowed = ModelChoice(name="m", url="http://10.0.0.7.evil.example.com/v1", secret_ref="gpu")
    assert "none of the server gpu" in wrong(made, model=borrowed)["model.auth.secret_ref"]


def test_a_baseline_needs_no_server(made):
    """It is computed by the worker: a server that is named has to be one, and its key is not asked for."""
    assert made(ModelChoice(name="baseline:majority")).model.url == ""
    model = made(ModelChoice(name="baseline:majority", server="openai")).model
    assert (model.url, model.server, model.api_key_env) == ("", "", "")
    assert "model.server" in wrong(made, model=ModelChoice(name="baseline:majority", server="vlm"))


@pytest.mark.parametrize(
    ("more", "where", "says"),
    [
        ({"model": ModelChoice(name="m")}, "model.server", "vllm"),
        ({"model": ModelChoice(name="m", server="vlm")}, "model.server", "vllm"),
        ({"model": ModelChoice(name="m", server="gpu", url="https://a.example.com/v1")}, "model.url", "keep one"),
        ({"benchmarks": (BenchmarkChoice(id="arc_esy", provider_id=HARNESS),)}, "benchmarks.0.id", "arc_easy"),
        ({"benchmarks": (replace(ARC, provider_id="lm_evl"),)}, "benchmarks.0.provider_id", "lm_eval"),
        ({"benchmarks": (GARAK,)}, "benchmarks.0.provider_id", "not installed"),
        ({"benchmarks": (ARC, ARC)}, "benchmarks.1.id", "twice"),
        ({"benchmarks": (), "collection": "healthcare_safety_v2"}, "collection", "healthcare_safety_v1"),
        ({"benchmarks": (), "tags": {"team": "x"}}, "benchmarks", "healthcare_safety_v1"),
        ({"tags": {"mlflow.runName": "x"}}, "experiment.tags", "mlflow.runName"),
        ({"tags": {"evaltrail.key": "x"}}, "experiment.tags", "evaltrail.key"),
        ({"experiment": "x" * 300}, "experiment.name", "250"),
        ({"callback_url": "http://127.0.0.1/x"}, "callback_url", "private"),
        ({"timeout_minutes": 0}, "timeout_minutes", "week"),
        ({"timeout_minutes": float("nan")}, "timeout_minutes", "week"),
        ({"retry_attempts": -1}, "retry_attempts", "20"),
        ({"threshold": float("inf")}, "pass_criteria.threshold", "number"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_path_and_what_would_be_right(made, more, where, says):
    """Never an accepted evaluation that cannot be begun."""
    found = wrong(made, **more)
    assert list(found) == [where]
    assert says in found[where]


def test_all_mistakes_are_told_at_once(made):
    """In the order of the fields."""
    found = wrong(
        made,
        model=ModelChoice(name="m", server="nowhere", configuration={"api_key": "sk"}),
        benchmarks=(BenchmarkChoice(id="nothing", provider_id="ragas", config={"limit": -1}), ARC),
        callback_url="ftp://x",
    )
    assert set(found) == {"model.configuration.api_key", "model.server", "benchmarks.0.id", "callback_url"}


def test_the_collection_is_found_by_the_experiments_tags(made):
    """Where a request names neither benchmarks nor a collection: the seed's third payload."""
    tags = {"environment": "production", "compliance": "healthcare", "certification_level": "grade-a"}
    submission = made(benchmarks=(), tags=tags)
    assert submission.collection == "healthcare_safety_v1"
    assert all(benchmark.task.startswith("lm_evaluation_harness/") for benchmark in submission.benchmarks)
    assert all(benchmark.primary_score for benchmark in submission.benchmarks)


def test_a_request_may_choose_among_a_collections_benchmarks_and_set_more(made):
    """What it says wins over what the collection says."""
    whole = made(benchmarks=(), collection="general_llm_eval_v1")
    first = whole.benchmarks[0]
    own = BenchmarkChoice(
        id=first.id, config={"limit": 5}, weight=3.0, threshold=0.9, primary_score=PrimaryScore(metric="acc_norm")
    )
    (chosen,) = made(benchmarks=(own,), collection="general_llm_eval_v1", threshold=0.7).benchmarks
    assert (chosen.weight, chosen.threshold, chosen.primary_score.metric) == (3.0, 0.9, "acc_norm")
    assert chosen.config["limit"] == 5
    other = wrong(made, benchmarks=(BenchmarkChoice(id="boolq_x"),), collection="general_llm_eval_v1")
    assert "no benchmark" in other["benchmarks.0.id"]


def test_the_experiments_name_has_the_prefix_or_is_made(made):
    """Of model and time where the request gives none."""
    assert made().experiment == "eval-hub_e"
    name = made(experiment="").experiment
    assert re.fullmatch(r"eval-hub_meta-llama/llama-3\.1-8b_\d{8}_\d{6}", name)


def test_tags_that_mlflow_refuses_are_mapped_and_told(made):
    """Empty values are kept."""
    submission = made(tags={"a@b": "1", "empty": ""})
    assert submission.tags == {"a_at_b": "1", "empty": ""}
    assert len(submission.warnings) == 1
    assert "a@b" in submission.warnings[0]


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"weight": -1.0}, "weight"),
        ({"weight": float("nan")}, "weight"),
        ({"threshold": 40.0}, "pass_criteria.threshold"),
        ({"threshold": float("nan")}, "pass_criteria.threshold"),
        ({"primary_score": PrimaryScore(metric="accuracy")}, "primary_score.metric"),
    ],
)
def test_scores_and_thresholds_are_in_the_metrics_own_unit(made, more, where):
    """A share is never compared with 40; a metric that the benchmark has not counts for nothing."""
    found = wrong(made, benchmarks=(BenchmarkChoice(id="arc_easy", provider_id=HARNESS, **more),))
    assert f"benchmarks.0.{where}" in found


def test_a_judge_is_a_server_of_the_operators(made):
    """Its address and key are the server's; two keys in one request cannot be."""
    ragas = {"id": "faithfulness", "provider_id": "ragas"}
    judged = BenchmarkChoice(**ragas, config={"dataset_path": "d.jsonl", "judge": "gpu#big"})
    submission = made(benchmarks=(judged,))
    assert submission.benchmarks[0].config["judge"] == "http://10.0.0.7:9000/v1#big"
    assert submission.judge_api_key_env == "GPU_KEY"
    other = BenchmarkChoice(id="context_recall", provider_id="ragas", config={"judge": "openai:/gpt"})
    assert "different keys" in wrong(made, benchmarks=(judged, other))["benchmarks"]
    unknown = BenchmarkChoice(**ragas, config={"judge": "nowhere#m"})
    assert "nowhere" in wrong(made, benchmarks=(unknown,))["benchmarks.0.config.judge"]
