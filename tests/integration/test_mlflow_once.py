"""Exactly once: whatever breaks, the next attempt leaves one complete run that equals an unbroken one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import BusyError, DestinationUnreachableError
from evaltrail.core.ids import new_id
from evaltrail.destinations.mlflow.destination import MlflowDestination
from evaltrail.destinations.mlflow.outbox import Outbox
from evaltrail.destinations.mlflow.rest import RestGateway
from mlflow_bundles import some_bundle, some_task
from mlflow_landing import SHORT, land, planned
from mlflow_proxy import unreliable
from mlflow_server import MlflowServer, ask, content_of, runs_in

STEPS = ("experiment", "create_run", "log_batch", "put_artifact", "put_artifact", "log_datasets", "set_status")
"""The gateway calls of one fresh landing with two files and no name that changes."""

DRIVER = """
import os, signal, sys
from pathlib import Path
from mlflow_bundles import some_bundle, some_task
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.destinations.mlflow.outbox import Outbox
from evaltrail.destinations.mlflow.plan import plan_bundle
from evaltrail.destinations.mlflow.rest import RestGateway
from evaltrail.destinations.mlflow.writer import deliver

url, folder, experiment, deadly, moment = sys.argv[1:]

class Mortal:
    def __init__(self, gateway):
        self.gateway, self.tracking_uri, self.calls = gateway, gateway.tracking_uri, 0

    def __getattr__(self, name):
        def call(*args, **kwargs):
            self.calls += 1
            if moment == "before" and self.calls == int(deadly):
                os.kill(os.getpid(), signal.SIGKILL)
            answer = getattr(self.gateway, name)(*args, **kwargs)
            if moment == "after" and self.calls == int(deadly):
                os.kill(os.getpid(), signal.SIGKILL)
            return answer
        return call

bundle = some_bundle(Path(folder) / "bundle", tasks=(some_task(metric="acc"),))
plan, = plan_bundle(bundle, DeliveryOptions(experiment=experiment, table_rows=0), version="0")
with Outbox(Path(folder) / "outbox") as outbox:
    deliver(plan, outbox, Mortal(RestGateway(url, environ={})), fresh=True)
"""


@pytest.fixture(scope="module")
def url(mlflow_url):
    return mlflow_url


@pytest.fixture
def experiment():
    return f"once {new_id()}"


@pytest.fixture(scope="module")
def unbroken(url, tmp_path_factory):
    """What a landing that nothing disturbed left behind."""
    experiment = f"unbroken {new_id()}"
    folder = tmp_path_factory.mktemp("unbroken")
    land(planned(folder, experiment), folder, url, fresh=True)
    (run,) = runs_in(url, experiment)
    return content_of(url, run)


def assert_one_complete_run(url, experiment, unbroken, run_id=None):
    (run,) = runs_in(url, experiment)
    assert content_of(url, run) == unbroken
    assert run_id in {None, run["info"]["run_id"]}


def test_an_unbroken_landing_holds_everything_the_plan_says(url, tmp_path, unbroken):
    """The yardstick of this file is itself complete."""
    plan = planned(tmp_path, "x")
    assert unbroken["status"] == "FINISHED"
    assert unbroken["times"] == (plan.started_ms, plan.ended_ms)
    assert unbroken["params"] == dict(plan.params)
    assert unbroken["metrics"] == {
        point.name: [(point.value, point.timestamp_ms, point.step)] for point in plan.metrics
    }
    assert set(unbroken["artifacts"]) == {"request.json", "logs/run.log"}
    assert unbroken["artifacts"]["logs/run.log"] == b"line\n" * 100
    assert [item["name"] for item in unbroken["datasets"]] == ["capitals.jsonl"]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("deadly", range(1, len(STEPS) + 1))
def test_killed_at_any_step_the_next_attempt_completes_the_one_run(url, tmp_path, experiment, unbroken, deadly, moment):
    """kill -9 before or after any call to MLflow: the second attempt repairs, never doubles."""
    arguments = [url, str(tmp_path), experiment, str(deadly), moment]
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    died = subprocess.run(
        [sys.executable, "-c", DRIVER, *arguments], check=False, timeout=60, env={**os.environ, "PYTHONPATH": paths}
    )
    assert died.returncode == -signal.SIGKILL
    with Outbox(tmp_path / "outbox") as outbox:
        assert len(outbox.waiting()) == 1
    receipt = land(planned(tmp_path, experiment), tmp_path, url, fresh=True)
    assert_one_complete_run(url, experiment, unbroken, receipt.run_id)
    with Outbox(tmp_path / "outbox") as outbox:
        assert outbox.waiting() == []
        assert outbox.get(planned(tmp_path, experiment).key, url).receipt == receipt


@pytest.mark.parametrize("deed", ["lose", pytest.param("refuse", marks=pytest.mark.slow), "fail_after"])
@pytest.mark.parametrize("step", range(8))
def test_one_lost_answer_or_503_is_repaired_within_the_same_attempt(url, tmp_path, experiment, unbroken, step, deed):
    """Whichever request goes wrong once (also the one that creates the run), one attempt suffices."""
    with unreliable(url, lambda *request: deed if request[2] == step else "forward") as proxy:
        receipt = land(planned(tmp_path, experiment), tmp_path, proxy.url, fresh=True)
    assert_one_complete_run(url, experiment, unbroken, receipt.run_id)


def test_creations_that_always_lose_their_answer_still_make_one_run(url, tmp_path, experiment, unbroken):
    """The run that was created all the same is found by its key and used; nothing is created twice."""

    def judge(_method, path, _count):
        return "lose" if path.endswith("runs/create") else "forward"

    with unreliable(url, judge) as proxy:
        receipt = land(planned(tmp_path, experiment), tmp_path, proxy.url, fresh=True)
        assert proxy.seen.count("POST /api/2.0/mlflow/runs/create") == 1
    assert_one_complete_run(url, experiment, unbroken, receipt.run_id)


def test_a_server_that_dies_midway_leaves_the_rest_to_the_next_attempt(url, tmp_path, experiment, unbroken):
    """From some request on only 503: the delivery waits, and is completed in the same run later."""
    plan = planned(tmp_path, experiment)
    with unreliable(url, lambda *request: "forward" if request[2] < 4 else "refuse") as proxy:
        with pytest.raises(DestinationUnreachableError) as failure:
            land(plan, tmp_path, proxy.url, fresh=True)
        assert failure.value.exit_code == 3
        assert "evaltrail sync" in failure.value.hint
        with Outbox(tmp_path / "outbox") as outbox:
            (waiting,) = outbox.waiting()
        assert waiting.attempts == 1
        assert "503" in waiting.last_error
        proxy.judge = lambda *_: "forward"
        receipt = land(plan, tmp_path, proxy.url)
    assert receipt.run_id == waiting.run_id
    assert_one_complete_run(url, experiment, unbroken, receipt.run_id)


def test_the_same_delivery_again_sends_nothing(url, tmp_path, experiment, unbroken):
    """A complete run with the key is its own receipt: questions, no change, also without the outbox."""
    plan = planned(tmp_path, experiment)
    first = land(plan, tmp_path, url, fresh=True)
    with unreliable(url, lambda *_: "forward") as proxy:
        again = land(plan, tmp_path / "another machine", proxy.url)
        asked = ["GET /api/2.0/mlflow/experiments/get-by-name", "POST /api/2.0/mlflow/runs/search"]
        assert proxy.seen == [*asked, *["GET /api/2.0/mlflow/artifacts/list"] * 2]
    assert replace(again, run_url=first.run_url) == replace(first, is_existing=True)
    assert_one_complete_run(url, experiment, unbroken, first.run_id)


def test_a_landing_costs_three_requests_and_one_a_file_and_one_each_for_the_rest(url, tmp_path, experiment):
    """Experiment, create, batch, each file, dataset, end: nothing else goes over the wire."""
    land(planned(tmp_path, experiment), tmp_path, url, fresh=True)
    plan = planned(tmp_path, experiment, params={"another": 1})
    with unreliable(url, lambda *_: "forward") as proxy:
        land(plan, tmp_path, proxy.url, fresh=True)
        calls = [seen.rpartition("/")[2] for seen in proxy.seen]
    assert calls == ["get-by-name", "create", "log-batch", "request.json", "run.log", "log-inputs", "update"]


def test_twins_of_an_earlier_accident_are_deleted_and_the_oldest_is_completed(url, tmp_path, experiment, unbroken):
    """Two unfinished runs with one key become one complete run."""
    plan = planned(tmp_path, experiment)
    with closing(RestGateway(url, environ={})) as gateway:
        identity = gateway.experiment(experiment).id
        tags = [{"key": name, "value": value} for name, value in plan.tags.items()]
        made = [
            ask(url, "runs/create", experiment_id=identity, run_name=plan.run_name, start_time=start, tags=tags)
            for start in (plan.started_ms + 1, plan.started_ms)
        ]
    receipt = land(plan, tmp_path, url)
    assert receipt.run_id == made[1]["run"]["info"]["run_id"]
    assert_one_complete_run(url, experiment, unbroken, receipt.run_id)


def test_two_deliveries_at_once_make_one_run_and_the_other_is_told_who_is_at_it(url, tmp_path, experiment, unbroken):
    """One lease a key: the second deliverer is refused with the process id, and finds the run complete later."""
    plan = planned(tmp_path, experiment)
    inside, leave = threading.Event(), threading.Event()

    def judge(_method, path, _count):
        if path.endswith("runs/log-batch"):
            inside.set()
            leave.wait(20)
        return "forward"

    with unreliable(url, judge) as proxy:
        first = threading.Thread(target=land, args=(plan, tmp_path, proxy.url), kwargs={"fresh": True})
        first.start()
        assert inside.wait(20)
        with pytest.raises(BusyError, match=str(os.getpid())):
            land(plan, tmp_path, url)
        leave.set()
        first.join()
    receipt = land(plan, tmp_path, url)
    assert_one_complete_run(url, experiment, unbroken, receipt.run_id)


def test_a_run_that_a_user_deleted_lands_anew(url, tmp_path, experiment, unbroken):
    """Delivering again after the run was deleted in MLflow makes a new, complete run."""
    plan = planned(tmp_path, experiment)
    first = land(plan, tmp_path, url, fresh=True)
    ask(url, "runs/delete", run_id=first.run_id, _=1)
    second = land(plan, tmp_path, url)
    assert second.run_id != first.run_id
    assert_one_complete_run(url, experiment, unbroken, second.run_id)


def test_a_file_that_is_gone_is_named_in_the_receipt(url, tmp_path, experiment):
    """What cannot be sent any more does not hold up the rest, and is not passed over in silence."""
    plan = planned(tmp_path, experiment)
    (tmp_path / "bundle" / "run.log").unlink()
    receipt = land(plan, tmp_path, url, fresh=True)
    assert [item.what for item in receipt.skipped] == ["artifact logs/run.log"]
    assert receipt.artifacts_logged == 1
    assert receipt.status == "FINISHED"


def test_a_required_file_that_is_gone_is_named_as_such(url, tmp_path, experiment):
    """Without it the run is incomplete: the receipt says so in words a program can look for."""
    plan = planned(tmp_path, experiment)
    assert [item.is_required for item in plan.artifacts] == [True, False]
    (tmp_path / "bundle" / "request.json").unlink()
    receipt = land(plan, tmp_path, url, fresh=True)
    (missing,) = receipt.skipped
    assert missing.what == "artifact request.json"
    assert missing.why == f"required file missing: {tmp_path}/bundle/request.json"


def test_a_delivery_under_way_is_waited_for_by_deliver_and_noted_by_sync(url, tmp_path, experiment):
    """Sync says which process is at it, parent and children alike; deliver waits and comes back with the receipt."""
    bundle = some_bundle(tmp_path / "bundle", tasks=(some_task("a"),))
    options = DeliveryOptions(experiment=experiment, layout="nested")
    destination = MlflowDestination(tmp_path / "outbox", "0", environ={}, patience=replace(SHORT, lease_s=20))
    inside, leave, receipts = threading.Event(), threading.Event(), []

    def judge(_method, path, _count):
        if path.endswith("runs/log-batch") and not inside.is_set():
            inside.set()
            leave.wait(20)
        return "forward"

    def send():
        receipts.append(destination.deliver(bundle, replace(options, tracking_uri=proxy.url), fresh=True))

    with unreliable(url, judge) as proxy:
        senders = [threading.Thread(target=send) for _ in range(2)]
        senders[0].start()
        assert inside.wait(20)
        sent = destination.sync()
        senders[1].start()
        leave.set()
        for sender in senders:
            sender.join()
    assert [(item.receipt, item.error, item.note) for item in sent] == [
        (None, None, f"process {os.getpid()} is sending it")
    ] * 2
    first, second = sorted(receipts, key=lambda found: found[0].is_existing)
    assert tuple(replace(receipt, is_existing=True) for receipt in first) == second
    assert len(runs_in(url, experiment)) == 2


def test_nested_runs_hang_below_their_parent_and_are_repaired_together(url, tmp_path, experiment):
    """Parent first; when MLflow dies between them, sync sends the children below the same parent."""
    bundle = some_bundle(tmp_path / "bundle", tasks=(some_task("a"), some_task("b")))
    options = DeliveryOptions(experiment=experiment, layout="nested")
    with unreliable(url, lambda *request: "forward" if request[2] < 12 else "refuse") as proxy:
        destination = MlflowDestination(tmp_path / "outbox", "0", environ={}, patience=SHORT)
        with pytest.raises(DestinationUnreachableError):
            destination.deliver(bundle, replace(options, tracking_uri=proxy.url), fresh=True)
        assert destination.waiting()
        proxy.judge = lambda *_: "forward"
        assert all(sent.receipt for sent in destination.sync())
    runs = {run["info"]["run_name"]: run for run in runs_in(url, experiment)}
    assert set(runs) == {"a, b · model-a", "a · model-a", "b · model-a"}
    parent = runs["a, b · model-a"]["info"]["run_id"]
    for name in ("a · model-a", "b · model-a"):
        tags = {tag["key"]: tag.get("value") for tag in runs[name]["data"]["tags"]}
        assert tags["mlflow.parentRunId"] == parent
        assert runs[name]["info"]["status"] == "FINISHED"


@pytest.mark.slow
def test_a_server_that_is_killed_and_comes_back_gets_the_waiting_deliveries(tmp_path):
    """Down: bounded, exit code 3, everything safe. Up again: sync sends all, each once."""
    server = MlflowServer(tmp_path / "server")
    destination = MlflowDestination(tmp_path / "outbox", "0", environ={}, patience=SHORT)
    options = DeliveryOptions(tracking_uri=server.url, experiment="waiting")
    for number in range(3):
        with pytest.raises(DestinationUnreachableError):
            destination.deliver(some_bundle(tmp_path / str(number), identity=str(number)), options, fresh=True)
    server.start()
    try:
        sent = destination.sync()
        assert len([item for item in sent if item.receipt]) == 3
        assert destination.sync() == ()
        assert len(runs_in(server.url, "waiting")) == 3
    finally:
        server.stop()
