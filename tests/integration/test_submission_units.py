"""The units of a submission of the service: planned, asked and delivered, whatever is wrong with a part of it."""

from __future__ import annotations

import json
import threading
from concurrent.futures import Future
from dataclasses import replace

import pytest

from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import InputError, StorageError
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import TaskResult
from evaltrail.core.sample import Sample, Score
from evaltrail.core.submission import PrimaryScore
from evaltrail.jobs.carrying import carry_out
from evaltrail.jobs.failure import Failure
from evaltrail.jobs.hints import open_hints
from evaltrail.jobs.hold import Hold
from evaltrail.jobs.opening import open_queue
from evaltrail.service.evaluation.plain_names import with_plain_names
from evaltrail.service.submitting.acceptor import Acceptor
from evaltrail.service.working.appraising import with_verdict
from evaltrail.service.working.execute import UnitExecutor
from evaltrail.service.working.submission_spec import submission_from_json, submission_to_json, task_settings
from mlflow_bundles import some_bundle
from mlflow_server import ask
from native_tasks import native, records, write_data
from order_shop import Shop
from submissions import accepted, request, submission


@pytest.fixture
def shop(tmp_path, mlflow_url):
    return Shop(tmp_path, MLFLOW_TRACKING_URI=mlflow_url)


@pytest.fixture
def queue(shop):
    with open_queue(shop.settings) as opened:
        yield opened


def step(queue, shop):
    """Do the unit that is due first."""
    carry_out(Hold(queue, queue.claim("here")), queue, UnitExecutor(shop.settings), first_pause_s=0.0)


def test_the_first_unit_cuts_the_benchmarks_into_units(shop, queue, tmp_path):
    """Before it nothing is known of the data; each unit names what it has to find."""
    made = submission(native(tmp_path, "cut", 130), native(tmp_path, "small"), retry_attempts=2)
    job_id = accepted(queue, shop.settings, made).evaluation_id
    before = queue.show(job_id)
    assert [unit.kind for unit in before.units] == ["plan", "deliver"]
    assert before.job.total is None or before.job.total == 0
    step(queue, shop)
    units = [unit for unit in queue.show(job_id).units if unit.kind == "task"]
    assert {unit.place["task"] for unit in units} == {0, 1}
    assert all(unit.place["content"] and unit.attempts_left == 3 for unit in units)
    assert queue.show(job_id).job.total == 142


def test_settings_of_one_benchmark_leave_the_others_alone(shop, queue, tmp_path):
    """A limit of its own, a generation setting over the model's."""
    first, second = native(tmp_path, "first"), native(tmp_path, "second")
    made = submission((first, {"limit": 3}), second)
    job_id = accepted(queue, shop.settings, made).evaluation_id
    shop.work_off(queue)
    job = queue.show(job_id).job
    assert (job.state, job.done) == ("completed", 15)
    assert [task.counts.total for task in shop.bundle(job_id).tasks] == [3, 12]


def test_a_benchmark_that_cannot_be_run_fails_alone_and_at_once(shop, queue, tmp_path):
    """With its reason; what was measured lands, the whole is partially failed."""
    broken = ("ragas/faithfulness", {"dataset_path": "not-there.jsonl"})
    made = submission(native(tmp_path, "fine"), broken, ("lm_evaluation_harness/no_such_task", {}))
    job_id = accepted(queue, shop.settings, made).evaluation_id
    shop.work_off(queue)
    detail = queue.show(job_id)
    assert detail.job.state == "partially_failed"
    assert [unit.attempt for unit in detail.units if unit.state == "failed"] == [1, 1]
    fine, faithfulness, unknown = shop.bundle(job_id).tasks
    assert (fine.status, fine.counts.scored) == ("completed", 12)
    assert (faithfulness.status, faithfulness.name) == ("failed", "faithfulness")
    assert "not-there.jsonl" in faithfulness.error
    assert unknown.status == "failed"


def test_where_nothing_can_be_run_there_is_a_result_all_the_same(shop, queue):
    """One run for every request: of this one it is FAILED."""
    job_id = accepted(queue, shop.settings, submission(("ragas/faithfulness", {}))).evaluation_id
    shop.work_off(queue)
    assert queue.show(job_id).job.state == "failed"
    assert shop.bundle(job_id).status == "failed"
    (receipt,) = shop.result(job_id)["receipts"]
    assert receipt["status"] == "FAILED"
    assert receipt["experiment_name"] == "eval-hub_x"


def test_data_that_changed_after_the_plan_fail_their_benchmark(shop, queue, tmp_path):
    """Ranges of one data set would be asked of another."""
    task = native(tmp_path, "moving", 130)
    job_id = accepted(queue, shop.settings, submission(task)).evaluation_id
    step(queue, shop)
    write_data(task.parent / "data.jsonl", records(131))
    shop.work_off(queue)
    detail = queue.show(job_id)
    assert detail.job.state == "failed"
    assert {unit.error.code for unit in detail.units if unit.kind == "task"} == {"changed"}


def test_many_at_once_are_all_accepted_and_none_twice(shop, queue, tmp_path):
    """They share transactions; a conflict of keys costs nobody else anything."""
    made = submission(native(tmp_path, "fine"))
    with open_hints(shop.settings) as hints, Acceptor(queue, hints) as acceptor:
        futures = [acceptor.accept(made, request(), idempotency_key=f"k{number % 50}") for number in range(100)]
        clash = acceptor.accept(made, request(name="other"), idempotency_key="k0")
        found = [future.result(30) for future in futures]
        with pytest.raises(InputError, match="idempotency"):
            clash.result(30)
    assert len({each.evaluation_id for each in found}) == 50
    assert sum(each.is_new for each in found) == 50
    assert queue.list(limit=1).total == 50


def test_who_gives_up_before_it_is_written_has_submitted_nothing(shop, queue, tmp_path):
    """And the acceptor goes on; after its end nothing is taken."""
    made = submission(native(tmp_path, "fine"))
    with open_hints(shop.settings) as hints:
        acceptor = Acceptor(queue, hints)
        given_up = acceptor.accept(made, request())
        assert isinstance(given_up, Future)
        assert given_up.cancel()
        kept = acceptor.accept(made, request())
        with acceptor:
            assert kept.result(30).is_new
        assert not any(thread.name == "acceptor" for thread in threading.enumerate())
        with pytest.raises(StorageError, match="ending"):
            acceptor.accept(made, request())
    assert queue.list().total == 1


def test_a_submission_comes_back_as_it_was_and_a_strange_one_is_told():
    """Its JSON is the job's spec."""
    made = submission(("ragas/faithfulness", {"dataset_path": "x", "n": [1, {"a": None}]}), tags={"a": ""})
    spec = submission_to_json(made)
    assert submission_to_json(submission_from_json(spec)) == spec
    for strange in ({**spec, "version": 7}, {**spec, "submission": {"model": 1}}):
        with pytest.raises(InputError) as caught:
            submission_from_json(strange)
        assert caught.value.code == "bad_spec"


def test_settings_are_told_apart_by_who_they_are_for():
    """The model's, the provider's, and how much is asked."""
    found = task_settings(
        {"temperature": 0, "generation": {"top_p": 1}, "num_examples": 5, "seed": 1, "num_fewshot": 2}
    )
    assert (found.generation, found.limit, found.seed) == ({"temperature": 0, "top_p": 1}, 5, 1)
    assert found.params == {"num_fewshot": 2}


def test_a_plan_that_fails_for_good_fails_every_benchmark_with_its_reason(shop, queue, tmp_path):
    """And there is a result that says so."""
    job_id = accepted(queue, shop.settings, submission(native(tmp_path, "one"), native(tmp_path, "two"))).evaluation_id
    queue.fail(queue.claim("here"), Failure(code="storage", message="the disk is full"), None)
    shop.work_off(queue)
    assert queue.show(job_id).job.state == "failed"
    assert [(task.status, task.error) for task in shop.bundle(job_id).tasks] == [("failed", "the disk is full")] * 2


def test_a_metric_of_the_harness_bears_its_plain_name(tmp_path):
    """Seed 001 asks for ``arc_easy/acc``; a filter that is one stays, and so does a name that would be taken."""
    result = TaskResult(
        name="t",
        provider="p",
        metrics=tuple(MetricValue(name=name, value=1.0, n=1) for name in ("acc,none", "em,strict", "f1,none", "f1")),
        samples=(Sample(id="1", index=0, scores={"acc,none": Score(value=1.0)}),),
    )
    plain = with_plain_names(result)
    assert [metric.name for metric in plain.metrics] == ["acc", "em,strict", "f1,none", "f1"]
    assert [list(sample.scores) for _ in range(2) for sample in plain.samples] == [["acc"], ["acc"]]


def test_the_verdict_stands_in_the_documents_and_on_the_run_where_one_was_asked(shop, queue, tmp_path, mlflow_url):
    """With the score; nobody is told that a benchmark failed which nothing was asked of."""
    made = submission(native(tmp_path, "sums"))
    scored = replace(made.benchmarks[0], primary_score=PrimaryScore(metric="exact_match"), threshold=0.9)
    asked = accepted(queue, shop.settings, replace(made, benchmarks=(scored,))).evaluation_id
    plain = accepted(queue, shop.settings, made).evaluation_id
    shop.work_off(queue)
    told = json.loads((shop.settings.home / "runs" / asked / "results.json").read_bytes())
    assert told["verdict"]["verdict"] in {"pass", "fail"}
    assert told["tasks"][0]["verdict"]["threshold"] == 0.9
    runs = [shop.result(each)["receipts"][0]["run_id"] for each in (asked, plain)]
    found = [ask(mlflow_url, "runs/get", run_id=run_id)["run"]["data"]["tags"] for run_id in runs]
    tags = [{tag["key"]: tag["value"] for tag in each} for each in found]
    assert (tags[0]["verdict"], float(tags[0]["score"])) == (
        told["verdict"]["verdict"],
        pytest.approx(told["verdict"]["score"]),
    )
    assert "verdict" not in tags[1]


@pytest.mark.parametrize(("threshold", "is_told"), [(0.0, True), (None, False)])
def test_a_threshold_of_zero_is_one(tmp_path, threshold, is_told):
    """Lower may be better; and nothing asked is nothing told."""
    made = submission(("ragas/faithfulness", {}))
    asked = replace(made.benchmarks[0], primary_score=PrimaryScore(metric="faithfulness"), threshold=threshold)
    options = with_verdict(DeliveryOptions(), replace(made, benchmarks=(asked,)), some_bundle(tmp_path))
    assert ("verdict" in options.tags) is is_told
