"""Samples as traces: which are chosen, what each holds, and that the same come out every time."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import InputError
from evaltrail.core.metric import MetricValue
from evaltrail.core.sample import Sample, Score, Usage
from evaltrail.core.trace_choice import read_trace_choice
from evaltrail.destinations.mlflow.failing import Failing
from evaltrail.destinations.mlflow.plan import plan_bundle
from evaltrail.destinations.mlflow.port import RunState
from evaltrail.destinations.mlflow.staging import stage, staging_folder, unstage
from evaltrail.destinations.mlflow.trace import PlannedSpan, PlannedTrace
from evaltrail.destinations.mlflow.trace_bodies import spans_body, trace_body
from evaltrail.destinations.mlflow.trace_landing import _batches
from evaltrail.destinations.mlflow.traces import sample_traces
from mlflow_bundles import some_bundle, some_samples, some_task

RUN = RunState(run_id="r" * 32, experiment_id="7", status="RUNNING", artifact_uri="", started_ms=0)
GRADES = (
    MetricValue(name="share", value=0.5, unit="1"),
    MetricValue(name="rating", value=3.0),
    MetricValue(name="distance", value=0.5, unit="1", better="lower"),
    MetricValue(name="latency", value=0.5, unit="s", better="lower", is_grade=False),
)


def traces_of(folder, *samples, choice="all", **changes):
    """The traces of a bundle with one task that has these samples."""
    task = replace(some_task(metric="acc"), samples=samples, metrics=GRADES)
    bundle = replace(some_bundle(folder / "b", tasks=(task,)), **changes)
    (plan,) = plan_bundle(bundle, DeliveryOptions(traces=choice), version="0")
    return list(sample_traces(bundle, plan, choice))


def sample(**changes):
    return Sample(**{"id": "s", "index": 0, "input": "why?", "output": "so", **changes})


@pytest.mark.parametrize(
    ("word", "choice"), [("failures", "failures"), (" ALL ", "all"), ("none", 0), ("0", 0), ("25", 25), (3, 3)]
)
def test_a_choice_is_a_word_or_a_number(word, choice):
    """What people write is read whatever its case."""
    assert read_trace_choice(word) == choice


@pytest.mark.parametrize("word", ["", "some", "-1", "1.5", "٣", "9" * 40, True])
def test_what_says_no_samples_is_an_error_with_the_choices(word):
    """Nothing is guessed."""
    with pytest.raises(InputError, match="says no samples to trace") as refusal:
        read_trace_choice(word, where="EVALTRAIL_TRACES")
    assert "EVALTRAIL_TRACES" in str(refusal.value)
    assert refusal.value.hint == "write failures, all, none, or a number"


@pytest.mark.parametrize(
    ("changes", "has_failed"),
    [
        ({"scores": {"share": Score(value=1.0), "rating": Score(value=0.1)}}, False),
        ({"scores": {"share": Score(value=0.99)}}, True),
        ({"scores": {"share": Score(value=False)}}, True),
        ({"scores": {"share": Score(value=True)}}, False),
        ({"scores": {"share": Score(reason="no_match")}}, True),
        ({"scores": {"rating": Score(value="poor")}}, False),
        ({"scores": {"distance": Score(value=0.4)}}, False),
        ({"scores": {"latency": Score(reason="not_measured")}}, False),
        ({"scores": {"unheard_of": Score(value=0.2)}}, False),
        ({"scores": {"unheard_of": Score(value=False)}}, True),
        ({"error": "timeout", "output": None}, True),
        ({}, False),
    ],
)
def test_failures_are_what_is_unscored_or_graded_wrong(changes, has_failed):
    """A rating has no wrong, a distance no full mark, an observation says nothing; False and a missing score do."""
    task = replace(some_task(), metrics=GRADES)
    assert Failing(task).has(sample(**changes)) is has_failed


def test_each_task_gives_an_equal_share_and_is_read_no_further(tmp_path):
    """The first so many, of every task."""
    read = []

    class Endless:
        def __iter__(self):
            for each in some_samples(10_000):
                read.append(each.id)
                yield each

    bundle = some_bundle(tmp_path / "b", tasks=(replace(some_task("a"), samples=Endless()), some_task("b")))
    (plan,) = plan_bundle(bundle, DeliveryOptions(traces=3), version="0")
    found = [trace.tags for trace in sample_traces(bundle, plan, 3)]
    assert [(tags["evaltrail.task"], tags["evaltrail.sample"]) for tags in found] == [
        ("a", "s0"),
        ("a", "s1"),
        ("b", "s0"),
    ]
    assert len(read) == 2


def test_a_trace_tells_the_whole_sample(tmp_path):
    """Question, answer, passages, cost, and a score each as an assessment; times lie apart in the samples' order."""
    whole = sample(
        id="x",
        repeat=2,
        input=({"role": "user", "content": "why?"},),
        reference=("so", "because"),
        output="so.",
        extracted="so",
        contexts=("a passage",),
        choices=("so", "not"),
        usage=Usage(latency_s=1.5, prompt_tokens=3, completion_tokens=4, attempts=1),
        attributes={"topic": "logic"},
        scores={"share": Score(value=True, source="exact_match/1"), "rating": Score(reason="no_match", raw="Well...")},
    )
    (first, found) = traces_of(tmp_path, sample(), whole)
    root, passages = found.spans
    assert (found.started_ms - first.started_ms, found.duration_ms, found.client_id) == (1, 1500, "x")
    assert (found.request, found.response, found.is_error) == ("why?", "so.", False)
    assert root.attributes["mlflow.spanInputs"] == {
        "messages": [{"role": "user", "content": "why?"}],
        "choices": ["so", "not"],
    }
    assert root.attributes["mlflow.spanOutputs"] == "so."
    assert root.attributes["evaltrail.extracted"] == "so"
    assert root.attributes["evaltrail.record.topic"] == "logic"
    assert root.end_ns - root.start_ns == 1_500_000_000
    assert (passages.parent, passages.attributes["mlflow.spanOutputs"]) == (root.id, [{"page_content": "a passage"}])
    assert found.tags["evaltrail.repeat"] == "2"
    assert json.loads(found.metadata["mlflow.trace.tokenUsage"])["total_tokens"] == 7
    expected, share, rating = found.assessments
    assert (expected.kind, expected.name, expected.value) == ("expectation", "expected_response", ("so", "because"))
    assert (share.value, share.source_type, share.source_id) == (True, "CODE", "exact_match/1")
    assert (rating.value, rating.error_code, rating.error_message) == (None, "no_match", "Well...")
    assert rating.source_type == "LLM_JUDGE"


@pytest.mark.parametrize(
    ("score", "source_type"),
    [
        (Score(value=1.0, source="token_f1/1"), "CODE"),
        (Score(value=1.0, source="m#abc", usage=Usage(prompt_tokens=1)), "LLM_JUDGE"),
        (Score(value=1.0, source="m#abc", votes=(1.0, 1.0)), "LLM_JUDGE"),
        (Score(value=1.0, source="human: ann"), "HUMAN"),
    ],
)
def test_an_assessment_says_what_kind_of_grader_made_it(tmp_path, score, source_type):
    """A person says so, a judge costs something or has voted, the rest is code."""
    ((assessment,),) = (trace.assessments for trace in traces_of(tmp_path, sample(scores={"share": score})))
    assert assessment.source_type == source_type


def test_a_failed_request_is_a_failed_trace(tmp_path):
    """No output: the span bears the reason and what the endpoint said, and so does every score."""
    failed = sample(output=None, error="http_500", detail="busy", scores={"share": Score(reason="http_500")})
    (found,) = traces_of(tmp_path, failed, choice="failures")
    assert (found.is_error, found.spans[0].error, found.response) == (True, "http_500: busy", "")
    assert (found.assessments[0].error_code, found.assessments[0].error_message) == ("http_500", "busy")
    assert trace_body(found, RUN)["trace"]["trace_info"]["state"] == "ERROR"


def test_secrets_and_what_no_database_stores_stay_behind(tmp_path):
    """A key that got into an answer lands nowhere; NUL and lone surrogates are spelled out."""
    dirty = sample(input="a\x00b", output="key nvapi-12345678 \ud800", scores={"share": Score(value="nvapi-12345678")})
    (found,) = traces_of(tmp_path, dirty, secrets=frozenset({"nvapi-12345678"}))
    text = msgspec.json.encode(found).decode()
    assert "nvapi" not in text
    assert (found.request, found.response) == ("a\\x00b", "key *** \\ud800")


def test_long_texts_are_cut_only_where_mlflow_lists_them(tmp_path):
    """Previews, tags and assessments are cut to what every store keeps; the span has the whole text."""
    long = "é" * 30_000
    (found,) = traces_of(
        tmp_path, sample(id=long, input=long, reference=(long,), scores={"share": Score(value=1.0, rationale=long)})
    )
    assert len(found.spans[0].attributes["mlflow.spanInputs"]["prompt"]) == 30_000
    assert (len(found.request), len(found.tags["evaltrail.sample"]), found.client_id) == (1000, 250, "")
    assert [len(found.assessments[0].value), len(found.assessments[1].rationale)] == [20_000, 20_000]


@given(st.lists(st.tuples(st.text(max_size=5), st.integers(0, 3)), max_size=6))
def test_every_sample_has_an_identity_of_its_own_that_stays(tmp_path_factory, places):
    """Same run, task, sample and repeat: same ids. Another key: other ids. Never two alike, even with ids alike."""
    folder = tmp_path_factory.mktemp("law")
    samples = [sample(id=name, repeat=repeat, index=index) for index, (name, repeat) in enumerate(places)]
    first, again = (traces_of(folder, *samples) for _ in range(2))
    other = traces_of(folder, *samples, id="another")
    assert first == again
    ids = {trace.id for trace in first} | {trace.id for trace in other}
    assert len(ids) == 2 * len(samples)
    assert all(len(bytes.fromhex(each)) == 16 and int(each, 16) for each in ids)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    )
)
def test_any_json_value_becomes_an_attribute(value):
    """OTLP's tagged values hold the same as the JSON, but for whole numbers beyond 64 bits, which become floats."""
    span = PlannedSpan(id="1" * 16, name="n", start_ns=1, end_ns=2, attributes={"value": value})
    trace = PlannedTrace(id="2" * 32, started_ms=0, duration_ms=0, recorded_ms=0, spans=(span,))
    (body,) = spans_body([trace])["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert _plain(body["attributes"][0]["value"]) == _floated(value)


def _plain(tagged):
    if not tagged:
        return None
    ((kind, value),) = tagged.items()
    if kind == "intValue":
        return int(value)
    if kind == "arrayValue":
        return [_plain(each) for each in value["values"]]
    if kind == "kvlistValue":
        return {each["key"]: _plain(each["value"]) for each in value["values"]}
    return value


def _floated(value):
    if isinstance(value, list):
        return [_floated(each) for each in value]
    if isinstance(value, dict):
        return {name: _floated(each) for name, each in value.items()}
    is_wide = isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63
    return float(value) if is_wide else value


def test_traces_wait_in_a_file_of_their_own_and_go_in_bounded_batches(tmp_path):
    """One line a trace; a batch has at most 100 and half a megabyte, and a long one goes alone."""
    samples = [sample(id=str(number), index=number, input="x" * 200_000 * (number == 150)) for number in range(260)]
    samples[200] = replace(samples[200], input="y" * 900_000)
    bundle = some_bundle(tmp_path / "b", tasks=(replace(some_task(metric="acc"), samples=tuple(samples)),))
    options = DeliveryOptions(traces="all", artifact_roles=frozenset())
    (plan,) = plan_bundle(bundle, options, version="0")
    whole = stage(plan, bundle, options, tmp_path / "outbox")
    assert whole.traces.count == 260
    assert type(whole).from_json(whole.to_json()) == whole
    batches = list(_batches(tmp_path / whole.traces.file))
    assert [trace.client_id for batch in batches for trace in batch] == [str(number) for number in range(260)]
    assert max(len(batch) for batch in batches) == 100
    assert ["200"] in [[trace.client_id for trace in batch] for batch in batches]
    unstage(whole, tmp_path / "outbox")
    assert list(staging_folder(tmp_path / "outbox").iterdir()) == []


def test_a_plan_says_whether_the_run_is_an_evaluation_with_traces(tmp_path):
    """The tag that MLflow's UI looks for comes with the traces; the key stays, so that they can be asked for later."""
    bundle = some_bundle(tmp_path / "b", tasks=(some_task("a"), some_task("b")))
    (without,) = plan_bundle(bundle, DeliveryOptions(), version="0")
    (with_traces,) = plan_bundle(bundle, DeliveryOptions(traces=1), version="0")
    parent, *children = plan_bundle(bundle, DeliveryOptions(traces="all", layout="nested"), version="0")
    assert "mlflow.runType" not in without.tags
    assert with_traces.tags["mlflow.runType"] == "genai_evaluate"
    assert with_traces.key == without.key
    assert (parent.traces.choice, {child.traces.choice for child in children}) == ("all", {0})
    assert stage(without, bundle, DeliveryOptions(), tmp_path / "outbox").traces.file == ""
