"""The units of a queued evaluation, done in this process: every kind of task, and what becomes of failures."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_files import PROGRAM, write_command
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import InputError
from evaltrail.core.progress import Progress
from evaltrail.jobs.carrying import carry_out
from evaltrail.jobs.hold import Hold
from evaltrail.jobs.opening import open_queue
from evaltrail.jobs.order import NewJob, NewUnit
from evaltrail.service.evaluation.evaluate import evaluate
from evaltrail.service.working.calling_off import cancel_job, retry_job
from evaltrail.service.working.execute import UnitExecutor
from evaltrail.store.ledger import Ledger
from judge_server import JudgeServer
from lease_queues import run_out
from mlflow_proxy import unreliable
from native_tasks import native
from order_shop import Shop

FAILING = "import sys; sys.exit('no licence')"


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


@pytest.fixture
def queue(shop):
    with open_queue(shop.settings) as opened:
        yield opened


def plain(bundle):
    """Metrics, counts and scores of each task, without times."""
    return [
        (task.name, task.metrics, task.counts, [(s.id, s.repeat, s.output, s.scores) for s in task.samples])
        for task in bundle.tasks
    ]


def test_ranges_and_repeats_come_together_as_one_task(shop, queue, tmp_path):
    """A task cut into ranges has the metrics and samples, in the same order, of one that was not."""
    task = native(tmp_path, "cut", 130)
    accepted = shop.submit(queue, task, repeats=2)
    places = [unit.place for unit in queue.show(accepted.job_id).units]
    assert len(places) > 3
    assert {"task": 0, "start": 0, "stop": places[0]["stop"]} == places[0]
    shop.work_off(queue)
    assert queue.show(accepted.job_id).job.state == "completed"
    whole = evaluate(shop.order(task, repeats=2), shop.settings)
    assert plain(shop.bundle(accepted.job_id)) == plain(whole.bundle)


def test_one_failed_task_leaves_the_others(shop, queue, tmp_path):
    """Partially failed, with the reason; the program mended, a retry makes it whole without doing the rest again."""
    write_command(tmp_path / "commands", "sums", FAILING)
    task = native(tmp_path, "fine")
    accepted = shop.submit(queue, task, "command/sums")
    shop.work_off(queue)
    job = queue.show(accepted.job_id)
    assert (job.job.state, job.units[0].attempt, job.units[1].attempt) == ("partially_failed", 1, 5)
    fine, sums = shop.bundle(accepted.job_id).tasks
    assert (fine.status, fine.counts.total, sums.status) == ("completed", 12, "failed")
    (error,) = shop.result(accepted.job_id)["errors"]
    assert (error["code"], error["hint"].partition(";")[0]) == (
        "task_failed",
        f"`evaltrail jobs retry {accepted.job_id}` does it again",
    )
    assert shop.described(accepted.job_id)["state"] == "partially_failed"
    (tmp_path / "commands" / "sums.py").write_text(PROGRAM)
    assert retry_job(accepted.job_id, shop.settings, queue) == (accepted.job_id, 2)
    shop.work_off(queue)
    assert queue.show(accepted.job_id).job.state == "completed"
    fine, sums = shop.bundle(accepted.job_id).tasks
    assert (fine.counts.total, sums.metrics[0].value) == (12, 0.75)
    assert shop.result(accepted.job_id)["ok"]


def test_all_failed_leaves_no_bundle_and_the_reason(shop, queue, tmp_path):
    """As in one process: nothing lands, the ledger has the error, the journals stay for a retry."""
    write_command(tmp_path / "commands", "sums", FAILING)
    accepted = shop.submit(queue, "command/sums")
    shop.work_off(queue)
    assert queue.show(accepted.job_id).job.state == "failed"
    assert shop.described(accepted.job_id)["errors"][0]["message"]
    assert not (shop.settings.home / "runs" / accepted.job_id).exists()


@pytest.mark.slow
def test_judges_of_ranges_keep_their_answers_apart(tmp_path):
    """Each range has its own answers of judges; scores are those of one process."""

    def mind(text):
        return {"rationale": "r", "score": 3 + len(text) % 3}

    judge = {"politeness": {"definition": "How polite.", "grading_prompt": "Rate 1 to 5.", "version": "v1"}}
    with JudgeServer(mind) as server:
        shop = Shop(tmp_path, EVALTRAIL_JUDGE=f"{server.url}#judge-1")
        task = native(tmp_path, "judged", 90, metrics=["exact_match", judge])
        with open_queue(shop.settings) as queue:
            accepted = shop.submit(queue, task)
            # the worker's own variables name no judge: the order's counts
            Shop(tmp_path).work_off(queue)
            assert queue.show(accepted.job_id).job.state == "completed", queue.show(accepted.job_id).units
        asked = len(server.bodies)
        whole = evaluate(shop.order(task), shop.settings)
    assert asked == 90
    kept = shop.settings.home / "runs" / accepted.job_id / "answers"
    assert len(list(kept.glob("*.answers"))) == len(list(kept.glob("*.jsonl"))) > 1
    (queued,), (direct,) = shop.bundle(accepted.job_id).tasks, whole.bundle.tasks
    assert [metric.value for metric in queued.metrics] == [metric.value for metric in direct.metrics]
    assert shop.bundle(accepted.job_id).tags["evaltrail.judge"] == "judge-1"


@pytest.mark.slow
def test_mlflow_away_keeps_nothing_open_and_lands_by_itself(shop, queue, tmp_path, mlflow_url):
    """The evaluation ends with its result and the reason; another job goes on with the delivery until it has landed."""
    is_away = [True]
    with unreliable(mlflow_url, lambda *_: "refuse" if is_away[0] else "forward") as proxy:
        options = DeliveryOptions(tracking_uri=proxy.url, experiment=f"queued {tmp_path.name}")
        accepted = shop.submit(queue, native(tmp_path, "fine"), delivery=options)
        executor = UnitExecutor(shop.settings)
        for _ in range(3):
            carry_out(Hold(queue, queue.claim("here")), queue, executor, first_pause_s=0.0)
        ended = queue.show(accepted.job_id)
        assert (ended.job.state, ended.units[-1].result["mlflow"]) == ("completed", "pending")
        assert shop.result(accepted.job_id)["errors"][0]["code"] == "destination_failing"
        assert shop.bundle(accepted.job_id).status == "completed"
        is_away[0] = False
        shop.work_off(queue)
    job, landing = queue.show(accepted.job_id).job, queue.list(kind="landing").jobs[0]
    assert (landing.state, landing.parent) == ("completed", job.id)
    assert job.run_ids[""] == shop.result(job.id)["receipts"][0]["run_id"]
    assert not shop.described(job.id)["errors"]


def test_the_same_key_is_the_same_evaluation(shop, queue, tmp_path):
    """Submitted twice, accepted once; another order under the key is refused."""
    task = native(tmp_path, "fine")
    first = shop.submit(queue, task, key="k1")
    again = shop.submit(queue, task, key="k1")
    assert (again.job_id, again.is_new) == (first.job_id, False)
    with pytest.raises(InputError, match="idempotency"):
        shop.submit(queue, task, key="k1", seed=7)


def test_an_unknown_kind_and_a_spec_of_another_version_fail_with_the_step(shop, queue):
    """They are not tried again and stop nobody else."""
    strange = queue.submit(NewJob(kind="dance", spec={}, units=(NewUnit(),))).job_id
    newer = queue.submit(NewJob(kind="evaluation", spec={"version": 9}, units=(NewUnit(kind="task"),))).job_id
    shop.work_off(queue)
    errors = [queue.show(job_id).job.error for job_id in (strange, newer)]
    assert [(error.code, bool(error.hint)) for error in errors] == [("unknown_kind", True), ("bad_spec", True)]


def test_a_job_cancelled_in_the_middle_is_noted_in_the_ledger(shop, queue, tmp_path):
    """Its last unit puts things in order, and nothing is delivered."""
    accepted = shop.submit(queue, native(tmp_path, "cut", 130))
    carry_out(Hold(queue, queue.claim("here")), queue, UnitExecutor(shop.settings))
    cancel_job(accepted.job_id[:6], shop.settings, queue)
    shop.work_off(queue)
    assert Ledger(shop.settings.home).find(accepted.job_id).state == "cancelled"
    assert not Path(shop.settings.home / "runs" / accepted.job_id).exists()


def test_a_unit_that_got_further_is_not_taken_for_poison(shop, queue, tmp_path):
    """Attempts that ended without progress count; those that added samples do not."""
    accepted = shop.submit(queue, native(tmp_path, "fine"))
    journal = shop.settings.home / "work" / "jobs" / accepted.job_id / "0-fine.000000000.jsonl"
    shop.work_off(queue)
    rows = (
        (shop.settings.home / "runs" / accepted.job_id / "answers" / journal.name)
        .read_bytes()
        .splitlines(keepends=True)
    )
    accepted = shop.submit(queue, native(tmp_path, "fine"))
    journal = shop.settings.home / "work" / "jobs" / accepted.job_id / journal.name
    journal.parent.mkdir(parents=True)
    for attempt in range(8):
        journal.write_bytes(b"".join(rows[:attempt]))
        hold = Hold(queue, queue.claim("here", unit_id=f"{accepted.job_id}.0"))
        hold.tell_now(Progress(task="fine", done=attempt, total=12))
        assert hold.claim.attempts_left >= 3
        run_out(queue)
        queue.sweep()
    shop.work_off(queue)
    assert queue.show(accepted.job_id).job.state == "completed"
