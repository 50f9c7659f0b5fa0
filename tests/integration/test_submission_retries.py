"""Submissions that are tried again, called off and forgotten while something of them is under way."""

from __future__ import annotations

import importlib
import json
import threading
import time
from contextlib import chdir
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from evaltrail.jobs.carrying import carry_out
from evaltrail.jobs.hold import Hold
from evaltrail.jobs.opening import open_queue
from evaltrail.service.answering.answers import Answers
from evaltrail.service.deliver import open_destination
from evaltrail.service.handling.unit_handler import UnitHandler
from evaltrail.service.working.calling_off import cancel_job, retry_job
from mlflow_proxy import unreliable
from native_tasks import native
from order_shop import Shop
from submissions import accepted, submission


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path, MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path}/mlflow.db")


@pytest.fixture
def queue(shop):
    with open_queue(shop.settings) as opened:
        yield opened


def work_off(queue, handler):
    """Do what is due until nothing is."""
    while (claim := queue.claim("here")) is not None:
        carry_out(Hold(queue, claim), queue, handler, first_pause_s=0.0)


def failures(queue, job_id):
    """The code of each unit that failed."""
    return [unit.error.code for unit in queue.show(job_id).units if unit.state == "failed"]


@pytest.mark.slow
def test_a_benchmark_whose_data_were_missing_is_done_once_they_are_there(shop, queue, tmp_path):
    """Its hint says where to put them; another try, by the same worker or another, looks anew."""
    fine, late = native(tmp_path, "fine"), native(tmp_path, "late")
    data = late.parent / "data.jsonl"
    kept = data.rename(tmp_path / "kept.jsonl")
    job_id = accepted(queue, shop.settings, submission(fine, late)).evaluation_id
    handler = UnitHandler(shop.settings)
    work_off(queue, handler)
    assert (queue.show(job_id).job.state, failures(queue, job_id)) == ("partially_failed", ["missing_dataset"])
    kept.rename(data)
    retry_job(job_id, shop.settings, queue)
    work_off(queue, handler)
    assert (queue.show(job_id).job.state, failures(queue, job_id)) == ("completed", [])
    assert [(task.status, task.counts.total) for task in shop.bundle(job_id).tasks] == [("completed", 12)] * 2


def test_what_a_worker_cannot_open_is_told_by_its_own_reason(shop, queue, tmp_path):
    """Planned where the data were: nobody is told that they had been changed."""
    task = native(tmp_path, "gone")
    job_id = accepted(queue, shop.settings, submission(task)).evaluation_id
    carry_out(Hold(queue, queue.claim("here")), queue, UnitHandler(shop.settings), first_pause_s=0.0)
    (task.parent / "data.jsonl").unlink()
    work_off(queue, UnitHandler(shop.settings))
    assert (queue.show(job_id).job.state, failures(queue, job_id)) == ("failed", ["missing_dataset"])


@pytest.mark.slow
def test_answers_wait_for_a_worker_that_can_open_their_task(shop, queue, tmp_path):
    """One that cannot puts no result together; nothing is asked again."""
    task = native(tmp_path, "away")
    data = task.parent / "data.jsonl"
    job_id = accepted(queue, shop.settings, submission(task)).evaluation_id
    for _ in range(2):
        carry_out(Hold(queue, queue.claim("here")), queue, UnitHandler(shop.settings), first_pause_s=0.0)
    kept = data.rename(tmp_path / "kept.jsonl")
    carry_out(Hold(queue, queue.claim("here")), queue, UnitHandler(shop.settings), first_pause_s=0.0)
    last = next(unit for unit in queue.show(job_id).units if unit.kind == "deliver")
    assert (last.state, last.error.code) == ("waiting", "missing_dataset")
    kept.rename(data)
    work_off(queue, UnitHandler(shop.settings))
    units = queue.show(job_id).units
    assert queue.show(job_id).job.state == "completed"
    assert [unit.attempt for unit in units if unit.kind == "task"] == [1]


def landed(url, experiment):
    """How each run of the experiment stands."""
    client = importlib.import_module("mlflow").MlflowClient(url)  # takes two seconds, not paid by every process
    found = client.get_experiment_by_name(experiment)
    return [] if found is None else [run.info.status for run in client.search_runs([found.experiment_id])]


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["", "nested"])
def test_who_cancels_while_it_is_delivered_comes_too_late(tmp_path, mlflow_url, layout):
    """Its result is known: the run is ended, not left RUNNING for ever."""
    experiment, begun = f"too late {tmp_path.name}", []

    def judge(_method, path, _before):
        if path.endswith("runs/log-batch") and not begun:
            begun.append(cancel_job(job_id, shop.settings, queue))
            time.sleep(1.0)
        return "forward"

    with unreliable(mlflow_url, judge) as proxy:
        shop = Shop(tmp_path, MLFLOW_TRACKING_URI=proxy.url, EVALTRAIL_LEASE_SECONDS="0.9")
        with open_queue(shop.settings) as queue:
            made = submission(native(tmp_path, "fine"), experiment=experiment, layout=layout)
            job_id = accepted(queue, shop.settings, made).evaluation_id
            work_off(queue, UnitHandler(shop.settings))
            assert begun == [(job_id, "cancelling")]
            assert queue.show(job_id).job.state == "completed"
    assert landed(mlflow_url, experiment) == ["FINISHED"] * (2 if layout else 1)


@pytest.mark.slow
def test_a_run_that_was_begun_is_ended_though_its_job_was_cancelled_meanwhile(tmp_path, mlflow_url):
    """The worker that began it left; the next one has it whole, and the evaluation is what it came to."""
    experiment, holds = f"begun {tmp_path.name}", []

    def judge(_method, path, _before):
        if path.endswith("runs/log-batch") and holds[-1].claim.attempt == 1:
            holds[-1].let_go("leaving")
        return "forward"

    with unreliable(mlflow_url, judge) as proxy:
        shop = Shop(tmp_path, MLFLOW_TRACKING_URI=proxy.url)
        with open_queue(shop.settings) as queue:
            made = submission(native(tmp_path, "fine"), experiment=experiment)
            job_id = accepted(queue, shop.settings, made).evaluation_id
            for _ in range(3):
                holds.append(Hold(queue, queue.claim("here")))
                carry_out(holds[-1], queue, UnitHandler(shop.settings), first_pause_s=0.0)
            assert landed(mlflow_url, experiment) == ["RUNNING"]
            assert cancel_job(job_id, shop.settings, queue)[1] == "cancelling"
            work_off(queue, UnitHandler(shop.settings))
            assert queue.show(job_id).job.state == shop.described(job_id)["state"] == "completed"
    assert landed(mlflow_url, experiment) == ["FINISHED"]


@pytest.mark.slow
def test_what_is_deleted_for_good_does_not_land_later(tmp_path, mlflow_url):
    """It waits in no outbox: `evaltrail sync` would land a run without its files."""
    is_away, experiment = [True], f"deleted {tmp_path.name}"
    with unreliable(mlflow_url, lambda *_: "refuse" if is_away[0] else "forward") as proxy:
        shop = Shop(tmp_path, MLFLOW_TRACKING_URI=proxy.url)
        with open_queue(shop.settings) as queue:
            made = submission(native(tmp_path, "fine"), experiment=experiment)
            job_id = accepted(queue, shop.settings, made).evaluation_id
            for _ in range(3):
                carry_out(Hold(queue, queue.claim("here")), queue, UnitHandler(shop.settings), first_pause_s=0.0)
            destination = open_destination(shop.settings)
            assert len(destination.waiting()) == 1
            Answers(shop.settings, queue).delete(job_id)
            assert queue.list().total == 0
        is_away[0] = False
        assert destination.sync() == ()
    assert landed(mlflow_url, experiment) == []


def test_what_could_not_land_waits_in_the_queue_of_its_evaluation(tmp_path):
    """Where its workers look: they may look into no other."""
    shop = Shop(tmp_path, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    with open_queue(shop.settings) as queue:
        accepted(queue, shop.settings, submission(native(tmp_path, "fine")), queue_name="gpu")
        for _ in range(3):
            claim = queue.claim("here", queues=["gpu"])
            carry_out(Hold(queue, claim), queue, UnitHandler(shop.settings), first_pause_s=0.0)
        assert queue.claim("here", queues=["gpu"]).job_kind == "landing"


@pytest.mark.slow
def test_a_callback_that_waits_tells_of_the_end_of_another_try(tmp_path):
    """Nobody is told that an evaluation has ended which is running again."""
    told = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["status"])
            self.send_response(503 if len(told) == 1 else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    fine, late = native(tmp_path, "fine"), native(tmp_path, "late")
    kept = (late.parent / "data.jsonl").rename(tmp_path / "kept.jsonl")
    place = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db", "EVALTRAIL_ALLOW_PRIVATE_URLS": "127.0.0.1"}
    shop = Shop(tmp_path, **place)
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server, open_queue(shop.settings) as queue:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        made = submission(fine, late, callback_url=f"http://127.0.0.1:{server.server_port}/hook")
        job_id = accepted(queue, shop.settings, made).evaluation_id
        handler = UnitHandler(shop.settings)
        while not told:
            carry_out(Hold(queue, queue.claim("here")), queue, handler, first_pause_s=0.0)
        kept.rename(late.parent / "data.jsonl")
        retry_job(job_id, shop.settings, queue)
        work_off(queue, handler)
        server.shutdown()
        states = [queue.list(kind=kind).jobs[0].state for kind in ("evaluation", "callback")]
    assert (told, states) == (["partially_failed", "completed"], ["completed", "completed"])


@pytest.mark.slow
def test_what_is_tried_again_before_it_landed_is_one_run(tmp_path, mlflow_url):
    """The delivery that waits stands back: what the first try came to does not land beside what the second does."""
    is_away, experiment = [True], f"again {tmp_path.name}"
    fine, late = native(tmp_path, "fine"), native(tmp_path, "late")
    kept = (late.parent / "data.jsonl").rename(tmp_path / "kept.jsonl")
    with unreliable(mlflow_url, lambda *_: "refuse" if is_away[0] else "forward") as proxy:
        shop = Shop(tmp_path, MLFLOW_TRACKING_URI=proxy.url)
        with open_queue(shop.settings) as queue:
            job_id = accepted(queue, shop.settings, submission(fine, late, experiment=experiment)).evaluation_id
            handler = UnitHandler(shop.settings)
            for _ in range(4):
                carry_out(Hold(queue, queue.claim("here")), queue, handler, first_pause_s=0.0)
            assert queue.show(job_id).job.state == "partially_failed"
            landing = queue.list(kind="landing").jobs[0].id
            kept.rename(late.parent / "data.jsonl")
            retry_job(job_id, shop.settings, queue)
            is_away[0] = False
            carry_out(Hold(queue, queue.claim("here", unit_id=f"{landing}.0")), queue, handler, first_pause_s=0.0)
            work_off(queue, handler)
            assert [queue.show(each).job.state for each in (job_id, landing)] == ["completed"] * 2
    assert landed(mlflow_url, experiment) == ["FINISHED"]


def test_a_worker_without_the_data_root_reads_no_file_of_its_own(shop, queue, tmp_path):
    """Its folder may hold one of that name, which no request may name."""
    (tmp_path / "rows.jsonl").write_text('{"question": "q", "response": "a", "contexts": ["c"], "reference": "r"}\n')
    made = submission(("ragas/context_recall", {"dataset_path": "rows.jsonl"}), data_root=str(tmp_path / "elsewhere"))
    confined = replace(made, benchmarks=(replace(made.benchmarks[0], is_confined=True),))
    job_id = accepted(queue, shop.settings, confined).evaluation_id
    with chdir(tmp_path):
        for _ in range(2):
            carry_out(Hold(queue, queue.claim("here")), queue, UnitHandler(shop.settings), first_pause_s=0.0)
    assert failures(queue, job_id) == ["missing_data_root"]
