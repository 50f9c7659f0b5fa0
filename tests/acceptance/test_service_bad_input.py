"""Wrong requests, one field at a time: each is refused at its field, in words, with the next step; nothing is kept."""

from __future__ import annotations

import copy
import json

import pytest
from service_stand import EVALUATIONS, Stand

pytestmark = pytest.mark.slow

GOOD = {
    "model": {"server": "vllm", "name": "m", "configuration": {"temperature": 0.1}},
    "benchmarks": [{"benchmark_id": "arc_easy", "provider_id": "lm_evaluation_harness", "config": {"num_fewshot": 0}}],
    "experiment": {"name": "e", "tags": {"team": "x"}},
}
LEFT_OUT = object()
WRONG = [
    ("model", LEFT_OUT, "model", "model"),
    ("model", "m", "model", "object"),
    ("model", None, "model", "object"),
    ("model.name", LEFT_OUT, "model.name", "missing"),
    ("model.name", "", "model.name", "empty"),
    ("model.name", 7, "model.name", "quotes"),
    ("model.server", "vlm", "model.server", "vllm"),
    ("model.server", LEFT_OUT, "model", "servers"),
    ("model.url", "http://example.org/v1", "model", "one of them"),
    ("model.configuration", [], "model.configuration", "object"),
    ("model.configuration.temperature", {"a": 1}, "model.configuration.temperature", "number"),
    ("model.configuration.api_key", "sk-1", "model.configuration.api_key", "key"),
    ("model.configuraton", {}, "model.configuraton", "configuration"),
    ("benchmarks", {}, "benchmarks", "list"),
    ("benchmarks", [7], "benchmarks.0", "object"),
    ("benchmarks", [{}], "benchmarks.0.benchmark_id", "missing"),
    ("benchmarks.0.benchmark_id", "arc_eazy", "benchmarks.0.id", "arc_easy"),
    ("benchmarks.0.provider_id", "lm_evaluation_harnes", "benchmarks.0.provider_id", "lm_evaluation_harness"),
    ("benchmarks.0.provider_id", "garak", "benchmarks.0.provider_id", "garak"),
    ("benchmarks.0.config", 1, "benchmarks.0.config", "object"),
    ("benchmarks.0.config.num_fewshot", "many", "benchmarks.0.config", "num_fewshot"),
    ("benchmarks.0.config.limit", -1, "benchmarks.0.config.limit", "share"),
    ("benchmarks.0.config.base_url", "http://x", "benchmarks.0.config.base_url", "model"),
    ("benchmarks.0.config.dataset_path", "../../etc/passwd", "benchmarks.0.config.dataset_path", "data root"),
    ("benchmarks.0.config.include_path", "/tmp", "benchmarks.0.config.include_path", "operator"),
    ("benchmarks.0.weight", -1, "benchmarks.0.weight", "greater"),
    ("benchmarks.0.weight", "1", "benchmarks.0.weight", "quotes"),
    ("benchmarks.0.pass_criteria", {"treshold": 1}, "benchmarks.0.pass_criteria.treshold", "threshold"),
    ("benchmarks.0.primary_score", {"metric": ""}, "benchmarks.0.primary_score.metric", "empty"),
    ("benchmarks.0.nmae", "x", "benchmarks.0.nmae", "known"),
    ("experiment", "e", "experiment", "object"),
    ("experiment.name", "x" * 501, "experiment.name", "500"),
    ("experiment.tags", "team", "experiment.tags", "object"),
    ("experiment.tags.team", 7, "experiment.tags.team", "quotes"),
    ("experiment.tags", [{"key": "a"}], "experiment.tags", "pair"),
    ("experiment.tags", {"mlflow.runName": "x"}, "experiment.tags", "mlflow"),
    ("experiment.tags", {"evaltrail.key": "x"}, "experiment.tags", "evaltrail"),
    ("collection", "healthcare_safety_v2", "collection", "healthcare_safety_v1"),
    ("timeout_minutes", 0, "timeout_minutes", "greater"),
    ("timeout_minutes", "60", "timeout_minutes", "quotes"),
    ("retry_attempts", 1.5, "retry_attempts", "whole"),
    ("retry_attempts", 21, "retry_attempts", "20"),
    ("priority", 101, "priority", "100"),
    ("layout", "flat", "layout", "nested"),
    ("callback_url", "ftp://example.org", "callback_url", "http"),
    ("callback_url", "http://user:pw@example.org", "callback_url", "user"),
    ("benchmark", [], "benchmark", "benchmarks"),
    ("command", "rm -rf /", "command", "known"),
]


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    """A service alone."""
    folder = tmp_path_factory.mktemp("bad")
    with Stand(folder, model="http://127.0.0.1:9/v1", mlflow=f"sqlite:///{folder / 'mlflow.db'}") as made:
        made.start_service()
        yield made
        assert made.client.get(EVALUATIONS).object["total_count"] == 1  # the good one of the last test


@pytest.mark.parametrize(("field", "value", "path", "word"), WRONG)
def test_wrong_field_is_refused_at_its_place(stand, field, value, path, word):
    """422, as problem+json, with the field's path among the mistakes, what is wrong, and what to do."""
    reply = stand.client.post(EVALUATIONS, _changed(field, value))
    assert (reply.status, reply.headers["content-type"]) == (422, "application/problem+json")
    told = [each for each in reply.object["errors"] if each["path"].startswith(path)]
    assert told, reply.object["errors"]
    assert word in json.dumps(told), told
    assert (bool(reply.object["message"]), bool(reply.object["code"])) == (True, True)
    assert "Traceback" not in reply.body.decode()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"[" * 100_000, 400),
        (b'{"model": ' * 50 + b"1" + b"}" * 50, 400),
        (b'{"model": NaN}', 400),
        (b'{"model": 1e999}', 400),
        (b'{"model": "\\ud800"}', 400),
        (b"\xff\xfe", 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b'{"model": "' + b"x" * 10_000_001 + b'"}', 413),
        (json.dumps({**GOOD, "benchmarks": GOOD["benchmarks"] * 1000}).encode(), 422),
        (json.dumps({**GOOD, **{f"field{n}": n for n in range(5000)}}).encode(), 422),
    ],
)
def test_body_that_is_none_is_refused(stand, body, status):
    """No JSON is 400, too much of it 413, another form 422; the answer stays small."""
    reply = stand.client.post(EVALUATIONS, body)
    assert reply.status == status
    assert len(reply.body) < 20_000


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=%00", "status=done", "tag=x", "page=2"])
def test_wrong_query_is_refused_by_name(stand, query):
    """What a list does not know is 422, and names the parameter."""
    reply = stand.client.get(f"{EVALUATIONS}?{query}")
    assert reply.status == 422
    assert query.partition("=")[0] in json.dumps(reply.object["errors"])


def test_odd_tags_are_kept_under_names_that_mlflow_takes(stand):
    """Accepted, with one warning a tag that is called otherwise; empty values stay."""
    tags = {"git@sha": "1", "häuser": "2", "100%": "", "a" * 250: "long", "plain-1_2.3": "x"}
    body = {**GOOD, "experiment": {"name": "odd", "tags": tags}}
    told = stand.submit(body)
    assert told["experiment"]["tags"].items() >= {"git_at_sha": "1", "100_percent_": "", "plain-1_2.3": "x"}.items()
    assert len(told["warnings"]) == len(set(tags) - set(told["experiment"]["tags"]))


def _changed(field, value):
    """The good body with one field that is not."""
    body = copy.deepcopy(GOOD)
    *above, last = field.split(".")
    holder = body
    for part in above:
        holder = holder[int(part)] if part.isdecimal() else holder[part]
    if value is LEFT_OUT:
        del holder[last]
    else:
        holder[last] = value
    return body
