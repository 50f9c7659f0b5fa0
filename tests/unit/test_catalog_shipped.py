"""What the catalog ships: the ids that clients know, benchmarks that can be run, and names that are found."""

from __future__ import annotations

import subprocess
import sys

import pytest

from evaltrail.core.errors import InputError
from evaltrail.providers.lm_eval.index import HarnessIndex
from evaltrail.providers.ragas import METRICS
from evaltrail.service.catalog.layers import shipped_shelf, with_variables
from evaltrail.service.catalog.shelf import Shelf

SHELF = shipped_shelf()
HARNESS = "lm_evaluation_harness"
CODE = {"humaneval", "mbpp"}


def told(work) -> InputError:
    """The error of a look."""
    with pytest.raises(InputError) as caught:
        work()
    return caught.value


@pytest.mark.parametrize(
    ("provider", "ids"),
    [
        (HARNESS, {"arc_easy", "arc_challenge", "hellaswag", "winogrande", "mmlu", "truthfulqa_mc2", "gsm8k"}),
        (HARNESS, {"boolq", "piqa"}),
        ("ragas", {"faithfulness", "answer_relevancy", "context_precision", "context_recall"}),
        ("garak", {"toxicity", "bias_detection", "pii_leakage", "prompt_injection"}),
    ],
)
def test_the_ids_that_clients_know_are_listed(provider, ids):
    """Under the provider that clients know them of."""
    assert ids <= {entry.id for entry in SHELF.provider(provider).benchmarks}


def test_every_listed_benchmark_is_one_that_its_provider_has():
    """A task of the harness by its index, a metric of ragas; no listed one runs what a model writes."""
    index = HarnessIndex()
    listed = {entry.id for entry in SHELF.provider(HARNESS).benchmarks}
    assert [name for name in listed if index.find(name) is None] == []
    assert not listed & CODE
    assert {entry.id for entry in SHELF.provider("ragas").benchmarks} == set(METRICS)


def test_every_listed_benchmark_says_what_counts():
    """A primary metric that it has, where it can be run; what clients show as numbers is there."""
    offered = [each for each in SHELF.benchmarks.values() if SHELF.provider(each.provider_id).is_offered]
    assert [each.id for each in offered if each.primary_score is None or not each.category] == []
    assert [each.id for each in offered if each.primary_score.metric not in each.metrics] == []
    assert [each.id for each in offered if each.provider_id == HARNESS and not each.dataset_size] == []
    assert {each.task for each in offered} == {f"{each.provider_id}/{each.id}" for each in offered}


def test_the_collections_that_clients_know_can_be_run():
    """Every benchmark of theirs is of the harness; scores and thresholds are shares."""
    names = {"healthcare_safety_v1", "automotive_safety_v1", "finance_compliance_v1", "general_llm_eval_v1"}
    assert names == set(SHELF.collections)
    members = [each for name in names for each in SHELF.collection(name).benchmarks]
    assert {each.provider_id for each in members} == {HARNESS}
    assert all(each.primary_score and 0 < each.threshold < 1 and each.task for each in members)
    assert all(0 < each.threshold < 1 for each in SHELF.collections.values())


def test_the_seed_s_tags_mean_the_healthcare_collection():
    """By `compliance: healthcare` among others; tags that say nothing of it mean none."""
    tags = {"environment": "production", "compliance": "healthcare", "certification_level": "grade-a"}
    assert SHELF.collection_for(tags).id == "healthcare_safety_v1"
    assert SHELF.collection_for({"compliance": "finance"}).id == "finance_compliance_v1"
    assert SHELF.collection_for({"environment": "production"}) is None
    assert SHELF.collection_for({"compliance": "Healthcare"}) is None
    assert SHELF.collection_for({}) is None


def test_tags_of_several_collections_are_ambiguous():
    """The error names them; nothing is chosen by chance."""
    again = SHELF.collection("healthcare_safety_v1")
    shelf = SHELF.plus(collections=[type(again)(id="own", name="", benchmarks=(), tags={"environment": "test"})])
    error = told(lambda: shelf.collection_for({"compliance": "healthcare", "environment": "test"}))
    assert error.code == "ambiguous_collection"
    assert "healthcare_safety_v1, own" in error.message


def test_a_task_of_the_harness_need_not_be_listed():
    """Any name that the harness has is a benchmark, also without its provider, and by the provider's short name."""
    found = SHELF.benchmark(HARNESS, "mmlu_abstract_algebra")
    assert (found.task, found.provider_id) == (f"{HARNESS}/mmlu_abstract_algebra", HARNESS)
    assert SHELF.benchmark("", "mmlu_abstract_algebra") == SHELF.benchmark("lm-eval", "mmlu_abstract_algebra") == found


def test_a_benchmark_is_found_without_its_provider():
    """Where only one has it; else the error names them."""
    assert SHELF.benchmark("", "faithfulness").provider_id == "ragas"
    native = type(SHELF.benchmark("", "faithfulness"))(id="faithfulness", provider_id="native")
    error = told(lambda: SHELF.plus(benchmarks=[native]).benchmark("", "faithfulness", where="benchmarks.0.id"))
    assert (error.code, error.where) == ("ambiguous_benchmark", "benchmarks.0.id")
    assert "native and ragas" in error.message


@pytest.mark.parametrize(
    ("look", "code", "hint"),
    [
        (lambda: SHELF.provider("raga"), "unknown_provider", "'ragas'"),
        (lambda: SHELF.provider("x"), "unknown_provider", "known: lm_evaluation_harness, ragas, native, garak"),
        (lambda: SHELF.benchmark("ragas", "faithfulnes"), "unknown_benchmark", "'faithfulness'"),
        (lambda: SHELF.benchmark(HARNESS, "mmlu_abstract_algebr"), "unknown_benchmark", "'mmlu_abstract_algebra'"),
        (lambda: SHELF.benchmark("ragas", "arc_easy"), "unknown_benchmark", "known: answer_relevancy"),
        (lambda: SHELF.benchmark("native", "x"), "unknown_benchmark", "add one first"),
        (lambda: SHELF.benchmark("", "q" * 10_000), "unknown_benchmark", "known: "),
        (lambda: SHELF.benchmark("nobody", "arc_easy"), "unknown_provider", "known: "),
        (lambda: SHELF.collection("healthcare_safety"), "unknown_collection", "'healthcare_safety_v1'"),
        (lambda: SHELF.server("vlm"), "unknown_server", "'vllm'? known: ollama, openai, vllm"),
        (lambda: SHELF.require_offered("garak"), "provider_not_installed", "lm_evaluation_harness"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(look, code, hint):
    """Each kind with a code of its own; of servers all are named, and no message grows with what was sent."""
    error = told(look)
    assert error.code == code
    assert hint in error.hint
    assert len(error.message) < 200


def served(**variables: str) -> Shelf:
    """The shelf with variables of servers."""
    return with_variables(SHELF, {f"EVALTRAIL_SERVER_{name}": value for name, value in variables.items()})


def test_variables_set_servers_up():
    """New ones and known ones, whatever the case, with - for _; what they leave out stays."""
    shelf = served(VLLM_URL="http://gpu:9000/v1/", MY_GPU_URL="http://two/v1", MY_GPU_API_KEY_ENV="K")
    assert (shelf.server("VLLM").url, shelf.server("vllm").source) == ("http://gpu:9000/v1", "environment")
    assert shelf.server("my-gpu") is shelf.server("MY_GPU")
    assert shelf.server("my-gpu").api_key_env == "K"
    assert served(OPENAI_MAX_CONCURRENCY="4").server("openai").api_key_env == "OPENAI_API_KEY"


def test_a_key_does_not_follow_to_another_url():
    """It belongs to the URL beside which it was named."""
    assert served(OPENAI_URL="http://elsewhere/v1").server("openai").api_key_env == ""
    assert served(OPENAI_URL="http://x/v1", OPENAI_API_KEY_ENV="K").server("openai").api_key_env == "K"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("LAB_API_KEY_ENV", "K", "there is no server 'lab'"),
        ("LAB_URL", "ftp://lab", "http"),
        ("LAB_URL", "http://user:secret@lab/v1", "user name or password"),
        ("VLLM_MAX_CONCURRENCY", "none", "'none'"),
        ("VLLM_MAX_CONCURRENCY", "0", "'0'"),
        ("VLLM_API_KEY_ENV", "sk-not-a-name", "no variable's name"),
    ],
)
def test_a_wrong_variable_is_named(variable, value, said):
    """At the start, as any wrong setting is; a password in it is not repeated."""
    error = told(lambda: served(**{variable: value}))
    assert said in error.message
    assert error.where == f"EVALTRAIL_SERVER_{variable}"
    assert "secret" not in str(error)
    assert "sk-not" not in str(error)


def test_the_catalog_is_light():
    """What serves requests must not carry what runs tasks."""
    heavy = ("mlflow", "pandas", "pyarrow", "lm_eval", "torch", "numpy", "datasets", "sacrebleu")
    program = f"import sys, evaltrail.service.catalog.catalog; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
