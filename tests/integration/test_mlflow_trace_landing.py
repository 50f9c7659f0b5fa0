"""Samples as traces in a real MLflow: complete, each once, whatever breaks; over REST and through the stock client."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import DestinationUnreachableError
from evaltrail.core.ids import new_id
from evaltrail.core.sample import Sample, Score, Usage
from evaltrail.destinations.mlflow.destination import MlflowDestination
from mlflow_bundles import some_bundle, some_task
from mlflow_landing import SHORT
from mlflow_proxy import unreliable
from mlflow_server import runs_in

DRIVER = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.destinations.mlflow import writer
from evaltrail.destinations.mlflow.destination import MlflowDestination
from evaltrail.destinations.mlflow.rest import RestGateway
sys.path.insert(0, sys.argv[5])
from test_mlflow_trace_landing import traced_bundle

uri, folder, experiment, deadly = sys.argv[1:5]

class Mortal(RestGateway):
    calls = 0
    def put_trace(self, run, trace):
        super().put_trace(run, trace)
        self.calls += 1
        if self.calls == int(deadly):
            os.kill(os.getpid(), signal.SIGKILL)

class Destination(MlflowDestination):
    def _gateway(self, uri):
        return Mortal(uri, environ={})

destination = Destination(Path(folder) / "outbox", "0", environ={})
options = DeliveryOptions(tracking_uri=uri, experiment=experiment, traces="all")
destination.deliver(traced_bundle(Path(folder)), options, fresh=True)
"""


def traced_samples(count=4):
    """Right, wrong, unscored and without an answer, one after the other."""
    fates = [
        {"output": "so", "scores": {"acc": Score(value=True, source="exact_match/1")}},
        {"output": "no", "scores": {"acc": Score(value=False, source="exact_match/1", rationale="é differs")}},
        {"output": "??", "scores": {"acc": Score(reason="no_match", source="m#1", raw="Hm", usage=Usage(attempts=1))}},
        {"error": "timeout", "detail": "gave up", "scores": {"acc": Score(reason="timeout")}},
    ]
    usage = Usage(latency_s=0.25, prompt_tokens=5, completion_tokens=2)
    return tuple(
        Sample(id=f"s{number}", index=number, input="why é?", reference=("so",), usage=usage, **fates[number % 4])
        for number in range(count)
    )


def traced_bundle(folder, *, count=4, identity="0123456789abcdef"):
    """A bundle with one task of such samples."""
    task = replace(some_task(metric="acc"), samples=traced_samples(count))
    return some_bundle(folder / "bundle", tasks=(task,), identity=identity)


@pytest.fixture
def experiment():
    return f"traces {new_id()}"


@pytest.fixture
def destination(tmp_path):
    return MlflowDestination(tmp_path / "outbox", "0", environ={}, patience=SHORT)


@pytest.fixture(params=["rest", pytest.param("stock over sqlite", marks=pytest.mark.slow)])
def uri(request, mlflow_url, tmp_path_factory):
    return mlflow_url if request.param == "rest" else f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"


def found_traces(uri, receipt):
    """The run's traces as MLflow's own client sees them, in the samples' order."""
    from mlflow import MlflowClient  # noqa: PLC0415 - after the gateway has silenced its import

    found = MlflowClient(uri).search_traces(
        locations=[receipt.experiment_id], run_id=receipt.run_id, max_results=500, order_by=["timestamp_ms ASC"]
    )
    return list(found)


def all_traces(uri, receipt):
    """Every trace of the experiment, whichever run it belongs to."""
    from mlflow import MlflowClient  # noqa: PLC0415 - after the gateway has silenced its import

    return list(MlflowClient(uri).search_traces(locations=[receipt.experiment_id], max_results=500))


def content_of(trace):
    """All that a trace holds but its run and its place."""
    whole = trace.to_dict()
    info = whole["info"]
    info["tags"].pop("mlflow.artifactLocation")
    info["trace_metadata"].pop("mlflow.sourceRun")
    for assessment in info["assessments"]:
        assessment["metadata"].pop("mlflow.assessment.sourceRunId")
        assessment.pop("valid", None)  # a server does not tell it of expectations
    info.pop("trace_location")
    return whole


def test_every_sample_is_a_trace_with_its_scores_as_assessments(uri, tmp_path, destination, experiment):
    """MLflow's own client reads back question, answer, expectation, values, reasons, rationales, cost and time."""
    options = DeliveryOptions(tracking_uri=uri, experiment=experiment, traces="all")
    (receipt,) = destination.deliver(traced_bundle(tmp_path), options, fresh=True)
    assert (receipt.traces_logged, receipt.skipped) == (4, ())
    right, wrong, unread, failed = found_traces(uri, receipt)
    assert [trace.info.client_request_id for trace in (right, wrong, unread, failed)] == ["s0", "s1", "s2", "s3"]
    assert {trace.info.trace_metadata["mlflow.sourceRun"] for trace in (right, wrong)} == {receipt.run_id}
    (span,) = right.data.spans
    assert (span.inputs, span.outputs, span.span_type) == ({"prompt": "why é?"}, "so", "LLM")
    assert span.attributes["evaltrail.latency_s"] == 0.25
    assert right.info.token_usage == {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
    assert right.info.execution_duration == 250
    assert (str(right.info.state), str(failed.info.state)) == ("OK", "ERROR")
    expected, score = right.info.assessments
    assert (expected.name, expected.value) == ("expected_response", "so")
    assert (score.name, score.value, score.source.source_type, score.source.source_id) == (
        *("acc", True),
        *("CODE", "exact_match/1"),
    )
    assert score.run_id == receipt.run_id
    assert (wrong.info.assessments[1].value, wrong.info.assessments[1].rationale) == (False, "é differs")
    unscored = unread.info.assessments[1]
    assert (unscored.value, unscored.error.error_code, unscored.error.error_message) == (None, "no_match", "Hm")
    assert unscored.source.source_type == "LLM_JUDGE"
    assert failed.info.assessments[1].error.error_message == "gave up"
    assert failed.data.spans[0].status.description == "timeout: gave up"


@pytest.mark.slow
def test_both_ways_leave_the_same(tmp_path, destination, experiment, mlflow_url):
    """What the stock client stores in sqlite is what a server stores over REST."""
    held = []
    for uri in (mlflow_url, f"sqlite:///{tmp_path / 'mlflow.db'}"):
        options = DeliveryOptions(tracking_uri=uri, experiment=experiment, traces="all")
        (receipt,) = destination.deliver(traced_bundle(tmp_path), options, fresh=True)
        held.append([content_of(trace) for trace in found_traces(uri, receipt)])
    assert held[0] == held[1]


@pytest.mark.slow
def test_landing_twice_changes_nothing_and_a_wider_choice_adds(uri, tmp_path, destination, experiment):
    """First none, then the failures, then those again, then all: one run, every trace once, nothing else changed."""
    bundle = traced_bundle(tmp_path)
    options = DeliveryOptions(tracking_uri=uri, experiment=experiment)
    (first,) = destination.deliver(bundle, options, fresh=True)
    assert (first.traces_logged, all_traces(uri, first)) == (0, [])
    counts = []
    for choice in ("failures", "failures", "all"):
        (receipt,) = destination.deliver(bundle, replace(options, traces=choice))
        assert (receipt.run_id, receipt.is_existing) == (first.run_id, True)
        counts.append((receipt.traces_logged, len(all_traces(uri, receipt))))
    assert counts == [(3, 3), (3, 3), (4, 4)]
    assert [len(trace.info.assessments) for trace in found_traces(uri, receipt)] == [2, 2, 2, 2]
    from mlflow import MlflowClient  # noqa: PLC0415 - after the gateway has silenced its import

    assert MlflowClient(uri).get_run(first.run_id).data.tags["mlflow.runType"] == "genai_evaluate"


def test_what_people_said_since_in_mlflow_stays(uri, tmp_path, destination, experiment):
    """A person's own assessment of a trace survives that the result is delivered again, from another machine too."""
    options = DeliveryOptions(tracking_uri=uri, experiment=experiment, traces="all")
    bundle = traced_bundle(tmp_path)
    (receipt,) = destination.deliver(bundle, options, fresh=True)
    from mlflow.entities import AssessmentSource, Feedback  # noqa: PLC0415 - after the gateway has silenced its import
    from mlflow.tracing.client import TracingClient  # noqa: PLC0415 - the same

    trace = found_traces(uri, receipt)[1]
    theirs = Feedback(name="acc", value=True, source=AssessmentSource(source_type="HUMAN", source_id="ann"))
    TracingClient(uri).log_assessment(trace.info.trace_id, theirs)
    MlflowDestination(tmp_path / "elsewhere", "0", environ={}).deliver(bundle, options)
    (again,) = [each for each in found_traces(uri, receipt) if each.info.trace_id == trace.info.trace_id]
    assert sorted(str(each.value) for each in again.info.assessments) == ["False", "True", "so"]


@pytest.mark.parametrize("deadly", [1, 3, 4])
def test_killed_between_traces_the_next_attempt_leaves_each_once(tmp_path, destination, experiment, mlflow_url, deadly):
    """kill -9 after some traces: the run still runs; sync sends what is missing and ends it."""
    arguments = [mlflow_url, str(tmp_path), experiment, str(deadly), str(Path(__file__).parent)]
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    died = subprocess.run(
        [sys.executable, "-c", DRIVER, *arguments], check=False, timeout=60, env={**os.environ, "PYTHONPATH": paths}
    )
    assert died.returncode == -signal.SIGKILL
    (run,) = runs_in(mlflow_url, experiment)
    assert run["info"]["status"] == "RUNNING"
    (sent,) = destination.sync()
    assert (sent.receipt.run_id, sent.receipt.traces_logged) == (run["info"]["run_id"], 4)
    assert len(all_traces(mlflow_url, sent.receipt)) == 4
    unbroken = DeliveryOptions(tracking_uri=mlflow_url, experiment=f"{experiment} unbroken", traces="all")
    (other,) = destination.deliver(traced_bundle(tmp_path), unbroken, fresh=True)
    shapes = [
        [(trace.info.request_time, [each.value for each in trace.info.assessments], len(trace.data.spans))]
        for receipt in (sent.receipt, other)
        for trace in found_traces(mlflow_url, receipt)
    ]
    assert shapes[:4] == shapes[4:]
    assert len(runs_in(mlflow_url, experiment)) == 1


@pytest.mark.parametrize("deed", ["lose", "refuse", "fail_after"])
def test_every_second_answer_lost_still_leaves_each_trace_once(tmp_path, destination, experiment, mlflow_url, deed):
    """Requests for traces are repeatable: an answer that got lost is asked for again."""
    seen = []

    def judge(_method, path, _count):
        if "traces" not in path:
            return "forward"
        seen.append(path)
        return deed if len(seen) % 2 else "forward"

    with unreliable(mlflow_url, judge) as proxy:
        options = DeliveryOptions(tracking_uri=proxy.url, experiment=experiment, traces="all")
        (receipt,) = destination.deliver(traced_bundle(tmp_path), options, fresh=True)
    assert receipt.traces_logged == 4
    assert len(all_traces(mlflow_url, receipt)) == 4


def test_a_server_that_goes_away_between_traces_gets_the_rest_later(tmp_path, destination, experiment, mlflow_url):
    """The delivery waits; the next attempt asks which traces are there and sends only the others."""
    puts = []

    def judge(method, path, _count):
        if path == "/api/3.0/mlflow/traces":
            puts.append(method)
        return "refuse" if len(puts) > 2 else "forward"

    with unreliable(mlflow_url, judge) as proxy:
        options = DeliveryOptions(tracking_uri=proxy.url, experiment=experiment, traces="all")
        with pytest.raises(DestinationUnreachableError):
            destination.deliver(traced_bundle(tmp_path), options, fresh=True)
        proxy.judge = lambda *_: "forward"
        before = len(proxy.seen)
        (sent,) = destination.sync()
        assert proxy.seen[before:].count("POST /api/3.0/mlflow/traces") == 2
    assert sent.receipt.traces_logged == 4
    assert len(found_traces(mlflow_url, sent.receipt)) == 4


def test_a_server_that_takes_no_traces_gets_everything_else(tmp_path, destination, experiment, mlflow_url):
    """An older or another server: the run is complete, and the receipt says what is not there and why."""
    with unreliable(mlflow_url, lambda *_: "forward") as proxy:
        proxy.pass_on = refusing_spans(proxy.pass_on)
        options = DeliveryOptions(tracking_uri=proxy.url, experiment=experiment, traces="all")
        (receipt,) = destination.deliver(traced_bundle(tmp_path, count=60), options, fresh=True)
    assert (receipt.status, receipt.traces_logged) == ("FINISHED", 0)
    ((what, why),) = [(item.what, item.why) for item in receipt.skipped]
    assert what == "60 traces"
    assert "HTTP 404" in why
    assert destination.waiting() == ()


def refusing_spans(pass_on):
    """The same, but for a server that knows no way to store spans."""

    def passed(method, path, body, headers):
        if path == "/v1/traces":
            return 404, b'{"detail": "Not Found"}'
        return pass_on(method, path, body, headers)

    return passed
