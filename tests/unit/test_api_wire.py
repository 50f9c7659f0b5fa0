"""Bodies of submissions: every spelling means the same, and every mistake is told at once."""

from __future__ import annotations

import json

import pytest

from evaltrail.api.description import examples
from evaltrail.api.problems import RefusedBodyError
from evaltrail.api.wire import read_collection_order, read_evaluation
from evaltrail.core.submission import BenchmarkChoice, PrimaryScore

MODEL = {"server": "vllm", "name": "m"}


def read(**fields):
    """A submission with a model, and the given fields."""
    return read_evaluation(json.dumps({"model": MODEL, **fields}).encode())


def refused(**fields):
    """The mistakes of a body, by path."""
    with pytest.raises(RefusedBodyError) as error:
        read(**fields)
    return {field.path: field for field in error.value.fields}


def test_seed_payloads_are_understood_word_for_word():
    """The three payloads of seed 001 mean what they say."""
    one, several, by_tags = [
        read_evaluation(json.dumps(examples()[name]).encode()).request
        for name in ("one_benchmark", "several_providers", "a_collection_by_tags")
    ]
    assert one.model.configuration == {"temperature": 0.1, "max_tokens": 512}
    assert one.benchmarks == (
        BenchmarkChoice(id="arc_easy", provider_id="lm_evaluation_harness", config={"num_fewshot": 0}),
    )
    assert (one.experiment, one.tags["environment"]) == ("arc-easy-evaluation", "testing")
    assert [benchmark.provider_id for benchmark in several.benchmarks] == ["lm_evaluation_harness", "ragas"]
    assert (by_tags.benchmarks, by_tags.collection, by_tags.tags["compliance"]) == ((), "", "healthcare")


@pytest.mark.parametrize(
    "benchmark",
    [
        {"benchmark_id": "b", "provider_id": "p", "config": {"limit": 3}},
        {"id": "b", "provider_id": "p", "parameters": {"limit": 3}},
        {"id": "b", "provider_id": "p", "config": {"limit": 3}, "weight": None},
    ],
)
def test_spellings_of_benchmarks_mean_the_same(benchmark):
    """Names of the seed and of today's clients may be used, and null is as if it were not there."""
    assert read(benchmarks=[benchmark]).request.benchmarks == (
        BenchmarkChoice(id="b", provider_id="p", config={"limit": 3}),
    )


@pytest.mark.parametrize("said", [{"collection": "c"}, {"collection_id": "c"}, {"collection": {"id": "c"}}])
def test_spellings_of_collections_mean_the_same(said):
    """A collection is named by its id, alone or in an object."""
    assert read(**said).request.collection == "c"


@pytest.mark.parametrize("tags", [{"a": "1", "b": ""}, [{"key": "a", "value": "1"}, {"key": "b", "value": ""}]])
def test_tags_are_a_map_or_a_list_of_pairs(tags):
    """Both forms mean the same, and empty values are kept."""
    assert read(experiment={"tags": tags}).request.tags == {"a": "1", "b": ""}


def test_model_may_be_a_url_with_a_reference_to_a_key():
    """Today's clients name the model by its URL."""
    model = {"url": "https://x/v1", "name": "m", "parameters": {"top_p": 1}, "auth": {"secret_ref": "lab"}}
    choice = read(model=model).request.model
    assert (choice.url, choice.secret_ref, choice.configuration, choice.server) == (
        "https://x/v1",
        "lab",
        {"top_p": 1},
        "",
    )


def test_criteria_and_limits_are_read():
    """Weights, primary scores, thresholds, time-outs, attempts and priority come through."""
    order = read(
        benchmarks=[
            {
                "id": "b",
                "weight": 2,
                "primary_score": {"metric": "wer", "lower_is_better": True},
                "pass_criteria": {"threshold": 0.1},
            }
        ],
        pass_criteria={"threshold": 40},
        timeout_minutes=1.5,
        retry_attempts=0,
        priority=-5,
        labels=["nightly"],
        layout="nested",
    )
    benchmark = order.request.benchmarks[0]
    assert (benchmark.weight, benchmark.threshold) == (2, 0.1)
    assert benchmark.primary_score == PrimaryScore(metric="wer", lower_is_better=True)
    assert (order.request.threshold, order.request.timeout_minutes, order.request.retry_attempts) == (40, 1.5, 0)
    assert (order.priority, order.request.labels, order.request.layout) == (-5, ("nightly",), "nested")


def test_collection_order_names_no_benchmarks():
    """Under a collection's own path the body says the rest, and a second collection is a mistake."""
    body = json.dumps({"model": MODEL, "experiment": {"name": "e"}}).encode()
    assert read_collection_order(body, "c").request.collection == "c"
    with pytest.raises(RefusedBodyError, match="unknown field 'collection'"):
        read_collection_order(json.dumps({"model": MODEL, "collection": "d"}).encode(), "c")


def test_all_mistakes_are_told_at_once():
    """A body with many mistakes is refused once, each with its path, its value and the next step."""
    found = refused(
        benchmarks=[{"provider": "x", "weight": "1"}, {"id": "a", "benchmark_id": "b", "config": []}],
        benchmark=1,
        experiment={"tags": {"a": 1}},
        retry_attempts=1.5,
        timeout_minutes=0,
    )
    assert set(found) == {
        "benchmarks.0.benchmark_id",
        "benchmarks.0.provider",
        "benchmarks.0.weight",
        "benchmarks.1.id",
        "benchmarks.1.config",
        "benchmark",
        "experiment.tags.a",
        "retry_attempts",
        "timeout_minutes",
    }
    assert found["benchmarks.0.provider"].hint == "did you mean 'provider_id'?"
    assert found["benchmark"].hint == "did you mean 'benchmarks'?"
    assert found["benchmarks.0.weight"].hint == "write it without quotes"
    assert found["benchmarks.1.id"].message == "unknown field 'id'"
    assert "another name" in found["benchmarks.1.id"].hint
    assert found["experiment.tags.a"].value == "1"


@pytest.mark.parametrize(
    ("model", "path", "said"),
    [
        (None, "model", "has to be an object"),
        ({"name": "m"}, "model", "neither server nor url"),
        ({"name": "m", "server": "s", "url": "u"}, "model", "both server and url"),
        ({"server": "s"}, "model.name", "is missing"),
        ({"name": "", "server": "s"}, "model.name", "is empty"),
        ({"name": "m", "server": "s", "auth": {"secret_ref": "x"}}, "model", "auth beside a server"),
    ],
)
def test_model_is_said_once_and_whole(model, path, said):
    """A model has a name, and a server or a URL."""
    assert said in refused(model=model)[path].message


def test_missing_model_is_told():
    """A body without a model is refused."""
    with pytest.raises(RefusedBodyError) as error:
        read_evaluation(b"{}")
    assert [(field.path, field.message) for field in error.value.fields] == [("model", "model is missing")]


def test_keys_in_requests_are_refused_and_never_told():
    """A field that would hold a secret is refused, and its value is nowhere in the answer."""
    found = refused(model={**MODEL, "api_key": "sk-1234567890abcdef"}, callback_url=["http://u:hunter22@x"])
    assert "sk-1234567890abcdef" not in str(found)
    assert found["model.api_key"].value == "***"
    assert "no request holds a key" in found["model.api_key"].hint
    assert "hunter22" not in str(found)


def test_long_values_and_many_mistakes_are_cut():
    """An answer to a huge body stays small."""
    found = refused(name=["x"], layout="y" * 5000, **{f"strange_{number}": 1 for number in range(300)})
    assert len(found) <= 51
    assert "more mistakes" in found[""].message
    assert all(len(field.value) <= 80 for field in found.values())


@pytest.mark.parametrize("tags", [[{"key": "a"}], ["a"], [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]])
def test_list_of_tags_has_pairs_with_keys_of_their_own(tags):
    """Another entry, or a key that stands twice, is refused with the form that is meant."""
    assert "VALUE" in refused(experiment={"tags": tags})["experiment.tags"].hint or "once" in str(
        refused(experiment={"tags": tags})
    )
