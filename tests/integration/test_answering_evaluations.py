"""What the service answers of real evaluations: from a real queue, ledger and bundle."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from answering_values import some_submission
from command_files import write_command
from evaltrail.core.errors import InputError
from evaltrail.core.submission import Benchmark, ModelChoice, PrimaryScore, Submission, SubmissionRequest
from evaltrail.jobs.carrying import carry_out
from evaltrail.jobs.hints import open_hints
from evaltrail.jobs.hold import Hold
from evaltrail.jobs.opening import open_queue
from evaltrail.service.answering.answers import Answers
from evaltrail.service.submitting.acceptor import Acceptor
from evaltrail.service.working.execute import UnitExecutor
from evaltrail.service.working.submit import EVALUATION
from lease_queues import some_job
from native_tasks import native
from order_shop import Shop


@pytest.fixture
def shop(tmp_path):
    write_command(tmp_path / "commands", "sums")
    return Shop(tmp_path)


@pytest.fixture
def queue(shop):
    with open_queue(shop.settings) as opened:
        yield opened


@pytest.fixture
def answers(shop, queue):
    return Answers(shop.settings, queue)


def submission(tmp_path, **changes):
    """A task file of twelve samples, and a program's results over four; nothing lands anywhere."""
    model = replace(some_submission().model, name="baseline:majority")
    benchmarks = (
        Benchmark(
            id="mine",
            provider_id="native",
            task=str(native(tmp_path, "mine")),
            primary_score=PrimaryScore(metric="exact_match"),
            weight=3.0,
            threshold=0.01,
        ),
        Benchmark(id="sums", provider_id="command", task="command/sums", primary_score=PrimaryScore(metric="acc")),
    )
    usual = {"model": model, "benchmarks": benchmarks, "data_root": str(tmp_path), "experiment": "eval-hub_e"}
    return Submission(**{**usual, **changes})


def accept(shop, queue, *submissions):
    """The ids of evaluations that the service accepted."""
    request = SubmissionRequest(model=ModelChoice(name="m"))
    with open_hints(shop.settings, notice=print) as hints, Acceptor(queue, hints) as acceptor:
        return [acceptor.accept(each, request).result(5).evaluation_id for each in submissions]


def work(shop, queue, units):
    """Do so many units that are due."""
    executor = UnitExecutor(shop.settings)
    for _ in range(units):
        carry_out(Hold(queue, queue.claim("here")), queue, executor, first_pause_s=0.0)


@pytest.fixture
def finished(shop, queue, tmp_path):
    """An evaluation that is over: a task of ours and a program's, delivered nowhere."""
    accepted = shop.submit(queue, native(tmp_path, "mine"), "command/sums")
    shop.work_off(queue)
    return accepted.job_id


def test_an_evaluation_is_told_from_its_acceptance_on(shop, queue, answers, tmp_path):
    """Waiting, planned, asked: each step shows, with labels that lists are filtered by."""
    (mine,) = accept(shop, queue, submission(tmp_path, tags={"team": "a"}, name="nightly"))
    assert [each.phase for each in answers.evaluation(mine[:6]).benchmarks] == ["initializing"] * 2
    work(shop, queue, 1)
    assert (answers.evaluation(mine).state, answers.evaluation(mine).benchmarks[0].progress.total) == ("running", 12)
    work(shop, queue, 1)
    account = answers.evaluation(mine)
    assert [(each.state, each.phase) for each in account.benchmarks] == [
        ("running", "post_processing"),
        ("pending", "loading_data"),
    ]
    assert (account.benchmarks[0].progress.done, account.name, account.mlflow_sync) == (12, "nightly", "pending")
    live = answers.samples(mine, benchmark="mine", limit=5)
    assert (len(live.items), live.is_final) == (5, False)
    assert "12 samples are answered" in answers.logs(mine).text
    assert answers.results(mine).benchmarks[0].metrics == ()


def test_a_page_tells_each_evaluation_as_it_is_told_alone(shop, queue, answers, tmp_path):
    """The same accounts, newest first, by the filters of the contract; other jobs are no evaluations."""
    first, second, third = accept(
        shop,
        queue,
        submission(tmp_path, tags={"team": "a"}, name="n"),
        submission(tmp_path, tags={"team": "a", "x": ""}, callback_url="https://ci/hook"),
        submission(tmp_path, tags={"team": "b"}, experiment="eval-hub_f"),
    )
    queue.submit(some_job(kind="other"))
    work(shop, queue, 1)
    page = answers.page()
    assert {each.id for each in page.items} == {first, second, third}
    assert list(page.items) == [answers.evaluation(each.id) for each in page.items]
    assert {each.id for each in answers.page(tags={"team": "a"}).items} == {first, second}
    assert {each.id for each in answers.page(tags={"team": "a", "x": ""}).items} == {second}
    assert {each.id for each in answers.page(experiment="eval-hub_f").items} == {third}
    assert {each.id for each in answers.page(name="n").items} == {first}
    assert answers.page(status="pending").total_count == 2
    two = answers.page(limit=2)
    assert [each.id for each in answers.page(limit=2, cursor=two.next_cursor).items] == [page.items[2].id]
    assert answers.evaluation(second).callback.state == "pending"


@pytest.mark.parametrize("changes", [{"limit": 0}, {"limit": 101}, {"status": "done"}, {"cursor": "x"}])
def test_what_no_list_can_be_is_refused(answers, changes):
    """Limits, states and cursors that are none are told by name."""
    with pytest.raises(InputError) as caught:
        answers.page(**changes)
    assert caught.value.where in changes


def test_results_come_from_the_bundle(answers, finished):
    """Every benchmark with its metrics, counts and files; the program's too."""
    results = answers.results(finished)
    mine, sums = results.benchmarks
    assert [(metric.name, metric.n) for metric in mine.metrics] == [("exact_match", 12)]
    assert [(metric.name, metric.value) for metric in sums.metrics] == [("acc,none", 0.75)]
    assert {"samples.parquet", "harness/1/given.txt"} < {each.path for each in results.artifacts}
    summary = answers.summary(finished)
    assert (summary.state, summary.samples.total, summary.mlflow_sync) == ("completed", 16, "off")
    assert summary.duration_s > 0


def test_samples_of_ours_and_of_programs_are_paged(answers, finished):
    """Journals here, a parquet file in a child there: the same pages to the client."""
    first = answers.samples(finished, benchmark="task", limit=10)
    rest = answers.samples(finished, benchmark="task", limit=10, cursor=first.next_cursor)
    assert [each.index for page in (first, rest) for each in page.items] == list(range(12))
    assert first.items[0].scores["exact_match"].value is True
    theirs = answers.samples(finished, benchmark="command/sums", limit=3)
    last = answers.samples(finished, benchmark="1", limit=3, cursor=theirs.next_cursor)
    assert [each.id for page in (theirs, last) for each in page.items] == ["0", "1", "2", "3"]
    assert [each.scores["acc,none"].value for each in theirs.items] == [0.0, 1.0, 1.0]
    wrong = answers.samples(finished, benchmark="sums", only="failed")
    assert ([each.id for each in wrong.items], wrong.next_cursor) == (["0"], "")


def test_a_samples_file_that_is_broken_is_told(shop, answers, finished):
    """What the child says comes back as an error of ours."""
    (shop.settings.home / "runs" / finished / "samples.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(InputError) as caught:
        answers.samples(finished, benchmark="sums")
    assert (caught.value.code, caught.value.where) == ("broken_bundle", "samples.parquet")


def test_evaluations_are_compared_and_all_unknown_ids_are_told(shop, queue, answers, finished, tmp_path):
    """Whole ids or beginnings; a mistake names every id that means nothing."""
    other = shop.submit(queue, native(tmp_path, "mine")).job_id
    shop.work_off(queue)
    found = answers.compare([finished, other[:8]])
    assert [[each.missing for each in metric.values] for metric in found.metrics] == [["", ""], ["", "not_run"]]
    with pytest.raises(InputError, match="'nope', 'neither'") as caught:
        answers.compare([finished, "nope", "neither"])
    assert caught.value.code == "unknown_id"
    with pytest.raises(InputError, match="1 evaluations"):
        answers.compare([finished, finished[:8]])


def test_events_end_with_the_evaluation(queue, answers, finished):
    """From any event on; after the last one there is nothing, and that is said."""
    whole = answers.events(finished)
    assert [each.data["state"] for each in whole.events if each.kind == "state"] == ["pending", "running", "completed"]
    assert (whole.is_over, whole.progress.done) == (True, 12)
    middle = whole.events[2].event_id
    assert answers.events(finished, middle).events == whole.events[3:]
    assert (answers.events(finished, whole.after).events, answers.events(finished, whole.after).is_over) == ((), True)
    assert answers.events(finished, 10**9).is_over
    fresh = queue.submit(some_job(kind=EVALUATION)).job_id
    assert not answers.events(fresh, answers.events(fresh).after).is_over
    with pytest.raises(InputError, match="nope"):
        answers.events("nope")


def test_an_evaluation_is_called_off_once(shop, queue, answers, tmp_path):
    """Nobody had begun it: it is over at once; what is over cannot be called off."""
    (mine,) = accept(shop, queue, submission(tmp_path))
    account = answers.cancel(mine)
    assert (account.state, {each.state for each in account.benchmarks}) == ("cancelled", {"cancelled"})
    assert account.mlflow_sync == "off"
    with pytest.raises(InputError) as caught:
        answers.cancel(mine)
    assert caught.value.code == "already_ended"


def test_an_evaluation_in_hand_runs_until_its_worker_lets_go(shop, queue, answers, tmp_path):
    """It is running with a message that says so, and cannot be deleted yet."""
    (mine,) = accept(shop, queue, submission(tmp_path))
    queue.claim("somebody")
    account = answers.cancel(mine)
    assert (account.state, account.message.message_code) == ("running", "cancelling")
    with pytest.raises(InputError) as caught:
        answers.delete(mine)
    assert caught.value.code == "not_ended"


def test_deleting_leaves_nothing_here(shop, queue, answers, finished):
    """Job, events, bundle, work and ledger's entry are gone; others stay."""
    answers.delete(finished)
    home = shop.settings.home
    assert not (home / "runs" / finished).exists()
    assert not (home / "work/jobs" / finished).exists()
    assert queue.list().total == 0
    for gone in (answers.evaluation, answers.results, answers.delete):
        with pytest.raises(InputError) as caught:
            gone(finished)
        assert caught.value.code == "unknown_id"


def test_an_evaluation_without_a_score_has_failed_in_lists_too(shop, queue, answers, tmp_path):
    """All its units were done; that nothing could be scored is known to the bundle alone."""
    task = native(tmp_path, "mine", metrics=[{"numeric": {}}])
    accepted = shop.submit(queue, task)
    shop.work_off(queue)
    assert queue.show(accepted.job_id).job.state == "failed"
    (listed,) = answers.page().items
    assert ([each.state for each in listed.benchmarks], listed) == (["failed"], answers.evaluation(accepted.job_id))
    assert answers.results(accepted.job_id).benchmarks[0].error.code == "task_failed"
    (shop.settings.home / "runs" / accepted.job_id / "bundle.json").write_text("{")
    assert [each.id for each in answers.page().items] == [accepted.job_id]


def test_jobs_of_other_kinds_are_no_evaluations(queue, answers):
    """Their ids mean nothing here."""
    other = queue.submit(some_job(kind="landing")).job_id
    with pytest.raises(InputError) as caught:
        answers.evaluation(other)
    assert caught.value.code == "unknown_id"


def test_answering_loads_nothing_heavy():
    """The process that answers holds neither MLflow nor what reads tables and runs models."""
    program = (
        "import sys, evaltrail.service.answering.answers\n"
        "heavy = {'mlflow', 'pandas', 'numpy', 'pyarrow', 'lm_eval', 'torch', 'aiohttp', 'datasets'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
def test_runs_in_mlflow_are_told_with_links(tmp_path, mlflow_url):
    """Once delivered: the run's id, the experiment's, and where MLflow's pages show them."""
    write_command(tmp_path / "commands", "sums")
    shop = Shop(tmp_path, MLFLOW_TRACKING_URI=mlflow_url)
    with open_queue(shop.settings) as queue:
        (mine,) = accept(shop, queue, submission(tmp_path, experiment=f"answers {tmp_path.name}"))
        shop.work_off(queue)
        account = Answers(shop.settings, queue).evaluation(mine)
        listed = Answers(shop.settings, queue).page().items[0]
    (run,) = account.runs
    assert (account.mlflow_sync, listed) == ("synced", account)
    assert run.url == f"{mlflow_url}/#/experiments/{account.experiment.id}/runs/{run.run_id}"
    assert account.experiment.url == f"{mlflow_url}/#/experiments/{account.experiment.id}"
